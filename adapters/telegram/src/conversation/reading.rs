//! Submitting and correcting readings: step by step, in one line, with a photo.

mod questions;
mod quick_line;
mod submit;

use std::{collections::BTreeMap, sync::Arc};

use kontor_domain::{Quantity, meter::Zone};
use kontor_projections::meters::MeterRow;
use uuid::Uuid;

use self::questions::question;
use super::{
    Reply, Schema,
    add_meter::{check_digits, figure_error},
    menu::Intent,
    meters::no_meters,
    when,
};
use crate::{
    dialogue::{ReadingDraft, ReadingStage, Step},
    format,
    input::Act,
    outgoing::Outgoing,
    press::{Answer, Press},
    quick,
    texts::say,
    turn::{Effects, Turn, TurnError},
};

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(
            |turn| {
                turn.intent == Some(Intent::SubmitReading)
                    || turn.press == Some(Press::SubmitReading)
            },
            begin,
        ))
        .branch(when(|turn| matches!(turn.press, Some(Press::Correct { .. })), begin_correction))
        .branch(when(|turn| is_open(turn) && turn.answer().is_some(), answered))
        .branch(when(|turn| is_open(turn) && is_message(turn), typed))
        .branch(quick_line::schema())
}

fn is_open(turn: &Turn) -> bool {
    matches!(turn.dialogue.step, Step::Reading(_))
}

fn is_message(turn: &Turn) -> bool {
    match turn.input.act {
        Act::Text(_) | Act::Photo { .. } | Act::OtherMessage | Act::Command { .. } => true,
        Act::Contact { .. }
        | Act::Press { .. }
        | Act::Membership { .. }
        | Act::Paid(_)
        | Act::PaidBack(_) => false,
    }
}

fn draft(turn: &Turn) -> ReadingDraft {
    match &turn.dialogue.step {
        Step::Reading(draft) => draft.clone(),
        Step::Idle | Step::AddMeter(_) | Step::Tutorial { .. } | Step::ReceiptPhone { .. } => {
            ReadingDraft::new()
        }
    }
}

/// The zones of a meter.
fn zones(meter: &MeterRow) -> &'static [Zone] {
    &Zone::ALL[..usize::from(meter.zones.clamp(1, 3))]
}

async fn begin(turn: Arc<Turn>) -> Reply {
    start(&turn, ReadingDraft::new()).await
}

/// Begins with what is known: chooses the meter when there is only one.
async fn start(turn: &Turn, mut draft: ReadingDraft) -> Reply {
    let meters = turn.meters().await?;
    if let [meter] = meters.as_slice() {
        draft.meter_id = Some(meter.id);
        draft.stage = ReadingStage::Zone { zone: Zone::T1 };
        return Ok(ask_new(turn, draft, Some(meter), &meters));
    }
    if meters.is_empty() {
        return Ok(turn.effects().idle().say(no_meters(turn.voice)));
    }
    draft.stage = ReadingStage::Meter;
    Ok(ask_new(turn, draft, None, &meters))
}

/// Asks in a new message: the message whose button was pressed stays as it is.
fn ask_new(
    turn: &Turn,
    draft: ReadingDraft,
    meter: Option<&MeterRow>,
    meters: &[MeterRow],
) -> Effects {
    let message = question(turn, &draft, (meter, meters), Outgoing::text);
    turn.effects().ask(turn, Step::Reading(draft), message)
}

/// Asks in place after a button, in a new message after a text; `hint` comes first.
fn ask(turn: &Turn, draft: ReadingDraft, meter: &MeterRow, hint: Option<String>) -> Effects {
    let message = question(turn, &draft, (Some(meter), &[]), |asked| match hint {
        Some(hint) => turn.reply(format!("{hint}\n\n{asked}")),
        None => turn.reply(asked),
    });
    turn.effects().ask(turn, Step::Reading(draft), message)
}

/// Begins to correct a reading. Whether it still may be corrected is for the meter to say.
async fn begin_correction(turn: Arc<Turn>) -> Reply {
    let Some(Press::Correct { meter_id, reading_id }) = turn.press else {
        return Ok(turn.effects());
    };
    let Some(meter) = turn.own_meter(meter_id).await? else {
        let text = say!(turn.voice, "refused-meter-unknown");
        return Ok(turn.effects().idle().say(Outgoing::text(text)));
    };
    if meter.last_reading_id != Some(reading_id) {
        let text = say!(turn.voice, "refused-not-last");
        return Ok(turn.effects().idle().say(Outgoing::text(text)));
    }
    let draft = ReadingDraft {
        stage: ReadingStage::Zone { zone: Zone::T1 },
        meter_id: Some(meter_id),
        corrects: Some(reading_id),
        ..ReadingDraft::new()
    };
    Ok(ask_new(&turn, draft, Some(&meter), &[]))
}

