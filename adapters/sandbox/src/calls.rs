//! A bounded record of the calls that bots made, for tests and for the curious.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value;

use crate::limits;

/// One call. Tokens and secrets are not in it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Call {
    /// Rises by one with every call.
    pub(crate) id: u64,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// The bot's short name.
    pub(crate) bot: String,
    /// The method as Telegram spells it.
    pub(crate) method: String,
    pub(crate) chat_id: Option<i64>,
    /// What was asked, with uploads as name and size.
    pub(crate) params: Value,
    /// What the bot heard: 200, or the error code; 0 when it was left without an answer.
    pub(crate) status: u16,
    pub(crate) description: Option<String>,
    /// The kind of the fault rule that changed the call.
    pub(crate) fault: Option<&'static str>,
}

/// The newest calls, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    last_id: u64,
    calls: VecDeque<Call>,
}

impl Calls {
    /// Adds a call and gives it its number.
    pub(crate) fn record(&mut self, mut call: Call) {
        self.last_id += 1;
        call.id = self.last_id;
        if call.params.to_string().len() > limits::RECORDED_CALL_BYTES {
            call.params = serde_json::json!({"left_out": "the parameters are too long"});
        }
        if self.calls.len() >= limits::RECORDED_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// The calls after `since`.
    pub(crate) fn after(&self, since: u64) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.id > since)
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.last_id
    }

    pub(crate) fn clear(&mut self) {
        self.calls.clear();
    }
}
