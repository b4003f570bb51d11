//! Adding a meter, one question at a time.

mod questions;

use std::sync::Arc;

use kontor_domain::{
    Quantity, RefusalDocument,
    meter::{MeterCommand, MeterKind, MeterRefusal, Register, Zone},
};
use uuid::Uuid;

use self::questions::question;
use super::{Reply, Schema, meters::METERS_MAX, refusals, when};
use crate::{
    dialogue::{MeterDraft, MeterStage, Step},
    format,
    input::Act,
    outgoing::{Outgoing, button},
    press::{Answer, Press},
    quick::{self, FigureError},
    texts::{Voice, say},
    turn::{Effects, Turn, Verdict},
};

/// The number of this module's command; see [`Turn::send`].
const REGISTER: u8 = 0;

/// The longest number on a meter's case and the longest place, in characters, as the domain has
/// them; longer ones are explained at their question instead of at the end.
const SERIAL_LENGTH_MAX: usize = 40;
const PLACE_LENGTH_MAX: usize = 80;

/// Digits before the decimal point that a counter may have.
const DIGITS: std::ops::RangeInclusive<u8> = 3..=9;

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(|turn| turn.press == Some(Press::AddMeter), begin))
        .branch(when(|turn| is_open(turn) && turn.answer().is_some(), answered))
        .branch(when(|turn| is_open(turn) && !matches!(turn.input.act, Act::Press { .. }), typed))
}

fn is_open(turn: &Turn) -> bool {
    matches!(turn.dialogue.step, Step::AddMeter(_))
}

fn draft(turn: &Turn) -> MeterDraft {
    match &turn.dialogue.step {
        Step::AddMeter(draft) => draft.clone(),
        Step::Idle | Step::Reading(_) | Step::Tutorial { .. } | Step::ReceiptPhone { .. } => {
            MeterDraft::new()
        }
    }
}

async fn begin(turn: Arc<Turn>) -> Reply {
    if turn.meters().await?.len() >= METERS_MAX {
        let text = say!(turn.voice, "meters-too-many", max = METERS_MAX);
        return Ok(turn.effects().idle().say(Outgoing::text(text)));
    }
    // A new message: the pressed one is often news that should stay, such as a list or a refusal.
    let draft = MeterDraft::new();
    let message = question(&turn, &draft, Outgoing::text, None);
    Ok(turn.effects().ask(&turn, Step::AddMeter(draft), message))
}

/// Asks the draft's question: in place after a button, in a new message after a text.
fn ask(turn: &Turn, draft: MeterDraft, hint: Option<String>) -> Effects {
    let message = question(turn, &draft, |text| turn.reply(text), hint);
    turn.effects().ask(turn, Step::AddMeter(draft), message)
}

async fn answered(turn: Arc<Turn>) -> Reply {
    let mut draft = draft(&turn);
    let Some(answer) = turn.answer() else {
        return Ok(turn.effects());
    };
    match (draft.stage, answer) {
        (_, Answer::Cancel) => {
            let text = say!(turn.voice, "add-cancelled");
            Ok(turn.effects().idle().say(turn.reply(text)))
        }
        (_, Answer::Back) => Ok(ask(&turn, draft.back(), None)),
        (MeterStage::Summary, Answer::Yes) => register(&turn, draft).await,
        (MeterStage::Summary, Answer::Edit) => {
            draft.stage = MeterStage::Kind;
            Ok(ask(&turn, draft, None))
        }
        (MeterStage::Place, Answer::Skip) => {
            draft.place.clear();
            Ok(ask(&turn, draft.forward(), None))
        }
        (MeterStage::Verification, Answer::Skip) => {
            draft.verification_due_on = None;
            Ok(ask(&turn, draft.forward(), None))
        }
        (stage, Answer::Choice(choice)) => {
            let hint = choose(&turn, &mut draft, stage, &choice);
            let next = if hint.is_none() { draft.forward() } else { draft };
            Ok(ask(&turn, next, hint))
        }
        // Forged: no button of this question says this.
        (_, Answer::Skip | Answer::Yes | Answer::Edit | Answer::Meter(_)) => {
            Ok(ask(&turn, draft, None))
        }
    }
}

