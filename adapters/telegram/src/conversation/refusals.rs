//! Words a refusal for people: what was read, what stands against it, what would be right.

use chrono::NaiveDate;
use kontor_domain::{
    RefusalDocument,
    account::AccountRefusal,
    meter::{MeterKind, MeterRefusal, Zone},
};

use crate::{
    format,
    texts::{Voice, say},
};

/// What the words depend on besides the refusal itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) voice: Voice,
    pub(super) kind: MeterKind,
    /// How many zones the meter has: a lone zone is not named.
    pub(super) zones: u8,
    pub(super) today: NaiveDate,
}

/// Words a refusal of an account's command.
pub(super) fn account(voice: Voice, refusal: &RefusalDocument) -> String {
    match refusal.to_refusal::<AccountRefusal>() {
        Ok(AccountRefusal::TenantUnknown) => say!(voice, "refused-tenant-unknown"),
        Ok(AccountRefusal::AccountExists) => say!(voice, "refused-account-exists"),
        Ok(AccountRefusal::AccountUnknown) => say!(voice, "refused-account-unknown"),
        Ok(AccountRefusal::AccountErased) => say!(voice, "refused-account-erased"),
        Ok(AccountRefusal::NotAllowed) => say!(voice, "refused-not-allowed"),
        Ok(AccountRefusal::TextOutOfRange { field: _, length_max }) => {
            say!(voice, "refused-text-length", max = length_max)
        }
        Ok(AccountRefusal::WindowOpen { closes_on: _ }) => say!(voice, "remind-window-open"),
        // Only Kontor itself names bots and reminds, so a person cannot do anything about it.
        Ok(AccountRefusal::TooManyBots { .. } | AccountRefusal::ReminderNotInPlace { .. })
        | Err(_) => other(voice, refusal),
    }
}

/// Words a refusal of a credit ledger's command.
pub(super) fn credits(voice: Voice, refusal: &RefusalDocument) -> String {
    let known = refusal.to_refusal().ok();
    let words = known.and_then(|refusal| super::credits::refused(voice, &refusal));
    words.unwrap_or_else(|| other(voice, refusal))
}

/// Words a refusal of a billing's command, as far as a customer can meet it.
pub(super) fn billing(voice: Voice, refusal: &RefusalDocument) -> String {
    use kontor_domain::billing::BillingRefusal as No;
    match refusal.to_refusal::<No>() {
        Ok(No::TenantUnknown) => say!(voice, "refused-tenant-unknown"),
        Ok(No::CreditsOff) => say!(voice, "refused-credits-off"),
        Ok(No::NotAllowed) => say!(voice, "refused-not-allowed"),
        Ok(No::BillingClosed) => say!(voice, "refused-account-erased"),
        Ok(
            No::NoMethod
            | No::MethodUnknown { .. }
            | No::OtherChannel { .. }
            | No::OutOfRange { .. }
            | No::CurrencyDiffers
            | No::NotCredits
            | No::ProviderUnfit,
        ) => say!(voice, "recharge-refused"),
        Ok(
            No::IdMismatch { .. }
            | No::Malformed { .. }
            | No::ChargeStopped
            | No::ChargeUnknown { .. },
        )
        | Err(_) => other(voice, refusal),
    }
}

/// Words a refusal that no aggregate made, such as a deadline that passed.
pub(super) fn other(voice: Voice, refusal: &RefusalDocument) -> String {
    tracing::warn!(refusal.code = refusal.code, "No words for the refusal `{}`", refusal.code);
    say!(voice, "refused-other")
}

/// Words a refusal of a meter's command.
pub(super) fn meter(about: About, refusal: &MeterRefusal) -> String {
    let About { voice, today, .. } = about;
    match refusal {
        MeterRefusal::TenantUnknown => say!(voice, "refused-tenant-unknown"),
        MeterRefusal::MeterUnknown => say!(voice, "refused-meter-unknown"),
        MeterRefusal::MeterExists => say!(voice, "refused-meter-exists"),
        MeterRefusal::NotAllowed => say!(voice, "refused-not-allowed"),
        MeterRefusal::MeterArchived => say!(voice, "refused-meter-archived"),
        MeterRefusal::AccountErased => say!(voice, "refused-account-erased"),
        MeterRefusal::FieldOutOfRange { field, expected: _ } => field_out_of_range(voice, field),
        MeterRefusal::ZonesMismatch { expected, given: _ } => {
            say!(voice, "refused-zones", example = zones_example(voice, expected))
        }
        MeterRefusal::ValueOutOfRange { .. }
        | MeterRefusal::ReadingBelowLast { .. }
        | MeterRefusal::RolloverNeedsConfirmation { .. }
        | MeterRefusal::UnusualNeedsConfirmation { .. } => figures(about, refusal),
        MeterRefusal::OutsideWindow { first_day, last_day, opens_on } => {
            say!(
                voice,
                "refused-outside-window",
                first = format::day_of_month(voice.language(), *first_day),
                last = format::day_of_month(voice.language(), *last_day),
                opens = format::day(&voice, *opens_on, today)
            )
        }
        MeterRefusal::VerificationOverdue { due_on } => {
            let due = format::plain_day(&voice, *due_on, today);
            say!(voice, "refused-verification", due = due)
        }
        MeterRefusal::TakenInFuture { taken_on, today } => say!(
            voice,
            "refused-taken-in-future",
            taken = format::plain_day(&voice, *taken_on, *today),
            today = format::plain_day(&voice, *today, *today)
        ),
        MeterRefusal::TakenBeforeLast { taken_on, last_taken_on } => say!(
            voice,
            "refused-taken-before-last",
            taken = format::plain_day(&voice, *taken_on, today),
            last = format::plain_day(&voice, *last_taken_on, today)
        ),
        MeterRefusal::PhotoNeeded => say!(voice, "refused-photo-needed"),
        MeterRefusal::NotLastReading => say!(voice, "refused-not-last"),
        MeterRefusal::CorrectionClosed { closed_on } => {
            let closed = format::plain_day(&voice, *closed_on, today);
            say!(voice, "refused-correction-closed", closed = closed)
        }
        MeterRefusal::SourceNotAllowed => say!(voice, "refused-source"),
        MeterRefusal::ReadingIdReused => say!(voice, "refused-reading-reused"),
    }
}

