//! The list of a person's meters, and how a meter is called.

use std::sync::Arc;

use kontor_domain::meter::MeterKind;
use kontor_projections::meters::MeterRow;

use super::{Reply, Schema, menu::Intent, when};
use crate::{
    format,
    outgoing::{Outgoing, button, cut},
    press::Press,
    texts::{Voice, say},
    turn::Turn,
};

/// The most meters that a person adds in the chat: each is a line and a button, and a keyboard of
/// more is not usable on a telephone. The staff may register more for them.
pub(super) const METERS_MAX: usize = 20;

/// The longest label of a button, in characters, that a telephone shows in one line.
const LABEL_LENGTH_MAX: usize = 38;

pub(super) fn schema() -> Schema {
    when(|turn| turn.intent == Some(Intent::Meters) || turn.press == Some(Press::Meters), list)
}

async fn list(turn: Arc<Turn>) -> Reply {
    let voice = turn.voice;
    let meters = turn.meters().await?;
    if meters.is_empty() {
        return Ok(turn.effects().idle().say(no_meters(voice)));
    }
    let mut text = say!(voice, "meters");
    for meter in meters.iter().take(METERS_MAX) {
        text.push_str("\n\n");
        text.push_str(&card(&turn, meter));
    }
    let message = turn.reply(text).buttons(vec![
        vec![button(say!(voice, "menu-reading"), Press::SubmitReading.to_string())],
        vec![button(say!(voice, "add-button"), Press::AddMeter.to_string())],
    ]);
    Ok(turn.effects().idle().say(message))
}

/// The reply of everything that needs a meter and finds none.
pub(super) fn no_meters(voice: Voice) -> Outgoing {
    Outgoing::text(say!(voice, "meters-none"))
        .buttons(vec![vec![button(say!(voice, "add-button"), Press::AddMeter.to_string())]])
}

/// A meter in the list: its name, its number, its last reading, its verification.
fn card(turn: &Turn, meter: &MeterRow) -> String {
    let voice = turn.voice;
    let mut lines = vec![full_name(voice, meter)];
    let values = format::readings(voice.language(), &meter.last_values);
    lines.push(match meter.last_taken_on {
        Some(day) => say!(
            voice,
            "meter-last",
            values = values,
            day = format::plain_day(&voice, day, turn.today)
        ),
        None => say!(voice, "meter-initial", values = values),
    });
    if let Some(due_on) = meter.verification_due_on {
        let due = format::plain_day(&voice, due_on, turn.today);
        lines.push(if due_on < turn.today {
            say!(voice, "meter-verification-overdue", due = due)
        } else {
            say!(voice, "meter-verification", due = due)
        });
    }
    lines.join("\n")
}

/// What a kind of meter is called.
pub(super) fn kind_name(voice: Voice, kind: MeterKind) -> String {
    match kind {
        MeterKind::Electricity => say!(voice, "kind-electricity"),
        MeterKind::ColdWater => say!(voice, "kind-cold-water"),
        MeterKind::HotWater => say!(voice, "kind-hot-water"),
        MeterKind::Gas => say!(voice, "kind-gas"),
        MeterKind::Heat => say!(voice, "kind-heat"),
    }
}

/// A meter's name with its place: `💧 Холодная вода · кухня`; without a place, with its number.
pub(crate) fn name(voice: Voice, meter: &MeterRow) -> String {
    let kind = kind_name(voice, meter.kind);
    if meter.place.is_empty() {
        format!("{kind} · №{}{}", format::NO_BREAK_SPACE, meter.serial_number)
    } else {
        format!("{kind} · {}", meter.place)
    }
}

/// A meter's name with its place and its number.
pub(super) fn full_name(voice: Voice, meter: &MeterRow) -> String {
    let kind = kind_name(voice, meter.kind);
    let number = format!("№{}{}", format::NO_BREAK_SPACE, meter.serial_number);
    if meter.place.is_empty() {
        format!("{kind} · {number}")
    } else {
        format!("{kind} · {} · {number}", meter.place)
    }
}

/// The label of a meter's button.
pub(super) fn label(voice: Voice, meter: &MeterRow) -> String {
    cut(name(voice, meter), LABEL_LENGTH_MAX)
}