/// Takes a choice; returns a hint when it is none of this question's.
fn choose(turn: &Turn, draft: &mut MeterDraft, stage: MeterStage, choice: &str) -> Option<String> {
    let taken = match stage {
        MeterStage::Kind => kind_of(choice).map(|kind| {
            draft.kind = kind;
            draft.zones = 1;
            draft.initial.clear();
        }),
        MeterStage::Zones => {
            choice.parse().ok().filter(|zones| (1..=3).contains(zones)).map(|zones| {
                draft.zones = zones;
                draft.initial.retain(|zone, _| Zone::ALL[..usize::from(zones)].contains(zone));
            })
        }
        MeterStage::Digits => choice
            .parse()
            .ok()
            .filter(|digits| DIGITS.contains(digits))
            .map(|digits| draft.digits = digits),
        MeterStage::SerialNumber
        | MeterStage::Place
        | MeterStage::Verification
        | MeterStage::Initial { .. }
        | MeterStage::Summary => None,
    };
    if taken.is_some() { None } else { Some(say!(turn.voice, "choose-with-buttons")) }
}

fn kind_of(key: &str) -> Option<MeterKind> {
    questions::KINDS.into_iter().find(|(name, _)| *name == key).map(|(_, kind)| kind)
}

async fn typed(turn: Arc<Turn>) -> Reply {
    let draft = draft(&turn);
    let text = match &turn.input.act {
        Act::Text(text) => text.trim().to_owned(),
        Act::Photo { caption: Some(caption), .. } => caption.trim().to_owned(),
        Act::Photo { caption: None, .. }
        | Act::Command { .. }
        | Act::Contact { .. }
        | Act::OtherMessage
        | Act::Press { .. }
        | Act::Membership { .. }
        | Act::Paid(_)
        | Act::PaidBack(_) => {
            let hint = say!(turn.voice, "text-needed");
            return Ok(ask(&turn, draft, Some(hint)));
        }
    };
    match read(turn.voice, draft.clone(), &text) {
        Ok(next) => Ok(ask(&turn, next.forward(), None)),
        Err(hint) => Ok(ask(&turn, draft, Some(hint))),
    }
}

/// Takes a typed answer into the draft, or says what was read and what would be right.
fn read(voice: Voice, mut draft: MeterDraft, text: &str) -> Result<MeterDraft, String> {
    match draft.stage {
        MeterStage::Kind | MeterStage::Zones | MeterStage::Summary => {
            return Err(say!(voice, "choose-with-buttons"));
        }
        MeterStage::Digits => {
            draft.digits = text
                .parse()
                .ok()
                .filter(|digits| DIGITS.contains(digits))
                .ok_or_else(|| say!(voice, "wrong-digits"))?;
        }
        MeterStage::SerialNumber => {
            draft.serial_number =
                short_text(text, SERIAL_LENGTH_MAX).ok_or_else(|| say!(voice, "wrong-serial"))?;
        }
        MeterStage::Place => {
            draft.place =
                short_text(text, PLACE_LENGTH_MAX).ok_or_else(|| say!(voice, "wrong-place"))?;
        }
        MeterStage::Verification => {
            let day = quick::day(text).ok_or_else(|| say!(voice, "wrong-verification"))?;
            draft.verification_due_on = Some(day);
        }
        MeterStage::Initial { zone } => {
            let value =
                quick::figure(text, voice.language()).map_err(|err| figure_error(voice, err))?;
            check_digits(voice, value, draft.digits)?;
            draft.initial.insert(zone, value);
        }
    }
    Ok(draft)
}

