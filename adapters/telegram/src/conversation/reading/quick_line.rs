//! Readings in one line, when nothing else is being talked about, and photos of meters.

use std::sync::Arc;

use kontor_domain::meter::Zone;
use kontor_projections::meters::MeterRow;

use super::{ask_new, start, submit, zones};
use crate::{
    conversation::{Reply, Schema, add_meter::figure_error, meters::no_meters, refusals, when},
    dialogue::{Prompt, ReadingDraft, ReadingStage},
    format,
    input::Act,
    outgoing::Outgoing,
    quick::{self, QuickError, QuickReading},
    texts::{Voice, say},
    turn::{Turn, outbox_key},
};

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(
            |turn| match &turn.input.act {
                Act::Text(text) => quick::looks_like_reading(text),
                Act::Command { .. }
                | Act::Photo { .. }
                | Act::Contact { .. }
                | Act::OtherMessage
                | Act::Press { .. }
                | Act::Membership { .. }
                | Act::Paid(_)
                | Act::PaidBack(_) => false,
            },
            line,
        ))
        .branch(when(|turn| matches!(turn.input.act, Act::Photo { .. }), photo))
}

async fn line(turn: Arc<Turn>) -> Reply {
    let Act::Text(text) = &turn.input.act else {
        return Ok(turn.effects());
    };
    take(&turn, ReadingDraft::new(), text).await
}

/// A photo with the reading as its caption, or alone: then the figures are asked for.
async fn photo(turn: Arc<Turn>) -> Reply {
    let Act::Photo { file_id, caption } = &turn.input.act else {
        return Ok(turn.effects());
    };
    let draft = ReadingDraft { photo: Some(file_id.clone()), ..ReadingDraft::new() };
    match caption.as_deref().filter(|caption| quick::looks_like_reading(caption)) {
        Some(caption) => take(&turn, draft, caption).await,
        None => {
            let mut effects = start(&turn, draft).await?;
            effects.outgoing.insert(0, Outgoing::text(say!(turn.voice, "photo-kept")));
            // The question moved by one place, and its key with it.
            if let Some(Prompt::Outbox { key }) = &mut effects.dialogue.prompt {
                *key = outbox_key(turn.update_id, effects.outgoing.len() - 1);
            }
            Ok(effects)
        }
    }
}

/// A message while the meter is being chosen: another reading, or the choice once more.
pub(super) async fn while_choosing(turn: &Turn, draft: ReadingDraft, text: Option<&str>) -> Reply {
    match text {
        Some(text) if quick::looks_like_reading(text) => {
            let fresh = ReadingDraft { photo: draft.photo, ..ReadingDraft::new() };
            take(turn, fresh, text).await
        }
        _ => start(turn, draft).await,
    }
}

/// Takes a line: sends it when only one meter can be meant, asks which otherwise.
async fn take(turn: &Turn, mut draft: ReadingDraft, text: &str) -> Reply {
    let meters = turn.meters().await?;
    if meters.is_empty() {
        return Ok(turn.effects().idle().say(no_meters(turn.voice)));
    }
    let reading = match quick::quick_reading(text, turn.language()) {
        Ok(reading) => reading,
        Err(error) => {
            let expected = meters.first().map_or(&Zone::ALL[..1], zones);
            let hint = explain(turn.voice, &error, expected);
            return Ok(turn.effects().say(Outgoing::text(hint)));
        }
    };
    let fitting: Vec<MeterRow> =
        meters.iter().filter(|meter| fits(&reading, meter)).cloned().collect();
    draft.values = reading.values();
    match fitting.as_slice() {
        [] => {
            let expected = meters.first().map_or(&Zone::ALL[..1], zones);
            let hint = wrong_zones(turn.voice, expected);
            Ok(turn.effects().say(Outgoing::text(hint)))
        }
        [meter] => {
            draft.meter_id = Some(meter.id);
            submit::submit(turn, draft, meter, false).await
        }
        _ => {
            draft.stage = ReadingStage::Meter;
            Ok(ask_new(turn, draft, None, &fitting))
        }
    }
}

fn fits(reading: &QuickReading, meter: &MeterRow) -> bool {
    reading.values().keys().eq(zones(meter).iter())
}

/// Says what is wrong with a line and how one that is right looks.
pub(super) fn explain(voice: Voice, error: &QuickError, expected: &[Zone]) -> String {
    let what = match error {
        QuickError::NotAReading => say!(voice, "figure-not-read"),
        QuickError::ZoneTwice(zone) => {
            say!(voice, "line-zone-twice", zone = format::zone(voice.language(), *zone))
        }
        QuickError::ZoneWithoutFigure(zone) => {
            say!(voice, "line-zone-empty", zone = format::zone(voice.language(), *zone))
        }
        QuickError::ZoneUnknown(number) => {
            say!(voice, "line-zone-unknown", number = number.to_string())
        }
        QuickError::SeveralFigures => say!(voice, "figure-several"),
        QuickError::Figure(error) => figure_error(voice, *error),
    };
    let example = refusals::zones_example(voice, expected);
    format!("{what}\n{}", say!(voice, "line-example", example = example))
}

/// Says which zones a meter has and how they are written in one line.
pub(super) fn wrong_zones(voice: Voice, expected: &[Zone]) -> String {
    say!(voice, "refused-zones", example = refusals::zones_example(voice, expected))
}