/// Words the refusals that hang on a figure.
fn figures(about: About, refusal: &MeterRefusal) -> String {
    let voice = about.voice;
    let reading = |value| format::reading(voice.language(), value);
    match refusal {
        MeterRefusal::ValueOutOfRange { zone, submitted_milli, value_max_milli, digits } => say!(
            voice,
            "refused-value",
            zone = zone_prefix(about, *zone),
            submitted = reading(*submitted_milli),
            max = format::quantity(voice.language(), *value_max_milli),
            digits = *digits
        ),
        MeterRefusal::ReadingBelowLast { zone, last_milli, submitted_milli } => say!(
            voice,
            "refused-below-last",
            zone = zone_prefix(about, *zone),
            last = reading(*last_milli),
            submitted = reading(*submitted_milli)
        ),
        MeterRefusal::RolloverNeedsConfirmation {
            zone,
            last_milli,
            submitted_milli,
            consumption_milli,
        } => say!(
            voice,
            "refused-rollover",
            zone = zone_prefix(about, *zone),
            last = reading(*last_milli),
            submitted = reading(*submitted_milli),
            consumption = format::amount(&voice, about.kind, *consumption_milli)
        ),
        MeterRefusal::UnusualNeedsConfirmation { consumption_milli, usual_milli, factor } => {
            // Said with the real proportion, which is at least the tenant's factor.
            let times = consumption_milli.milli().checked_div(usual_milli.milli());
            say!(
                voice,
                "refused-unusual",
                times = times.unwrap_or_else(|| i64::from(*factor)).max(i64::from(*factor)),
                consumption = format::amount(&voice, about.kind, *consumption_milli),
                usual = format::quantity(voice.language(), rounded(*usual_milli))
            )
        }
        MeterRefusal::TenantUnknown
        | MeterRefusal::MeterUnknown
        | MeterRefusal::MeterExists
        | MeterRefusal::NotAllowed
        | MeterRefusal::MeterArchived
        | MeterRefusal::AccountErased
        | MeterRefusal::FieldOutOfRange { .. }
        | MeterRefusal::ZonesMismatch { .. }
        | MeterRefusal::OutsideWindow { .. }
        | MeterRefusal::VerificationOverdue { .. }
        | MeterRefusal::TakenInFuture { .. }
        | MeterRefusal::TakenBeforeLast { .. }
        | MeterRefusal::PhotoNeeded
        | MeterRefusal::NotLastReading
        | MeterRefusal::CorrectionClosed { .. }
        | MeterRefusal::SourceNotAllowed
        | MeterRefusal::ReadingIdReused => say!(voice, "refused-other"),
    }
}

/// How a reading of these zones is written in one line: `Т1 1234 Т2 567`.
pub(super) fn zones_example(voice: Voice, zones: &[Zone]) -> String {
    if zones.len() < 2 {
        return "1234".to_owned();
    }
    let words: Vec<String> = zones
        .iter()
        .zip(["1234", "567", "89"])
        .map(|(zone, figure)| format!("{} {figure}", format::zone(voice.language(), *zone)))
        .collect();
    words.join(" ")
}

/// A usual amount is an average; more than one decimal would pretend precision.
pub(super) fn rounded(value: kontor_domain::Quantity) -> kontor_domain::Quantity {
    let step = if value.milli() >= 10_000 { 1000 } else { 100 };
    kontor_domain::Quantity(value.milli().saturating_add(step / 2) / step * step)
}

/// `Т1: ` where a meter has several zones.
fn zone_prefix(about: About, zone: Zone) -> String {
    if about.zones < 2 {
        String::new()
    } else {
        format!("{}: ", format::zone(about.voice.language(), zone))
    }
}

fn field_out_of_range(voice: Voice, field: &str) -> String {
    match field {
        "serial_number" => say!(voice, "wrong-serial"),
        "place" => say!(voice, "wrong-place"),
        "digits" => say!(voice, "wrong-digits"),
        "zones" => say!(voice, "wrong-zones"),
        "verification_due_on" => say!(voice, "wrong-verification"),
        _ => say!(voice, "refused-other"),
    }
}

#[cfg(test)]
mod tests;
