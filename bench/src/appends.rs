//! Appends straight to the log, without aggregates: what the log alone can take.

use anyhow::bail;
use async_trait::async_trait;
use kontor_commands::{Append, AppendOutcome, EventStore, Expected, NewEvent, clock};
use kontor_domain::{EventBody, Metadata, TenantId};
use kontor_postgres::EventLog;
use uuid::Uuid;

use crate::{
    drive::Contender,
    workload::{Reading, Workload},
};

/// The log with readings decided beforehand.
pub(crate) struct Appends {
    log: EventLog,
    workload: Workload,
    registered: NewEvent,
    submitted: NewEvent,
}

impl Appends {
    pub(crate) fn new(log: EventLog, workload: Workload) -> anyhow::Result<Self> {
        let history = workload.history(Uuid::now_v7(), 2)?;
        let [registered, submitted] = &history[..] else {
            bail!("a meter's history of two events has {}", history.len())
        };
        let (registered, submitted) = (new_event(registered)?, new_event(submitted)?);
        Ok(Self { log, workload, registered, submitted })
    }

    async fn append(&self, meter: Uuid, version: i64, event: &NewEvent) -> anyhow::Result<()> {
        let event = NewEvent { event_id: Uuid::now_v7(), ..event.clone() };
        let stream = Stream { version, ..Stream::of_meter(meter) };
        append(&self.log, &self.workload, stream, vec![event]).await
    }
}

#[async_trait]
impl Contender for Appends {
    fn name(&self) -> &'static str {
        crate::report::LOG
    }

    async fn register(&self, meter: Uuid) -> anyhow::Result<()> {
        self.append(meter, 0, &self.registered).await
    }

    async fn submit(&self, reading: Reading) -> anyhow::Result<()> {
        self.append(reading.meter, reading.number, &self.submitted).await
    }
}

/// Where events are appended.
#[derive(Clone, Copy)]
pub(crate) struct Stream {
    /// What kind of aggregate it belongs to.
    pub(crate) stream_type: &'static str,
    pub(crate) id: Uuid,
    /// Whose data it may hold.
    pub(crate) subject: Option<Uuid>,
    /// How many events it has.
    pub(crate) version: i64,
}

impl Stream {
    /// A meter without events. Each meter of the workload has an account of its own.
    pub(crate) fn of_meter(meter: Uuid) -> Self {
        Self { stream_type: "meter", id: meter, subject: Some(meter), version: 0 }
    }
}

/// An event, ready for the log.
pub(crate) fn new_event(event: &impl EventBody) -> anyhow::Result<NewEvent> {
    Ok(NewEvent {
        event_id: Uuid::now_v7(),
        event_type: event.wire_type(),
        schema_version: event.schema_version(),
        payload: event.to_payload()?,
        personal_fields: event.personal_fields(),
    })
}

/// Appends events to a stream.
pub(crate) async fn append(
    log: &EventLog,
    workload: &Workload,
    stream: Stream,
    events: Vec<NewEvent>,
) -> anyhow::Result<()> {
    let command_id = Uuid::now_v7();
    let tenant: TenantId = workload.tenant.clone();
    let append = Append {
        tenant,
        command_id,
        fingerprint: *command_id.as_bytes(),
        stream_type: stream.stream_type,
        stream_id: stream.id,
        subject: stream.subject,
        expected: Expected::version(stream.version),
        events,
        refusal: None,
        metadata: Metadata {
            actor: workload.actor(),
            command_id,
            correlation_id: command_id,
            causation_id: None,
            trace: None,
        },
        occurred_at: clock::now(),
    };
    match log.append(append).await? {
        AppendOutcome::Appended { .. } => Ok(()),
        AppendOutcome::Duplicate(_) => bail!("a new command id was a duplicate"),
        AppendOutcome::Conflict { version: actual } => {
            bail!("a {} with {} events had {actual}", stream.stream_type, stream.version)
        }
    }
}