async fn answered(turn: Arc<Turn>) -> Reply {
    let mut draft = draft(&turn);
    let Some(answer) = turn.answer() else {
        return Ok(turn.effects());
    };
    match answer {
        Answer::Cancel => {
            let text = say!(turn.voice, "reading-cancelled");
            return Ok(turn.effects().idle().say(turn.reply(text)));
        }
        Answer::Meter(meter_id) if draft.stage == ReadingStage::Meter => {
            return choose_meter(&turn, draft, meter_id).await;
        }
        Answer::Back
        | Answer::Skip
        | Answer::Yes
        | Answer::Edit
        | Answer::Choice(_)
        | Answer::Meter(_) => {}
    }
    let Some(meter) = draft_meter(&turn, &draft).await? else {
        return start(&turn, ReadingDraft { meter_id: None, ..draft }).await;
    };
    match (draft.stage, answer) {
        (ReadingStage::Review | ReadingStage::Confirm, Answer::Yes) => {
            let confirmed = draft.stage == ReadingStage::Confirm;
            submit::submit(&turn, draft, &meter, confirmed).await
        }
        (ReadingStage::Lower { zone }, Answer::Yes) => advance(&turn, draft, &meter, zone).await,
        (ReadingStage::Lower { zone }, Answer::Edit) => {
            draft.values.remove(&zone);
            draft.stage = ReadingStage::Zone { zone };
            Ok(ask(&turn, draft, &meter, None))
        }
        (ReadingStage::Review | ReadingStage::Confirm, Answer::Edit) => {
            draft.values.clear();
            draft.stage = ReadingStage::Zone { zone: Zone::T1 };
            Ok(ask(&turn, draft, &meter, None))
        }
        (ReadingStage::Zone { zone }, Answer::Back) => back(&turn, draft, &meter, zone).await,
        (_, _) => Ok(ask(&turn, draft, &meter, None)),
    }
}

/// The question before: the zone before, or the choice of the meter.
async fn back(turn: &Turn, mut draft: ReadingDraft, meter: &MeterRow, zone: Zone) -> Reply {
    let before = zones(meter).iter().rev().find(|other| **other < zone).copied();
    if let Some(before) = before {
        draft.values.remove(&before);
        draft.stage = ReadingStage::Zone { zone: before };
        return Ok(ask(turn, draft, meter, None));
    }
    if !draft.chosen {
        return Ok(ask(turn, draft, meter, None));
    }
    let meters = turn.meters().await?;
    draft.meter_id = None;
    draft.stage = ReadingStage::Meter;
    let message = question(turn, &draft, (None, &meters), |text| turn.reply(text));
    Ok(turn.effects().ask(turn, Step::Reading(draft), message))
}

async fn choose_meter(turn: &Turn, mut draft: ReadingDraft, meter_id: Uuid) -> Reply {
    let Some(meter) = turn.own_meter(meter_id).await? else {
        let text = say!(turn.voice, "refused-meter-unknown");
        return Ok(turn.effects().idle().say(turn.reply(text)));
    };
    draft.meter_id = Some(meter.id);
    draft.chosen = true;
    // Figures that came before the meter was chosen: one line, checked against this meter now.
    if draft.values.is_empty() {
        draft.stage = ReadingStage::Zone { zone: Zone::T1 };
        return Ok(ask(turn, draft, &meter, None));
    }
    take_values(turn, draft, &meter).await
}

async fn draft_meter(turn: &Turn, draft: &ReadingDraft) -> Result<Option<MeterRow>, TurnError> {
    match draft.meter_id {
        Some(meter_id) => turn.own_meter(meter_id).await,
        None => Ok(None),
    }
}