fn short_text(text: &str, length_max: usize) -> Option<String> {
    let fits =
        (1..=length_max).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

/// Says why a figure was not read.
pub(super) fn figure_error(voice: Voice, error: FigureError) -> String {
    match error {
        FigureError::Empty | FigureError::NotAFigure => say!(voice, "figure-not-read"),
        FigureError::Negative => say!(voice, "figure-negative"),
        FigureError::TooManyDecimals => say!(voice, "figure-decimals"),
        FigureError::TooLarge => say!(voice, "figure-too-large"),
        FigureError::Several => say!(voice, "figure-several"),
    }
}

/// Checks that a counter with so many digits can show the value.
pub(super) fn check_digits(voice: Voice, value: Quantity, digits: u8) -> Result<(), String> {
    let value_max = Quantity(10_i64.saturating_pow(u32::from(digits)).saturating_mul(1000) - 1);
    if value <= value_max {
        return Ok(());
    }
    Err(say!(
        voice,
        "refused-value",
        zone = "",
        submitted = format::reading(voice.language(), value),
        max = format::quantity(voice.language(), value_max),
        digits = digits
    ))
}

async fn register(turn: &Turn, draft: MeterDraft) -> Reply {
    // The meter's id follows from the command's, so that a repetition registers the same one.
    let meter_id = Uuid::new_v5(&turn.command_id(REGISTER), b"meter");
    let command = MeterCommand::Register(Register {
        account_id: turn.account_id(),
        kind: draft.kind,
        zones: draft.zones,
        digits: draft.digits,
        serial_number: draft.serial_number.clone(),
        place: draft.place.clone(),
        verification_due_on: draft.verification_due_on,
        initial_values_milli: draft.initial.clone(),
    });
    match turn.send(REGISTER, ("meter", meter_id), &command).await? {
        Verdict::Accepted(accepted) => {
            turn.see(&["meters"], &accepted).await?;
            let message = turn.reply(say!(turn.voice, "add-done")).buttons(vec![
                vec![button(say!(turn.voice, "menu-reading"), Press::SubmitReading.to_string())],
                vec![button(say!(turn.voice, "add-another"), Press::AddMeter.to_string())],
            ]);
            Ok(turn.effects().idle().say(message))
        }
        Verdict::Refused(document) => Ok(refused(turn, draft, &document)),
    }
}

/// Goes back to the question whose answer was refused.
fn refused(turn: &Turn, mut draft: MeterDraft, document: &RefusalDocument) -> Effects {
    let Ok(refusal) = document.to_refusal::<MeterRefusal>() else {
        let text = refusals::other(turn.voice, document);
        return turn.effects().idle().say(Outgoing::text(text));
    };
    let about = refusals::About {
        voice: turn.voice,
        kind: draft.kind,
        zones: draft.zones,
        today: turn.today,
    };
    let words = refusals::meter(about, &refusal);
    let stage = match &refusal {
        MeterRefusal::FieldOutOfRange { field, .. } => match field.as_str() {
            "serial_number" => Some(MeterStage::SerialNumber),
            "place" => Some(MeterStage::Place),
            "digits" => Some(MeterStage::Digits),
            "zones" => Some(MeterStage::Zones),
            "verification_due_on" => Some(MeterStage::Verification),
            _ => None,
        },
        MeterRefusal::ValueOutOfRange { zone, .. } => Some(MeterStage::Initial { zone: *zone }),
        MeterRefusal::TenantUnknown
        | MeterRefusal::MeterUnknown
        | MeterRefusal::MeterExists
        | MeterRefusal::NotAllowed
        | MeterRefusal::MeterArchived
        | MeterRefusal::AccountErased
        | MeterRefusal::ZonesMismatch { .. }
        | MeterRefusal::ReadingBelowLast { .. }
        | MeterRefusal::RolloverNeedsConfirmation { .. }
        | MeterRefusal::UnusualNeedsConfirmation { .. }
        | MeterRefusal::OutsideWindow { .. }
        | MeterRefusal::VerificationOverdue { .. }
        | MeterRefusal::TakenInFuture { .. }
        | MeterRefusal::TakenBeforeLast { .. }
        | MeterRefusal::PhotoNeeded
        | MeterRefusal::NotLastReading
        | MeterRefusal::CorrectionClosed { .. }
        | MeterRefusal::SourceNotAllowed
        | MeterRefusal::ReadingIdReused => None,
    };
    match stage {
        Some(stage) => {
            draft.stage = stage;
            ask(turn, draft, Some(words))
        }
        None => turn.effects().idle().say(Outgoing::text(words)),
    }
}
