//! Callback queries that a bot can still answer.

use std::collections::BTreeMap;

use crate::limits;
use crate::world::chat::ChatKey;

/// The open queries by id. They are not kept over a restart: their time is short.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    last: u64,
    open: BTreeMap<u64, (ChatKey, i64)>,
}

impl Callbacks {
    /// Opens a query at `now` (seconds); forgets the oldest beyond the bound.
    pub(crate) fn open(&mut self, key: ChatKey, now: i64) -> String {
        if self.last == 0 {
            // A number from the last run must not hit a query of this one.
            self.last = now.unsigned_abs() << 20;
        }
        self.last += 1;
        self.open.insert(self.last, (key, now));
        while self.open.len() > limits::OPEN_CALLBACKS {
            self.open.pop_first();
        }
        self.last.to_string()
    }

    /// Finds a query that is young enough at `now` (seconds) and belongs to the bot.
    pub(crate) fn find(&self, id: &str, bot_id: i64, now: i64) -> Option<ChatKey> {
        let (key, opened) = self.open.get(&id.parse().ok()?)?;
        let young = now - opened <= limits::CALLBACK_LIFETIME_SECONDS;
        (young && key.bot_id == bot_id).then_some(*key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: ChatKey = ChatKey { bot_id: 7, person_id: 1 };

    #[test]
    fn a_query_can_be_answered_only_in_time_and_by_its_bot() {
        let mut callbacks = Callbacks::default();
        let id = callbacks.open(KEY, 1000);
        assert_eq!(callbacks.find(&id, 7, 1060), Some(KEY));
        assert_eq!(callbacks.find(&id, 7, 1061), None, "too late");
        assert_eq!(callbacks.find(&id, 8, 1000), None, "another bot");
        assert_eq!(callbacks.find("what", 7, 1000), None, "not an id");
    }

    #[test]
    fn the_oldest_queries_are_forgotten_beyond_the_bound() {
        let mut callbacks = Callbacks::default();
        let first = callbacks.open(KEY, 1000);
        let last = (0..limits::OPEN_CALLBACKS).map(|_| callbacks.open(KEY, 1000)).last();
        assert_eq!(callbacks.find(&first, 7, 1000), None);
        assert_eq!(last.and_then(|id| callbacks.find(&id, 7, 1000)), Some(KEY));
    }
}
