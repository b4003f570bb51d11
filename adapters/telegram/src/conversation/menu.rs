//! The main menu: commands, the keyboard in place of the telephone's own, help and cancel.

use std::sync::Arc;

use kontor_domain::Language;
use teloxide::types::KeyboardMarkup;

use super::{Reply, Schema, when};
use crate::{
    dialogue::Step,
    input::Act,
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
}

/// The commands, in the order in which Telegram lists them.
pub(crate) const COMMANDS: [(&str, Intent); 8] = [
    ("reading", Intent::SubmitReading),
    ("history", Intent::History),
    ("meters", Intent::Meters),
    ("settings", Intent::Settings),
    ("language", Intent::Language),
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
            | Act::Membership { .. } => None,
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
        ];
        labels.into_iter().find(|(text, _)| text == label).map(|(_, intent)| intent)
    }

    /// What Telegram shows beside the command.
    pub(crate) fn description(self, voice: Voice) -> String {
        match self {
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
pub(crate) fn main_keyboard(voice: Voice) -> KeyboardMarkup {
    keyboard(vec![
        vec![say!(voice, "menu-reading")],
        vec![say!(voice, "menu-history"), say!(voice, "menu-meters")],
        vec![say!(voice, "menu-settings"), say!(voice, "menu-help")],
    ])
}

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(|turn| turn.intent == Some(Intent::Help), help))
        .branch(when(|turn| turn.intent == Some(Intent::Cancel), cancel))
}

async fn help(turn: Arc<Turn>) -> Reply {
    let text = say!(turn.voice, "help", tenant = turn.tenant.name.to_string());
    let message = Outgoing::text(text).keyboard(&main_keyboard(turn.voice));
    Ok(turn.effects().idle().say(message))
}

async fn cancel(turn: Arc<Turn>) -> Reply {
    let text = match turn.dialogue.step {
        Step::Idle => say!(turn.voice, "menu-here"),
        Step::AddMeter(_) => say!(turn.voice, "add-cancelled"),
        Step::Reading(_) => say!(turn.voice, "reading-cancelled"),
    };
    let message = Outgoing::text(text).keyboard(&main_keyboard(turn.voice));
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
        let unknown = Act::Command { name: "buy".into(), argument: String::new() };
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
