//! What must hold in the chats: every message is handled once, in order, and answered.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::snapshot::{Chat, Receipt, Reply, Update};

/// Checks all chats.
pub(super) fn chats(chats: &[Chat], receipts: &[Receipt]) -> Vec<String> {
    let receipts: BTreeMap<Uuid, &Receipt> =
        receipts.iter().map(|receipt| (receipt.command, receipt)).collect();
    chats
        .iter()
        .flat_map(|chat| {
            let found = [
                arrived(chat),
                taken_effect(chat, &receipts),
                answered(chat),
                in_order(chat),
                for_something(chat),
            ];
            let said = move |violation| format!("{}: {violation}", chat.name);
            found.into_iter().flatten().map(said)
        })
        .collect()
}

/// Every message of the person is in the inbox, once, and nothing else is.
fn arrived(chat: &Chat) -> Vec<String> {
    let mut written: BTreeSet<i64> = chat
        .messages
        .iter()
        .filter(|message| !message.from_bot)
        .map(|message| message.id)
        .collect();
    let mut violations = Vec::new();
    for update in &chat.updates {
        if !written.remove(&update.message_id) {
            violations.push(format!("update {} tells of no message, or again", update.id));
        }
    }
    if let Some(first) = written.first() {
        violations.push(format!("{} messages from {first} on never arrived", written.len()));
    }
    violations
}

/// Every reading has the one receipt of its command, accepted, in the order of arrival.
fn taken_effect(chat: &Chat, receipts: &BTreeMap<Uuid, &Receipt>) -> Vec<String> {
    let mut violations = Vec::new();
    let mut last = 0;
    for update in chat.updates.iter().filter(|update| update.is_reading()) {
        let receipt = update.command(chat.bot()).ok().and_then(|id| receipts.get(&id));
        match receipt.map(|receipt| (receipt.last_position, &receipt.refusal)) {
            None => violations.push(format!("update {} had no effect", update.id)),
            Some((Some(position), None)) if position > last => last = position,
            Some((Some(position), None)) => violations.push(format!(
                "update {} took effect at {position}, after one that came later",
                update.id
            )),
            Some((_, refusal)) => {
                violations.push(format!("update {} was refused: {refusal:?}", update.id));
            }
        }
    }
    violations
}

/// Every update has its reply, which the person sees; a reply that may not have arrived counts when
/// the person sees one that no record names.
fn answered(chat: &Chat) -> Vec<String> {
    let by_key: BTreeMap<&str, &Reply> =
        chat.replies.iter().map(|reply| (reply.key.as_str(), reply)).collect();
    let seen: BTreeSet<i64> = from_bot(chat).map(|(id, _)| id).collect();
    let mut violations = Vec::new();
    for Update { id, .. } in &chat.updates {
        if !by_key.contains_key(format!("u{id}:0").as_str()) {
            violations.push(format!("update {id} was not answered"));
        }
    }
    for reply in &chat.replies {
        let arrived = match (reply.state.as_str(), reply.message_id) {
            ("sent", Some(message_id)) => seen.contains(&message_id),
            ("unknown", _) => true,
            _ => false,
        };
        if !arrived {
            violations.push(format!("the reply {} did not arrive: {}", reply.key, reply.state));
        }
    }
    let uncertain = chat.replies.iter().filter(|reply| reply.state == "unknown").count();
    let (named, extra) = (named(chat), from_bot(chat));
    let extra = extra.filter(|(id, _)| !named.contains(id)).count();
    if uncertain > extra {
        violations.push(format!("{uncertain} replies are uncertain and {extra} could be theirs"));
    }
    violations
}

/// Replies are written in the order of the updates and seen in the order in which they were written.
fn in_order(chat: &Chat) -> Vec<String> {
    let place: BTreeMap<&str, usize> =
        (0..).zip(&chat.updates).map(|(place, update)| (update.id.as_str(), place)).collect();
    let mut violations = Vec::new();
    let (mut last_place, mut last_message) = (0, 0);
    for reply in &chat.replies {
        let update = reply.key.strip_prefix('u').and_then(|key| key.split(':').next());
        if let Some(place) = update.and_then(|update| place.get(update)) {
            if *place < last_place {
                violations.push(format!("the reply {} was written too late", reply.key));
            }
            last_place = *place;
        }
        if let Some(message_id) = reply.message_id {
            if message_id <= last_message {
                violations.push(format!("the reply {} was seen too early", reply.key));
            }
            last_message = message_id;
        }
    }
    violations
}

/// Nothing is said that no record asks for: a message is one that the outbox names, the same again,
/// or one of those whose sending stayed uncertain.
fn for_something(chat: &Chat) -> Vec<String> {
    let named = named(chat);
    let texts: BTreeSet<&str> =
        from_bot(chat).filter(|(id, _)| named.contains(id)).map(|(_, text)| text).collect();
    // The same text again is the same message again.
    let strange: BTreeMap<&str, i64> = from_bot(chat)
        .filter(|(id, text)| !named.contains(id) && !texts.contains(text))
        .map(|(id, text)| (text, id))
        .collect();
    let uncertain = chat.replies.iter().filter(|reply| reply.state == "unknown").count();
    let excess = strange.into_iter().nth(uncertain);
    excess.map(|(text, id)| format!("nobody asked for message {id}: {text}")).into_iter().collect()
}

/// The messages that the outbox names.
fn named(chat: &Chat) -> BTreeSet<i64> {
    chat.replies.iter().filter_map(|reply| reply.message_id).collect()
}

fn from_bot(chat: &Chat) -> impl Iterator<Item = (i64, &str)> {
    let said = chat.messages.iter().filter(|message| message.from_bot);
    said.map(|message| (message.id, message.text.as_str()))
}

#[cfg(test)]
mod tests;
