//! Misbehaviour on demand: rules that change calls of the Bot API and the delivery of updates.

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::world::updates::Arrival;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Kind {
    /// 429, nothing happens; `retry_after` in seconds.
    TooManyRequests { retry_after: u32 },
    /// 500, nothing happens.
    ServerError,
    /// The call has its effect, then the bot hears 500.
    ServerErrorAfterEffect,
    /// 403 as if the person had blocked the bot.
    Forbidden,
    /// Nobody answers, nothing happens.
    Timeout,
    /// The call has its effect, then nobody answers.
    TimeoutAfterEffect,
    /// The call happens, but late.
    Delay { delay_ms: u64 },
    /// The update is delivered a second time after it was confirmed.
    DuplicateUpdate,
    /// The update comes after the one that follows it.
    ReorderUpdates,
    /// The update never comes.
    DropUpdate,
    /// A provider's webhook has a signature that is not ours, and is sent again after it was refused.
    WrongSignature,
}

impl Kind {
    fn arrival(&self) -> Option<Arrival> {
        match self {
            Self::DuplicateUpdate => Some(Arrival::Twice),
            Self::ReorderUpdates => Some(Arrival::Late),
            Self::DropUpdate => Some(Arrival::Never),
            Self::TooManyRequests { .. }
            | Self::ServerError
            | Self::ServerErrorAfterEffect
            | Self::Forbidden
            | Self::Timeout
            | Self::TimeoutAfterEffect
            | Self::WrongSignature
            | Self::Delay { .. } => None,
        }
    }

    /// The name that the JSON interface uses.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::ServerError => "server_error",
            Self::ServerErrorAfterEffect => "server_error_after_effect",
            Self::Forbidden => "forbidden",
            Self::Timeout => "timeout",
            Self::TimeoutAfterEffect => "timeout_after_effect",
            Self::Delay { .. } => "delay",
            Self::DuplicateUpdate => "duplicate_update",
            Self::ReorderUpdates => "reorder_updates",
            Self::DropUpdate => "drop_update",
            Self::WrongSignature => "wrong_signature",
        }
    }
}

/// A rule as it is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NewRule {
    #[serde(flatten)]
    pub(crate) kind: Kind,
    /// A method (or, for updates, an update kind) in any letter case; `*` stands for any letters.
    #[serde(default = "any")]
    pub(crate) method: String,
    /// Only this bot, by its short name.
    #[serde(default)]
    pub(crate) bot: Option<String>,
    /// Only this chat.
    #[serde(default)]
    pub(crate) chat_id: Option<i64>,
    /// How many times; without it until the rule is removed.
    #[serde(default)]
    pub(crate) count: Option<u32>,
}

fn any() -> String {
    "*".to_owned()
}

/// A rule that is in force.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Rule {
    pub(crate) id: u64,
    #[serde(flatten)]
    pub(crate) rule: NewRule,
    /// How often it struck so far.
    pub(crate) struck: u32,
}

/// The rules in force, oldest first; the first that fits strikes.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    last_id: u64,
    rules: Vec<Rule>,
}

impl Faults {
    /// Adds a rule; `None` when there are too many or its delay is too long.
    pub(crate) fn add(&mut self, rule: NewRule) -> Option<Rule> {
        let too_long =
            matches!(rule.kind, Kind::Delay { delay_ms } if delay_ms > limits::DELAY_MAX_MS);
        if self.rules.len() >= limits::FAULT_RULES || too_long || rule.count == Some(0) {
            return None;
        }
        self.last_id += 1;
        let rule = Rule { id: self.last_id, rule, struck: 0 };
        self.rules.push(rule.clone());
        Some(rule)
    }

    /// Takes a rule away, if it is there.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn list(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    /// The fault that strikes this call.
    pub(crate) fn strike_call(
        &mut self,
        bot: &str,
        method: &str,
        chat_id: Option<i64>,
    ) -> Option<Kind> {
        self.strike(|rule| {
            rule.kind.arrival().is_none()
                && rule.kind != Kind::WrongSignature
                && rule.fits(bot, method, chat_id)
        })
    }

    /// Whether a provider's webhook is signed wrongly.
    pub(crate) fn strike_signature(&mut self, shop: &str, kind: &str) -> bool {
        self.strike(|rule| rule.kind == Kind::WrongSignature && rule.fits(shop, kind, None))
            .is_some()
    }

    /// How an update of this kind comes to the bot, and whether a rule said so.
    pub(crate) fn arrival(&mut self, bot: &str, kind: &str, chat_id: i64) -> (Arrival, bool) {
        self.strike(|rule| rule.kind.arrival().is_some() && rule.fits(bot, kind, Some(chat_id)))
            .and_then(|kind| kind.arrival())
            .map_or((Arrival::Usual, false), |arrival| (arrival, true))
    }

    fn strike(&mut self, fits: impl Fn(&NewRule) -> bool) -> Option<Kind> {
        let index = self.rules.iter().position(|rule| fits(&rule.rule))?;
        let rule = self.rules.get_mut(index)?;
        rule.struck = rule.struck.saturating_add(1);
        let kind = rule.rule.kind.clone();
        let used_up = rule.rule.count.as_mut().is_some_and(|count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
        if used_up {
            self.rules.remove(index);
        }
        Some(kind)
    }
}

impl NewRule {
    fn fits(&self, bot: &str, method: &str, chat_id: Option<i64>) -> bool {
        self.bot.as_deref().is_none_or(|wanted| wanted == bot)
            && (self.chat_id.is_none() || self.chat_id == chat_id)
            && fits_pattern(&self.method.to_ascii_lowercase(), &method.to_ascii_lowercase())
    }
}

/// Whether a name fits a pattern in which `*` stands for any letters.
fn fits_pattern(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_whole_names_only() {
        assert!(fits_pattern("sendmessage", "sendmessage"));
        assert!(!fits_pattern("send", "sendmessage"));
        assert!(fits_pattern("send*", "sendmessage"));
        assert!(fits_pattern("*message*", "editmessagetext"));
        assert!(fits_pattern("*", ""));
        assert!(!fits_pattern("edit*text", "editmessagecaption"));
        assert!(!fits_pattern("aba*aba", "aba"), "the parts must not overlap");
    }

    #[test]
    fn a_rule_strikes_as_often_as_it_says_and_then_is_gone() {
        let mut faults = Faults::default();
        let rule = NewRule {
            kind: Kind::ServerError,
            method: "send*".to_owned(),
            bot: None,
            chat_id: Some(1001),
            count: Some(2),
        };
        assert!(faults.add(rule).is_some());
        let mut strike = |chat| faults.strike_call("demo", "sendMessage", Some(chat));
        assert_eq!(strike(1002), None, "another chat");
        assert_eq!(strike(1001), Some(Kind::ServerError));
        assert_eq!(strike(1001), Some(Kind::ServerError));
        assert_eq!(strike(1001), None, "used up");
        assert!(faults.list().is_empty());
    }
}
