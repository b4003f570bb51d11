//! The main menu: commands, the keyboard in place of the telephone's own, help and cancel.

use std::sync::Arc;

use kontor_domain::Language;
use teloxide::types::KeyboardMarkup;

use super::{Reply, Schema, when};
use crate::{
    dialogue::Step,
    input::Act,
    offer::Offer,
    outgoing::{Outgoing, keyboard},
    texts::{Voice, say},
    turn::Turn,
};

/// What a command or a button of the main menu asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Intent {
    Start,
    SubmitReading,
    History,
    Meters,
    Settings,
    Language,
    Help,
    Cancel,
    Balance,
    CreditHistory,
    Buy,
    Terms,
    PaySupport,
    Billing,
    Tutorial,
    Reset,
}

/// The commands, in the order in which Telegram lists them.
pub(crate) const COMMANDS: [(&str, Intent); 15] = [
    ("reading", Intent::SubmitReading),
    ("balance", Intent::Balance),
    ("history", Intent::History),
    ("buy", Intent::Buy),
    ("billing", Intent::Billing),
    ("meters", Intent::Meters),
    ("settings", Intent::Settings),
    ("language", Intent::Language),
    ("tutorial", Intent::Tutorial),
    ("reset", Intent::Reset),
    ("terms", Intent::Terms),
    ("paysupport", Intent::PaySupport),
    ("help", Intent::Help),
    ("cancel", Intent::Cancel),
    ("start", Intent::Start),
];

impl Intent {
    /// Reads a command, or the label of a button of the main menu in any language: a keyboard
    /// stays on the telephone when the language changes.
    pub(crate) fn of(act: &Act) -> Option<Self> {
        match act {
            Act::Command { name, .. } => {
                COMMANDS.iter().find(|(command, _)| command == name).map(|(_, intent)| *intent)
            }
            Act::Text(text) => [Language::Ru, Language::En]
                .into_iter()
                .find_map(|language| Self::labelled(Voice::new(language), text.trim())),
            Act::Photo { .. }
            | Act::Contact { .. }
            | Act::OtherMessage
            | Act::Press { .. }
            | Act::Membership { .. }
            | Act::Paid(_)
            | Act::PaidBack(_) => None,
        }
    }

    /// Whether a tenant offers it. What is not offered is not understood either.
    pub(crate) fn is_offered(self, offer: Offer) -> bool {
        match self {
            Self::SubmitReading | Self::Meters => offer.meters,
            Self::Balance
            | Self::CreditHistory
            | Self::Buy
            | Self::Terms
            | Self::PaySupport
            | Self::Billing
            | Self::Tutorial => offer.credits,
            Self::Reset => offer.reset,
            Self::Start
            | Self::History
            | Self::Settings
            | Self::Language
            | Self::Help
            | Self::Cancel => true,
        }
    }

    fn labelled(voice: Voice, label: &str) -> Option<Self> {
        let labels = [
            (say!(voice, "menu-reading"), Self::SubmitReading),
            (say!(voice, "menu-history"), Self::History),
            (say!(voice, "menu-meters"), Self::Meters),
            (say!(voice, "menu-settings"), Self::Settings),
            (say!(voice, "menu-help"), Self::Help),
            (say!(voice, "menu-back"), Self::Cancel),
            (say!(voice, "menu-balance"), Self::Balance),
            (say!(voice, "menu-credit-history"), Self::CreditHistory),
        ];
        labels.into_iter().find(|(text, _)| text == label).map(|(_, intent)| intent)
    }

    /// What Telegram shows beside the command.
    pub(crate) fn description(self, voice: Voice, offer: Offer) -> String {
        match self {
            Self::History if !offer.meters => say!(voice, "command-credit-history"),
            Self::Balance => say!(voice, "command-balance"),
            Self::CreditHistory => say!(voice, "command-credit-history"),
            Self::Buy => say!(voice, "command-buy"),
            Self::Terms => say!(voice, "command-terms"),
            Self::PaySupport => say!(voice, "command-paysupport"),
            Self::Billing => say!(voice, "command-billing"),
            Self::Tutorial => say!(voice, "command-tutorial"),
            Self::Reset => say!(voice, "command-reset"),
            Self::Start => say!(voice, "command-start"),
            Self::SubmitReading => say!(voice, "command-reading"),
            Self::History => say!(voice, "command-history"),
            Self::Meters => say!(voice, "command-meters"),
            Self::Settings => say!(voice, "command-settings"),
            Self::Language => say!(voice, "command-language"),
            Self::Help => say!(voice, "command-help"),
            Self::Cancel => say!(voice, "command-cancel"),
        }
    }
}

/// The keyboard in place of the telephone's own.
pub(crate) fn main_keyboard(voice: Voice, offer: Offer) -> KeyboardMarkup {
    let mut rows = Vec::new();
    if offer.meters {
        rows.push(vec![say!(voice, "menu-reading")]);
        rows.push(vec![say!(voice, "menu-history"), say!(voice, "menu-meters")]);
    }
    if offer.credits {
        rows.push(vec![say!(voice, "menu-balance"), say!(voice, "menu-credit-history")]);
    }
    rows.push(vec![say!(voice, "menu-settings"), say!(voice, "menu-help")]);
    keyboard(rows)
}

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(|turn| turn.intent == Some(Intent::Help), help))
        .branch(when(|turn| turn.intent == Some(Intent::Cancel), cancel))
}

async fn help(turn: Arc<Turn>) -> Reply {
    let (offer, tenant) = (turn.offer(), turn.tenant.name.to_string());
    let text = match (offer.meters, offer.credits) {
        (false, _) => say!(turn.voice, "help-credits", tenant = tenant),
        (true, false) => say!(turn.voice, "help", tenant = tenant),
        (true, true) => {
            let meters = say!(turn.voice, "help", tenant = tenant);
            format!("{meters}\n\n{}", say!(turn.voice, "help-both"))
        }
    };
    let message = Outgoing::text(text).keyboard(&main_keyboard(turn.voice, turn.offer()));
    Ok(turn.effects().idle().say(message))
}

async fn cancel(turn: Arc<Turn>) -> Reply {
    let text = match turn.dialogue.step {
        Step::Idle | Step::Tutorial { .. } | Step::ReceiptPhone { .. } => {
            say!(turn.voice, "menu-here")
        }
        Step::AddMeter(_) => say!(turn.voice, "add-cancelled"),
        Step::Reading(_) => say!(turn.voice, "reading-cancelled"),
    };
    let message = Outgoing::text(text).keyboard(&main_keyboard(turn.voice, turn.offer()));
    Ok(turn.effects().idle().say(message))
}

#[cfg(test)]
mod tests {
    use kontor_domain::Language;

    use super::{COMMANDS, Intent};
    use crate::{
        input::Act,
        texts::{Voice, say},
    };

    #[test]
    fn commands_are_known_and_a_deep_link_is_a_start() {
        for (name, intent) in COMMANDS {
            let act = Act::Command { name: name.into(), argument: "ref_9f2c".into() };
            assert_eq!(Intent::of(&act), Some(intent));
        }
        let unknown = Act::Command { name: "nonsense".into(), argument: String::new() };
        assert_eq!(Intent::of(&unknown), None);
    }

    #[test]
    fn the_keyboard_works_in_both_languages_at_any_time() {
        for language in [Language::Ru, Language::En] {
            let label = say!(Voice::new(language), "menu-history");
            assert_eq!(Intent::of(&Act::Text(format!(" {label} "))), Some(Intent::History));
        }
        assert_eq!(Intent::of(&Act::Text("1234".into())), None);
    }
}
