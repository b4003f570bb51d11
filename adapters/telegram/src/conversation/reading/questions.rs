//! The questions about a reading, with their buttons.

use kontor_domain::meter::Zone;
use kontor_projections::meters::MeterRow;
use teloxide::types::InlineKeyboardButton;

use super::zone_name;
use crate::{
    conversation::meters::{METERS_MAX, label, name},
    dialogue::{ReadingDraft, ReadingStage},
    format,
    outgoing::{Outgoing, button},
    press::{Answer, Press},
    texts::say,
    turn::Turn,
};

/// The question of a draft's stage. `meters` are those to choose from.
pub(super) fn question(
    turn: &Turn,
    draft: &ReadingDraft,
    (meter, meters): (Option<&MeterRow>, &[MeterRow]),
    message: impl FnOnce(String) -> Outgoing,
) -> Outgoing {
    let Some(meter) = meter else {
        let text = if draft.values.is_empty() {
            say!(turn.voice, "reading-which-meter")
        } else {
            let values = format::readings(turn.language(), &draft.values);
            say!(turn.voice, "reading-whose", values = values)
        };
        return message(text).buttons(meter_buttons(turn, meters));
    };
    message(text(turn, draft, meter)).buttons(buttons(turn, draft))
}

fn text(turn: &Turn, draft: &ReadingDraft, meter: &MeterRow) -> String {
    let voice = turn.voice;
    match draft.stage {
        ReadingStage::Meter => say!(voice, "reading-which-meter"),
        ReadingStage::Zone { zone } => zone_question(turn, draft, meter, zone),
        ReadingStage::Lower { zone } => {
            let last = meter.last_values.get(&zone).copied().unwrap_or_default();
            let now = draft.values.get(&zone).copied().unwrap_or_default();
            say!(
                voice,
                "reading-lower",
                zone = zone_name(turn, meter, zone),
                last = format::reading(voice.language(), last),
                submitted = format::reading(voice.language(), now)
            )
        }
        ReadingStage::Review | ReadingStage::Confirm => {
            let values = format::readings(voice.language(), &draft.values);
            say!(voice, "reading-review", meter = name(voice, meter), values = values)
        }
        ReadingStage::Photo => say!(voice, "refused-photo-needed"),
    }
}

/// Asks for one zone, with what it showed last.
fn zone_question(turn: &Turn, draft: &ReadingDraft, meter: &MeterRow, zone: Zone) -> String {
    let voice = turn.voice;
    let meter_name = name(voice, meter);
    let zone_label = zone_name(turn, meter, zone);
    let last = meter.last_values.get(&zone).copied().unwrap_or_default();
    let last = format::reading(voice.language(), last);
    if draft.corrects.is_some() {
        return say!(
            voice,
            "reading-correct-zone",
            meter = meter_name,
            zone = zone_label,
            last = last
        );
    }
    match meter.last_taken_on {
        Some(day) => say!(
            voice,
            "reading-zone",
            meter = meter_name,
            zone = zone_label,
            last = last,
            day = format::plain_day(&voice, day, turn.today)
        ),
        None => {
            say!(voice, "reading-zone-first", meter = meter_name, zone = zone_label, last = last)
        }
    }
}

fn meter_buttons(turn: &Turn, meters: &[MeterRow]) -> Vec<Vec<InlineKeyboardButton>> {
    let mut rows: Vec<Vec<InlineKeyboardButton>> = meters
        .iter()
        .take(METERS_MAX)
        .map(|meter| vec![turn.answer_button(label(turn.voice, meter), Answer::Meter(meter.id))])
        .collect();
    rows.push(vec![turn.answer_button(say!(turn.voice, "cancel"), Answer::Cancel)]);
    rows
}

fn buttons(turn: &Turn, draft: &ReadingDraft) -> Vec<Vec<InlineKeyboardButton>> {
    let voice = turn.voice;
    let answer = |label: String, answer: Answer| turn.answer_button(label, answer);
    let cancel = || answer(say!(voice, "cancel"), Answer::Cancel);
    match draft.stage {
        ReadingStage::Meter | ReadingStage::Photo => vec![vec![cancel()]],
        ReadingStage::Zone { zone } => {
            if zone == Zone::T1 && !draft.chosen {
                vec![vec![cancel()]]
            } else {
                vec![vec![answer(say!(voice, "back"), Answer::Back), cancel()]]
            }
        }
        ReadingStage::Lower { .. } => vec![
            vec![
                answer(say!(voice, "yes-right"), Answer::Yes),
                answer(say!(voice, "correct"), Answer::Edit),
            ],
            vec![replaced_button(turn), cancel()],
        ],
        ReadingStage::Review => vec![
            vec![answer(say!(voice, "reading-send"), Answer::Yes)],
            vec![answer(say!(voice, "correct"), Answer::Edit), cancel()],
        ],
        ReadingStage::Confirm => vec![
            vec![
                answer(say!(voice, "yes-right"), Answer::Yes),
                answer(say!(voice, "correct"), Answer::Edit),
            ],
            vec![cancel()],
        ],
    }
}

/// The way on when a meter was replaced: the new one is added, the old one is taken out of service
/// by the staff.
pub(super) fn replaced_button(turn: &Turn) -> InlineKeyboardButton {
    button(say!(turn.voice, "replaced"), Press::AddMeter.to_string())
}
