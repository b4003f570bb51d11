//! What a meter must know to decide.

use chrono::NaiveDate;
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    MeterCommand, MeterEvent, MeterKind, MeterRefusal, Registered, Zone,
    history::History,
    values::{ZoneValues, total},
};
use crate::{Issued, Personal, Quantity, decider::decide_into};

/// The meter aggregate.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Meter {
    /// The meter as it hangs; none until it is registered.
    pub(super) device: Option<Device>,
}

/// A meter that is registered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Device {
    pub(super) particulars: Particulars,
    pub(super) archived: bool,
    /// The holder of its account was erased, for good.
    #[serde(default)]
    pub(super) holder_erased: bool,
    pub(super) history: History,
}

/// What a meter was registered with; the verification is the newest.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Particulars {
    pub(super) account_id: Uuid,
    pub(super) kind: MeterKind,
    pub(super) zones: u8,
    pub(super) digits: u8,
    pub(super) serial_number: String,
    pub(super) place: Personal<String>,
    pub(super) verification_due_on: Option<NaiveDate>,
    pub(super) initial_values: ZoneValues,
}

impl Particulars {
    /// The zones that the meter shows.
    pub(super) fn zone_list(&self) -> Vec<Zone> {
        Zone::ALL.into_iter().take(self.zones.into()).collect()
    }

    /// How much the counter counts before it starts again at zero.
    pub(super) fn capacity(&self) -> Quantity {
        let capacity =
            10_i64.checked_pow(self.digits.into()).and_then(|units| units.checked_mul(1000));
        Quantity(capacity.unwrap_or(i64::MAX))
    }

    /// The largest value that the counter shows.
    pub(super) fn value_max(&self) -> Quantity {
        Quantity(self.capacity().milli() - 1)
    }
}

impl From<Registered> for Device {
    fn from(registered: Registered) -> Self {
        let initial_values = ZoneValues::from(&registered.initial_values_milli);
        Self {
            particulars: Particulars {
                account_id: registered.account_id,
                kind: registered.kind,
                zones: registered.zones,
                digits: registered.digits,
                serial_number: registered.serial_number,
                place: registered.place,
                verification_due_on: registered.verification_due_on,
                initial_values,
            },
            archived: false,
            holder_erased: false,
            history: History::opened(initial_values, registered.registered_on),
        }
    }
}

impl Device {
    fn apply(&mut self, event: MeterEvent) {
        match event {
            MeterEvent::Registered(registered) => *self = registered.into(),
            MeterEvent::ReadingSubmitted(reading) => self.history.submitted(
                reading.reading_id,
                (reading.taken_on, reading.period),
                (&reading.values_milli).into(),
                total(&reading.consumption_milli),
            ),
            MeterEvent::ReadingCorrected(reading) => self
                .history
                .corrected((&reading.values_milli).into(), total(&reading.consumption_milli)),
            MeterEvent::VerificationRenewed(renewed) => {
                self.particulars.verification_due_on = Some(renewed.verification_due_on);
            }
            MeterEvent::Archived(_) => self.archived = true,
            MeterEvent::HolderErased(_) => {
                self.holder_erased = true;
                self.particulars.place = Personal::Redacted;
            }
        }
    }
}

impl Aggregate for Meter {
    const TYPE: &'static str = "meter";

    type Command = Issued<MeterCommand>;
    type Event = MeterEvent;
    type Error = MeterRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        decide_into(self, command, sink).await
    }

    fn apply(&mut self, event: MeterEvent) {
        match (event, &mut self.device) {
            (MeterEvent::Registered(registered), device) => *device = Some(registered.into()),
            (event, Some(device)) => device.apply(event),
            // A change of nothing: no decision leads to it, and replay must not stop at it.
            (_, None) => {}
        }
    }
}
