//! Personal data stays hidden on the command line unless it is asked for.

use std::sync::LazyLock;

use kontor_commands::{Folds, Sight};
use kontor_domain::Recorded;
use serde_json::Value;

use crate::compose;

/// What stands in place of a value.
pub(crate) const MASK: &str = kontor_commands::COVER;

/// Who knows what is personal: the aggregates of this build.
static FOLDS: LazyLock<Folds> = LazyLock::new(compose::folds);

/// How values are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    /// Personal fields are masked.
    Masked,
    /// As they are.
    Personal,
}

impl Shown {
    pub(crate) fn of(personal: bool) -> Self {
        if personal { Self::Personal } else { Self::Masked }
    }

    /// The payload of an event as it may be shown.
    pub(crate) fn payload(self, event: &Recorded) -> Value {
        match self {
            Self::Masked => FOLDS.covered_payload(event),
            // The log holds JSON only.
            Self::Personal => serde_json::from_str(&event.payload).unwrap_or_default(),
        }
    }

    /// A command as it may be shown.
    pub(crate) fn command(self, aggregate: &str, command: &Value) -> Value {
        match self {
            Self::Masked => FOLDS.covered_command(aggregate, command),
            Self::Personal => command.clone(),
        }
    }

    /// A state as it may be shown.
    pub(crate) fn state(self, state: Sight) -> Sight {
        match self {
            Self::Masked => state,
            Self::Personal => Sight::open(state.whole),
        }
    }
}
