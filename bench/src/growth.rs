//! How the cost of a command grows with the log, with the number of tenants, and on one hot stream.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use async_trait::async_trait;
use kontor_commands::EventStore;
use kontor_domain::EventBody;
use kontor_postgres::EventReader;
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    drive::{Contender, Run, drive},
    histogram::Histogram,
    in_process::Kontor,
    machine::resident_bytes,
    report::Latency,
    tell,
    workload::{Reading, Workload},
};

/// The events of each preloaded meter: put into service, then some eight years of monthly readings.
const EVENTS_PER_METER: u64 = 100;
/// How many events one statement writes.
const PORTION: u64 = 500_000;
/// How many old meters are read, and how many pages.
const SAMPLES: u64 = 500;
/// The size of a page, as a follower that is up to date reads it.
const PAGE_EVENTS: u32 = 500;
/// The number of callers of every run.
const CALLERS: usize = 64;
/// Numbers of tenants.
const TENANTS: [usize; 3] = [1, 10, 100];
/// The receipts that a log of any size has: those of the retention time.
const RECEIPTS_MAX: u64 = 1_000_000;

/// What was measured on a log of one size.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Growth {
    /// The events that were in the log before.
    pub(crate) events: u64,
    /// Commands in process.
    pub(crate) run: Run,
    /// Reading a meter with its hundred events that is not in memory, from all over the log.
    pub(crate) load: Latency,
    /// Reading a page of the log at any place.
    pub(crate) page: Latency,
    /// What one event takes on the disk, receipts and indexes included.
    pub(crate) bytes_per_event: u64,
    /// The resident memory of this process afterwards.
    pub(crate) resident: u64,
}

/// Measures a log that has `events` events already.
pub(crate) async fn measure(kontor: &Kontor, events: u64, seconds: u64) -> anyhow::Result<Growth> {
    tell(&format!("{events} events are written beforehand"));
    preload(&kontor.pool, &kontor.workload, events).await?;
    for statement in ["vacuum analyze events", "vacuum analyze receipts", "checkpoint"] {
        sqlx::query(statement).execute(&kontor.pool).await?;
    }
    let contender: Arc<dyn Contender> = Arc::new(kontor.clone());
    tell(&format!("{CALLERS} callers on a log of {events} events"));
    let run = drive(&contender, CALLERS, seconds).await?;
    let load = load(kontor, events).await?;
    let page = page(kontor, events).await?;
    let bytes: i64 = sqlx::query_scalar(
        "select (pg_total_relation_size('events') + pg_total_relation_size('receipts'))
             / greatest((select max(position) from events), 1)",
    )
    .fetch_one(&kontor.pool)
    .await?;
    let resident = resident_bytes("self")?;
    Ok(Growth { events, run, load, page, bytes_per_event: u64::try_from(bytes)?, resident })
}

/// Writes meters with a hundred events each, their events spread over the whole log as they are in
/// life: first everybody's first event, then everybody's second.
async fn preload(pool: &PgPool, workload: &Workload, events: u64) -> anyhow::Result<()> {
    let meters = i64::try_from((events / EVENTS_PER_METER).max(1))?;
    let before: i64 =
        sqlx::query_scalar("select coalesce(max(position), 0) from events").fetch_one(pool).await?;
    let history = workload.history(Uuid::from_u128(1), i64::try_from(EVENTS_PER_METER)?)?;
    let types: Vec<&str> = history.iter().map(EventBody::wire_type).collect();
    let payloads = history.iter().map(EventBody::to_payload).collect::<Result<Vec<String>, _>>()?;
    let wanted = i64::try_from(events)?;
    let mut written = 0;
    while written < wanted {
        let portion = i64::try_from(PORTION)?.min(wanted - written);
        sqlx::query(
            "insert into events
             select $1 + n, $2, 'meter', ('018f0000-0000-7000-8000-' || lpad(to_hex(m), 12, '0'))::uuid,
                 v, gen_random_uuid(), ($3::text[])[v], 1, ($4::text[])[v]::jsonb,
                 jsonb_build_object('actor', jsonb_build_object('kind', 'system', 'name', 'bench'),
                     'command_id', $7::uuid, 'correlation_id', $7::uuid),
                 clock_timestamp(), clock_timestamp()
             from generate_series($5::bigint + 1, $5 + $6) n,
                 lateral (select (n - 1) % $8::bigint as m, (n - 1) / $8 + 1 as v) of_meter",
        )
        .bind(before)
        .bind(workload.tenant.as_str())
        .bind(&types)
        .bind(&payloads)
        .bind(written)
        .bind(portion)
        .bind(Uuid::from_u128(1))
        .bind(meters)
        .execute(pool)
        .await
        .context("the log cannot be filled")?;
        written += portion;
    }
    sqlx::query(
        "insert into receipts (tenant, command_id, fingerprint, stream_type, stream_id, version,
             first_position, last_position, recorded_at)
         select tenant, event_id, '\\x00', stream_type, stream_id, version, position, position,
             recorded_at
         from events where position > $1 and position > $2",
    )
    .bind(before)
    .bind(before + wanted - i64::try_from(RECEIPTS_MAX)?)
    .execute(pool)
    .await
    .context("the receipts cannot be filled")?;
    Ok(())
}