/// A message while a question about a reading stands.
async fn typed(turn: Arc<Turn>) -> Reply {
    let mut draft = draft(&turn);
    let text = match &turn.input.act {
        Act::Text(text) => Some(text.trim().to_owned()),
        Act::Photo { file_id, caption } => {
            draft.photo = Some(file_id.clone());
            caption.as_deref().map(|caption| caption.trim().to_owned())
        }
        Act::Command { .. }
        | Act::OtherMessage
        | Act::Contact { .. }
        | Act::Press { .. }
        | Act::Membership { .. }
        | Act::Paid(_)
        | Act::PaidBack(_) => None,
    };
    let got_photo = matches!(turn.input.act, Act::Photo { .. });
    let Some(meter) = draft_meter(&turn, &draft).await? else {
        return quick_line::while_choosing(&turn, draft, text.as_deref()).await;
    };
    match (draft.stage, text) {
        (ReadingStage::Photo, _) if got_photo => submit::submit(&turn, draft, &meter, false).await,
        (ReadingStage::Photo, _) => {
            Ok(ask(&turn, draft, &meter, Some(say!(turn.voice, "photo-expected"))))
        }
        (_, None) if got_photo => {
            Ok(ask(&turn, draft, &meter, Some(say!(turn.voice, "photo-kept"))))
        }
        (_, None) => Ok(ask(&turn, draft, &meter, Some(say!(turn.voice, "figure-expected")))),
        (ReadingStage::Zone { zone }, Some(text)) => {
            take_figure(&turn, draft, &meter, (zone, &text)).await
        }
        // A figure instead of a button: whoever types, means to correct.
        (_, Some(text)) => {
            let first = match draft.stage {
                ReadingStage::Lower { zone } => zone,
                ReadingStage::Meter
                | ReadingStage::Zone { .. }
                | ReadingStage::Review
                | ReadingStage::Confirm
                | ReadingStage::Photo => Zone::T1,
            };
            draft.values.retain(|zone, _| *zone < first);
            draft.stage = ReadingStage::Zone { zone: first };
            take_figure(&turn, draft, &meter, (first, &text)).await
        }
    }
}

/// Takes a typed figure for a zone, or a whole line with zones.
async fn take_figure(
    turn: &Turn,
    mut draft: ReadingDraft,
    meter: &MeterRow,
    (zone, text): (Zone, &str),
) -> Reply {
    if text.starts_with(['t', 'T', 'т', 'Т']) {
        return match quick::quick_reading(text, turn.language()) {
            Ok(reading) => {
                draft.values = reading.values();
                take_values(turn, draft, meter).await
            }
            Err(error) => {
                let hint = quick_line::explain(turn.voice, &error, zones(meter));
                Ok(ask(turn, draft, meter, Some(hint)))
            }
        };
    }
    let read = quick::figure(text, turn.language())
        .map_err(|error| figure_error(turn.voice, error))
        .and_then(|value| check_digits(turn.voice, value, meter.digits).map(|()| value));
    let value = match read {
        Ok(value) => value,
        Err(hint) => return Ok(ask(turn, draft, meter, Some(hint))),
    };
    draft.values.insert(zone, value);
    let is_last = zones(meter).last() == Some(&zone);
    if !is_last && draft.corrects.is_none() && is_lower(meter, zone, value) {
        draft.stage = ReadingStage::Lower { zone };
        return Ok(ask(turn, draft, meter, None));
    }
    advance(turn, draft, meter, zone).await
}

fn is_lower(meter: &MeterRow, zone: Zone, value: Quantity) -> bool {
    meter.last_values.get(&zone).is_some_and(|last| value < *last)
}

/// Goes on after a zone: the next one that has no value, or all of them together.
async fn advance(turn: &Turn, mut draft: ReadingDraft, meter: &MeterRow, zone: Zone) -> Reply {
    let missing = |other: &&Zone| **other > zone && !draft.values.contains_key(*other);
    if let Some(next) = zones(meter).iter().find(missing).copied() {
        draft.stage = ReadingStage::Zone { zone: next };
        return Ok(ask(turn, draft, meter, None));
    }
    if zones(meter).len() == 1 {
        return submit::submit(turn, draft, meter, false).await;
    }
    draft.stage = ReadingStage::Review;
    Ok(ask(turn, draft, meter, None))
}

/// Takes the figures of a whole line: sent at once when they are those of the meter.
async fn take_values(turn: &Turn, mut draft: ReadingDraft, meter: &MeterRow) -> Reply {
    let expected = zones(meter);
    if !draft.values.keys().eq(expected.iter()) {
        let hint = quick_line::wrong_zones(turn.voice, expected);
        draft.values = BTreeMap::new();
        draft.stage = ReadingStage::Zone { zone: Zone::T1 };
        return Ok(ask(turn, draft, meter, Some(hint)));
    }
    submit::submit(turn, draft, meter, false).await
}

/// A zone with a colon where a meter has several: `Т1: `.
fn zone_name(turn: &Turn, meter: &MeterRow, zone: Zone) -> String {
    if meter.zones < 2 {
        String::new()
    } else {
        format!("{}: ", format::zone(turn.language(), zone))
    }
}
