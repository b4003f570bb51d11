//! The questions about a new meter, with their buttons.

use kontor_domain::meter::MeterKind;
use teloxide::types::InlineKeyboardButton;

use crate::{
    conversation::meters::kind_name,
    dialogue::{MeterDraft, MeterStage},
    format,
    outgoing::Outgoing,
    press::Answer,
    texts::say,
    turn::Turn,
};

/// The kinds with their keys in callback data.
pub(super) const KINDS: [(&str, MeterKind); 5] = [
    ("e", MeterKind::Electricity),
    ("c", MeterKind::ColdWater),
    ("h", MeterKind::HotWater),
    ("g", MeterKind::Gas),
    ("t", MeterKind::Heat),
];

/// The question of a draft's stage; `hint` says first what was wrong with the answer before.
pub(super) fn question(
    turn: &Turn,
    draft: &MeterDraft,
    message: impl FnOnce(String) -> Outgoing,
    hint: Option<String>,
) -> Outgoing {
    let asked = text(turn, draft);
    let text = match hint {
        Some(hint) => format!("{hint}\n\n{asked}"),
        None => asked,
    };
    message(text).buttons(buttons(turn, draft))
}

fn text(turn: &Turn, draft: &MeterDraft) -> String {
    let voice = turn.voice;
    match draft.stage {
        MeterStage::Kind => say!(voice, "add-kind"),
        MeterStage::Zones => say!(voice, "add-zones"),
        MeterStage::Digits => say!(voice, "add-digits"),
        MeterStage::SerialNumber => say!(voice, "add-serial"),
        MeterStage::Place => say!(voice, "add-place"),
        MeterStage::Verification => say!(voice, "add-verification"),
        MeterStage::Initial { zone } if draft.zones > 1 => {
            say!(voice, "add-initial-zone", zone = format::zone(voice.language(), zone))
        }
        MeterStage::Initial { .. } => say!(voice, "add-initial"),
        MeterStage::Summary => summary(turn, draft),
    }
}

fn summary(turn: &Turn, draft: &MeterDraft) -> String {
    let voice = turn.voice;
    let mut lines = vec![
        say!(voice, "add-summary"),
        kind_name(voice, draft.kind),
        say!(voice, "summary-serial", serial = draft.serial_number.clone()),
    ];
    if !draft.place.is_empty() {
        lines.push(say!(voice, "summary-place", place = draft.place.clone()));
    }
    if draft.kind == MeterKind::Electricity {
        lines.push(say!(voice, "summary-zones", zones = draft.zones));
    }
    lines.push(say!(voice, "summary-digits", digits = draft.digits));
    if let Some(due_on) = draft.verification_due_on {
        let due = format::plain_day(&voice, due_on, turn.today);
        lines.push(if due_on < turn.today {
            say!(voice, "meter-verification-overdue", due = due)
        } else {
            say!(voice, "meter-verification", due = due)
        });
    }
    let values = format::readings(voice.language(), &draft.initial);
    lines.push(say!(voice, "meter-initial", values = values));
    lines.join("\n")
}

fn buttons(turn: &Turn, draft: &MeterDraft) -> Vec<Vec<InlineKeyboardButton>> {
    let voice = turn.voice;
    let choice = |label: String, key: String| turn.answer_button(label, Answer::Choice(key));
    let mut rows: Vec<Vec<InlineKeyboardButton>> = match draft.stage {
        MeterStage::Kind => KINDS
            .into_iter()
            .map(|(key, kind)| vec![choice(kind_name(voice, kind), key.to_owned())])
            .collect(),
        MeterStage::Zones => (1..=3_u8)
            .map(|zones| {
                let label = say!(voice, "zones-button", zones = zones);
                vec![choice(label, zones.to_string())]
            })
            .collect(),
        MeterStage::Digits => vec![
            usual_digits(draft.kind)
                .into_iter()
                .map(|digits| choice(digits.to_string(), digits.to_string()))
                .collect(),
        ],
        MeterStage::Place | MeterStage::Verification => {
            vec![vec![turn.answer_button(say!(voice, "skip"), Answer::Skip)]]
        }
        MeterStage::Summary => vec![
            vec![turn.answer_button(say!(voice, "add-confirm"), Answer::Yes)],
            vec![turn.answer_button(say!(voice, "edit"), Answer::Edit)],
        ],
        MeterStage::SerialNumber | MeterStage::Initial { .. } => Vec::new(),
    };
    let cancel = turn.answer_button(say!(voice, "cancel"), Answer::Cancel);
    if draft.stage == MeterStage::Kind {
        rows.push(vec![cancel]);
    } else {
        rows.push(vec![turn.answer_button(say!(voice, "back"), Answer::Back), cancel]);
    }
    rows
}

/// The numbers of digits that meters of a kind usually have; others are typed.
fn usual_digits(kind: MeterKind) -> Vec<u8> {
    match kind {
        MeterKind::Electricity => vec![5, 6, 7],
        MeterKind::ColdWater | MeterKind::HotWater => vec![5],
        MeterKind::Gas => vec![5, 6],
        MeterKind::Heat => vec![5, 6, 7],
    }
}