/// Old meters, spread evenly, none twice: none of them is in the router's memory.
async fn load(kontor: &Kontor, events: u64) -> anyhow::Result<Latency> {
    let meters = (events / EVENTS_PER_METER).max(1);
    let latencies = Histogram::new();
    for sample in 0..SAMPLES.min(meters) {
        let number = sample * meters / SAMPLES.min(meters);
        let meter = Uuid::parse_str(&format!("018f0000-0000-7000-8000-{number:012x}"))?;
        let began = Instant::now();
        let stream = kontor.log.load(&kontor.workload.tenant, meter, 0).await?;
        latencies.record(began.elapsed());
        ensure!(!stream.events.is_empty(), "the meter {meter} has no events");
    }
    Ok(Latency::of(&latencies))
}

async fn page(kontor: &Kontor, events: u64) -> anyhow::Result<Latency> {
    let reader = EventReader::new(kontor.pool.clone());
    let latencies = Histogram::new();
    for sample in 0..SAMPLES {
        let after = i64::try_from(sample * events / SAMPLES)?;
        let began = Instant::now();
        let page = reader.page(after, PAGE_EVENTS, &[]).await?;
        latencies.record(began.elapsed());
        ensure!(!page.events.is_empty(), "there is nothing behind {after}");
    }
    Ok(Latency::of(&latencies))
}

/// The same commands spread over some tenants.
pub(crate) async fn tenants(kontor: &Kontor, seconds: u64) -> anyhow::Result<Vec<(usize, Run)>> {
    let mut runs = Vec::new();
    for tenants in TENANTS {
        tell(&format!("{CALLERS} callers in {tenants} tenants"));
        let mut workloads = Vec::with_capacity(tenants);
        for number in 0..tenants {
            let workload = Workload::of(&format!("bench_{tenants}_{number}"))?;
            kontor.route(workload.create_tenant()?).await?;
            workloads.push(workload);
        }
        let contender: Arc<dyn Contender> = Arc::new(Spread { kontor: kontor.clone(), workloads });
        runs.push((tenants, drive(&contender, CALLERS, seconds).await?));
    }
    Ok(runs)
}

/// All callers on one meter, whose commands can only be carried out one after the other.
pub(crate) async fn hot_stream(kontor: &Kontor, seconds: u64) -> anyhow::Result<Run> {
    tell(&format!("{CALLERS} callers on one stream"));
    let meter = Uuid::now_v7();
    kontor.route(kontor.workload.register_envelope(meter)?).await?;
    let contender: Arc<dyn Contender> = Arc::new(Hot { kontor: kontor.clone(), meter });
    drive(&contender, CALLERS, seconds).await
}

/// Meters shared out to tenants by their id.
struct Spread {
    kontor: Kontor,
    workloads: Vec<Workload>,
}

impl Spread {
    fn workload(&self, meter: Uuid) -> anyhow::Result<&Workload> {
        let number = meter.as_u128() % self.workloads.len() as u128;
        self.workloads.get(usize::try_from(number)?).context("there is no tenant")
    }
}

#[async_trait]
impl Contender for Spread {
    fn name(&self) -> &'static str {
        crate::report::IN_PROCESS
    }

    async fn register(&self, meter: Uuid) -> anyhow::Result<()> {
        self.kontor.route(self.workload(meter)?.register_envelope(meter)?).await.map(drop)
    }

    async fn submit(&self, reading: Reading) -> anyhow::Result<()> {
        let envelope = self.workload(reading.meter)?.reading_envelope(reading)?;
        self.kontor.route(envelope).await.map(drop)
    }
}

/// One meter for all, which shows the same value again and again: an equal value is accepted.
struct Hot {
    kontor: Kontor,
    meter: Uuid,
}

#[async_trait]
impl Contender for Hot {
    fn name(&self) -> &'static str {
        crate::report::IN_PROCESS
    }

    async fn register(&self, _: Uuid) -> anyhow::Result<()> {
        Ok(())
    }

    async fn submit(&self, _: Reading) -> anyhow::Result<()> {
        let reading = Reading { meter: self.meter, number: 1 };
        let envelope = self.kontor.workload.reading_envelope(reading)?;
        self.kontor.route(envelope).await.map(drop)
    }
}
