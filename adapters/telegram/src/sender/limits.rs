//! Telegram's limits on sending: about one message a second to a chat with small bursts, twenty a
//! minute to a group, thirty a second from a bot.
//!
//! Each bucket is one instant: when the next message would be due if they were evenly spaced. A
//! burst is how far that instant may lie ahead.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

const CHAT_INTERVAL: Duration = Duration::from_secs(1);
/// Three messages at once: a greeting, a question and the menu.
const CHAT_BURST: u32 = 3;
const GROUP_INTERVAL: Duration = Duration::from_secs(3);
const GROUP_BURST: u32 = 2;
/// A little under 30/s: Telegram counts by its own clock.
const BOT_INTERVAL: Duration = Duration::from_millis(35);
const BOT_BURST: u32 = 20;

/// The most chats whose buckets are kept; full buckets are forgotten first, and a bot fills at most
/// thirty a second.
const CHATS_MAX: usize = 10_000;

/// What one bot may send.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    bot_due: Option<Instant>,
    bot_paused_until: Option<Instant>,
    chats: HashMap<i64, Chat>,
    last_refused: Option<(i64, Instant)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Chat {
    due: Option<Instant>,
    paused_until: Option<Instant>,
}

impl Limits {
    /// How many calls may start now.
    pub(crate) fn room(&self, now: Instant) -> usize {
        if self.bot_paused_until.is_some_and(|until| until > now) {
            return 0;
        }
        let ahead = ahead(self.bot_due, now);
        let burst = BOT_INTERVAL * BOT_BURST;
        let left = burst.saturating_sub(ahead);
        usize::try_from(left.as_micros() / BOT_INTERVAL.as_micros()).unwrap_or(0)
    }

    /// The chats that may get nothing now.
    pub(crate) fn resting_chats(&mut self, now: Instant) -> Vec<i64> {
        self.chats.retain(|_, chat| {
            ahead(chat.due, now) > Duration::ZERO
                || chat.paused_until.is_some_and(|until| until > now)
        });
        self.chats.iter().filter(|(id, chat)| chat.rests(**id, now)).map(|(id, _)| *id).collect()
    }

    /// Notes a call. Changes of messages count for the bot only: paging stays quick.
    pub(crate) fn note(&mut self, chat_id: i64, is_new_message: bool, now: Instant) {
        self.bot_due = Some(self.bot_due.map_or(now, |due| due.max(now)) + BOT_INTERVAL);
        if is_new_message && (self.chats.len() < CHATS_MAX || self.chats.contains_key(&chat_id)) {
            let chat = self.chats.entry(chat_id).or_default();
            let (interval, _) = chat_rate(chat_id);
            chat.due = Some(chat.due.map_or(now, |due| due.max(now)) + interval);
        }
    }

    /// Notes that Telegram asked to wait. It does not say for what: the chat rests, and when
    /// another chat is refused meanwhile, the whole bot does. Returns whether the bot does.
    pub(crate) fn refused(&mut self, chat_id: i64, wait: Duration, now: Instant) -> bool {
        let until = now + wait;
        let chat = self.chats.entry(chat_id).or_default();
        chat.paused_until = chat.paused_until.max(Some(until));
        let another = self
            .last_refused
            .is_some_and(|(other, other_until)| other != chat_id && other_until > now);
        self.last_refused = Some((chat_id, until));
        if another {
            self.pause_bot(wait, now);
        }
        another
    }

    /// Stops the whole bot for a while, as when the network is down.
    pub(crate) fn pause_bot(&mut self, wait: Duration, now: Instant) {
        self.bot_paused_until = self.bot_paused_until.max(Some(now + wait));
    }
}

impl Chat {
    fn rests(self, id: i64, now: Instant) -> bool {
        let (interval, burst) = chat_rate(id);
        let full = ahead(self.due, now) > interval * (burst - 1);
        full || self.paused_until.is_some_and(|until| until > now)
    }
}

/// Groups have negative ids.
fn chat_rate(chat_id: i64) -> (Duration, u32) {
    if chat_id < 0 { (GROUP_INTERVAL, GROUP_BURST) } else { (CHAT_INTERVAL, CHAT_BURST) }
}

fn ahead(due: Option<Instant>, now: Instant) -> Duration {
    due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{BOT_BURST, Limits};

    #[test]
    fn a_chat_gets_a_small_burst_and_then_one_message_a_second() {
        let start = Instant::now();
        let mut limits = Limits::default();
        let mut sent = Vec::new();
        for step in 0..100_u64 {
            let now = start + Duration::from_millis(step * 100);
            if limits.resting_chats(now).is_empty() {
                limits.note(7, true, now);
                sent.push(step * 100);
            }
        }
        assert_eq!(sent[..3], [0, 100, 200], "three at once");
        assert!((11..=13).contains(&sent.len()), "{} in ten seconds", sent.len());
        assert!(sent[3..].windows(2).all(|pair| pair[1] - pair[0] >= 900));
    }

    #[test]
    fn a_group_gets_twenty_a_minute_at_most() {
        let start = Instant::now();
        let mut limits = Limits::default();
        let mut sent = 0;
        for step in 0..600_u64 {
            let now = start + Duration::from_millis(step * 100);
            if limits.resting_chats(now).is_empty() {
                limits.note(-100, true, now);
                sent += 1;
            }
        }
        assert!((19..=22).contains(&sent), "{sent} in a minute");
    }

    #[test]
    fn a_bot_sends_thirty_a_second_at_most() {
        let start = Instant::now();
        let mut limits = Limits::default();
        let mut sent = 0;
        for step in 0..2000_u64 {
            let now = start + Duration::from_millis(step);
            if limits.room(now) > 0 {
                limits.note(i64::try_from(step).unwrap(), true, now);
                sent += 1;
            }
        }
        let burst = usize::try_from(BOT_BURST).unwrap();
        assert!(sent <= 60 + burst && sent >= 50, "{sent} in two seconds");
    }

    #[test]
    fn changes_of_messages_do_not_hold_up_a_chat() {
        let now = Instant::now();
        let mut limits = Limits::default();
        for _ in 0..10 {
            limits.note(7, false, now);
        }
        assert!(limits.resting_chats(now).is_empty());
    }

    #[test]
    fn one_refusal_rests_the_chat_and_two_rest_the_bot() {
        let now = Instant::now();
        let wait = Duration::from_secs(7);
        let mut limits = Limits::default();
        assert!(!limits.refused(1, wait, now));
        assert_eq!(limits.resting_chats(now), [1]);
        assert!(limits.room(now) > 0);
        assert!(limits.refused(2, wait, now));
        assert_eq!(limits.room(now), 0);
        assert!(limits.room(now + wait) > 0);
        assert!(limits.resting_chats(now + wait).is_empty());
    }
}
