//! Sends a reading or a correction, and says what became of it.

use chrono::Months;
use kontor_domain::{
    Quantity, RefusalDocument,
    meter::{
        CorrectReading, MeterCommand, MeterRefusal, PhotoReference, ReadingSource, ReadingWarning,
        SubmitReading, Zone,
    },
};
use kontor_projections::{
    PageRequest,
    meters::MeterRow,
    readings::{self, ReadingRow},
};
use uuid::Uuid;

use super::{ask, questions::replaced_button};
use crate::{
    conversation::{Reply, meters::name, refusals, reminders::remind_button},
    dialogue::{ReadingDraft, ReadingStage, Step},
    format,
    outgoing::{Outgoing, button},
    press::{Answer, Press},
    texts::say,
    turn::{Effects, Turn, TurnError, Verdict},
};

/// The number of this module's command; see [`Turn::send`].
const SUBMIT: u8 = 0;

/// Consumption within a quarter of the usual one is as usual, in percent.
const USUAL_PERCENT: std::ops::RangeInclusive<i128> = 75..=125;

/// Sends the draft's values. `confirmed`: the person was told that they are unusual, and they are
/// right all the same.
pub(super) async fn submit(
    turn: &Turn,
    mut draft: ReadingDraft,
    meter: &MeterRow,
    confirmed: bool,
) -> Reply {
    // A reading that comes back for confirmation keeps its id; each sending has its own command.
    let reading_id = *draft.reading_id.get_or_insert_with(|| turn.command_id(SUBMIT));
    let command = match draft.corrects {
        None => MeterCommand::SubmitReading(SubmitReading {
            reading_id,
            values_milli: draft.values.clone(),
            taken_on: None,
            source: ReadingSource::Telegram,
            confirmed,
            photo: draft
                .photo
                .clone()
                .map(|file_id| PhotoReference::Telegram { bot: turn.ports.bot.clone(), file_id }),
        }),
        Some(reading_id) => MeterCommand::CorrectReading(CorrectReading {
            reading_id,
            values_milli: draft.values.clone(),
            source: ReadingSource::Telegram,
            confirmed,
            reason: String::new(),
        }),
    };
    match turn.send(SUBMIT, ("meter", meter.id), &command).await? {
        Verdict::Accepted(receipt) => {
            turn.see(&["meters", "readings"], &receipt).await?;
            accepted(turn, &draft, meter, reading_id).await
        }
        Verdict::Refused(document) => Ok(refused(turn, draft, meter, &document)),
    }
}

async fn accepted(turn: &Turn, draft: &ReadingDraft, meter: &MeterRow, reading_id: Uuid) -> Reply {
    let voice = turn.voice;
    let reading_id = draft.corrects.unwrap_or(reading_id);
    let values = format::readings(voice.language(), &draft.values);
    let mut text = String::new();
    if turn.meters().await?.len() > 1 {
        text = format!("{}\n", name(voice, meter));
    }
    text += &match draft.corrects {
        None => say!(voice, "reading-accepted", values = values),
        Some(_) => say!(voice, "reading-corrected", values = values),
    };
    text.push(' ');
    text += &match own_and_previous(turn, meter.id, reading_id).await? {
        // Only what the read model says of exactly these values is repeated.
        Some((row, previous)) if row.values == draft.values => {
            let mut said = consumption(turn, meter, &row, previous.as_ref());
            if row.warnings.contains(&ReadingWarning::VerificationOverdue) {
                said.push('\n');
                said.push_str(&say!(voice, "warning-verification"));
            }
            said
        }
        _ => say!(voice, "consumption-later"),
    };
    let correct = Press::Correct { meter_id: meter.id, reading_id };
    let history = Press::OpenHistory { meter_id: meter.id };
    let message = turn.reply(text).buttons(vec![vec![
        button(say!(voice, "correct"), correct.to_string()),
        button(say!(voice, "history-button"), history.to_string()),
    ]]);
    Ok(turn.effects().idle().say(message))
}

/// The reading and the one before it, when the read model shows them.
async fn own_and_previous(
    turn: &Turn,
    meter_id: Uuid,
    reading_id: Uuid,
) -> Result<Option<(ReadingRow, Option<ReadingRow>)>, TurnError> {
    let (pool, tenant) = (&turn.ports.pool, &turn.ports.tenant);
    let page = readings::history(pool, tenant, meter_id, &PageRequest::first(2)).await?;
    let mut rows = page.items.into_iter();
    Ok(rows.next().filter(|row| row.reading_id == reading_id).map(|row| (row, rows.next())))
}

/// Says what was consumed, over which time, and how it compares.
fn consumption(
    turn: &Turn,
    meter: &MeterRow,
    row: &ReadingRow,
    previous: Option<&ReadingRow>,
) -> String {
    let voice = turn.voice;
    let total = row.consumption_total();
    let amount = format::amount(&voice, meter.kind, total);
    let said = match previous {
        Some(previous)
            if previous.period.checked_add_months(Months::new(1)) == Some(row.period) =>
        {
            say!(voice, "consumption-month", amount = amount)
        }
        Some(_) => say!(voice, "consumption-since-last", amount = amount),
        None => say!(voice, "consumption-since-first", amount = amount),
    };
    let usual = row.usual.filter(|usual| usual.milli() > 0);
    let compared = usual.map(|usual| match percent(total, usual) {
        percent if USUAL_PERCENT.contains(&percent) => say!(voice, "compared-usual"),
        percent => {
            let usual = format::quantity(voice.language(), refusals::rounded(usual));
            if percent > 100 {
                say!(voice, "compared-more", usual = usual)
            } else {
                say!(voice, "compared-less", usual = usual)
            }
        }
    });
    match compared {
        Some(compared) => format!("{said}{compared}."),
        None => format!("{said}."),
    }
}

fn percent(total: Quantity, usual: Quantity) -> i128 {
    i128::from(total.milli()) * 100 / i128::from(usual.milli().max(1))
}

fn refused(
    turn: &Turn,
    mut draft: ReadingDraft,
    meter: &MeterRow,
    document: &RefusalDocument,
) -> Effects {
    let Ok(refusal) = document.to_refusal::<MeterRefusal>() else {
        let text = refusals::other(turn.voice, document);
        return turn.effects().idle().say(turn.reply(text));
    };
    let about = refusals::About {
        voice: turn.voice,
        kind: meter.kind,
        zones: meter.zones,
        today: turn.today,
    };
    let words = refusals::meter(about, &refusal);
    match refusal {
        MeterRefusal::UnusualNeedsConfirmation { .. } => {
            draft.stage = ReadingStage::Confirm;
            confirm(turn, draft, words, false)
        }
        MeterRefusal::RolloverNeedsConfirmation { .. } => {
            draft.stage = ReadingStage::Confirm;
            confirm(turn, draft, words, true)
        }
        MeterRefusal::PhotoNeeded => {
            draft.stage = ReadingStage::Photo;
            ask(turn, draft, meter, None)
        }
        MeterRefusal::ReadingBelowLast { zone, .. } => again(turn, draft, (zone, true), words),
        MeterRefusal::ValueOutOfRange { zone, .. } => again(turn, draft, (zone, false), words),
        MeterRefusal::ZonesMismatch { .. } => {
            draft.values.clear();
            again(turn, draft, (Zone::T1, false), words)
        }
        MeterRefusal::OutsideWindow { .. } => {
            let buttons = vec![vec![remind_button(turn.voice)]];
            turn.effects().idle().say(turn.reply(words).buttons(buttons))
        }
        MeterRefusal::TenantUnknown
        | MeterRefusal::MeterUnknown
        | MeterRefusal::MeterExists
        | MeterRefusal::NotAllowed
        | MeterRefusal::MeterArchived
        | MeterRefusal::AccountErased
        | MeterRefusal::FieldOutOfRange { .. }
        | MeterRefusal::VerificationOverdue { .. }
        | MeterRefusal::TakenInFuture { .. }
        | MeterRefusal::TakenBeforeLast { .. }
        | MeterRefusal::NotLastReading
        | MeterRefusal::CorrectionClosed { .. }
        | MeterRefusal::SourceNotAllowed
        | MeterRefusal::ReadingIdReused => {
            let history = Press::OpenHistory { meter_id: meter.id }.to_string();
            let buttons = vec![vec![button(say!(turn.voice, "history-button"), history)]];
            turn.effects().idle().say(turn.reply(words).buttons(buttons))
        }
    }
}

/// Asks whether an unusual figure is right.
fn confirm(turn: &Turn, draft: ReadingDraft, words: String, rollover: bool) -> Effects {
    let voice = turn.voice;
    let mut rows = vec![vec![
        turn.answer_button(say!(voice, "yes-right"), Answer::Yes),
        turn.answer_button(say!(voice, "correct"), Answer::Edit),
    ]];
    let cancel = turn.answer_button(say!(voice, "cancel"), Answer::Cancel);
    rows.push(if rollover { vec![replaced_button(turn), cancel] } else { vec![cancel] });
    let message = turn.reply(words).buttons(rows);
    turn.effects().ask(turn, Step::Reading(draft), message)
}

/// Asks for a zone once more; the other figures stay.
fn again(
    turn: &Turn,
    mut draft: ReadingDraft,
    (zone, replaceable): (Zone, bool),
    words: String,
) -> Effects {
    draft.values.remove(&zone);
    draft.stage = ReadingStage::Zone { zone };
    let voice = turn.voice;
    let cancel = turn.answer_button(say!(voice, "cancel"), Answer::Cancel);
    let row = if replaceable { vec![replaced_button(turn), cancel] } else { vec![cancel] };
    let text = format!("{words}\n\n{}", say!(voice, "reading-again"));
    let message: Outgoing = turn.reply(text).buttons(vec![row]);
    turn.effects().ask(turn, Step::Reading(draft), message)
}
