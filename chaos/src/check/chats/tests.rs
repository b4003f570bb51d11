//! Broken chats: a check that passes one of them is no check.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::chats;
use crate::{
    people::Message,
    snapshot::{Chat, Receipt, Reply, Update},
};

/// A reading, a question for help and another reading, all answered.
fn sound() -> (Chat, Vec<Receipt>) {
    let message = |id, from_bot, text: &str| Message { id, from_bot, text: text.to_owned() };
    let update =
        |id: &str, text: &str, message_id| Update { id: id.into(), text: text.into(), message_id };
    let reply = |key: &str, message_id| Reply {
        key: key.to_owned(),
        state: "sent".to_owned(),
        message_id: Some(message_id),
    };
    let chat = Chat {
        name: "first/1".to_owned(),
        messages: vec![
            message(1, false, "2"),
            message(2, false, "/help"),
            message(3, true, "accepted: 2"),
            message(4, true, "This is a bot"),
            message(5, false, "3"),
            message(6, true, "accepted: 3"),
        ],
        updates: vec![update("11", "2", 1), update("12", "/help", 2), update("13", "3", 5)],
        replies: vec![reply("u11:0", 3), reply("u12:0", 4), reply("u13:0", 6)],
    };
    let receipts = [(0, 1), (2, 2)].map(|(place, position): (usize, i64)| Receipt {
        command: chat.updates[place].command("first").unwrap(),
        stream: Uuid::from_u128(1),
        version: position,
        first_position: Some(position),
        last_position: Some(position),
        refusal: None,
        uncalled: false,
    });
    (chat, receipts.to_vec())
}

fn broken(breaking: impl FnOnce(&mut Chat, &mut Vec<Receipt>)) -> String {
    let (mut chat, mut receipts) = sound();
    breaking(&mut chat, &mut receipts);
    chats(&[chat], &receipts).join("\n")
}

/// A message that came a second time, as after a crash between the sending and its record.
fn say_again(chat: &mut Chat, id: i64, of: usize) {
    let again = Message { id, ..chat.messages[of].clone() };
    chat.messages.push(again);
}

#[test]
fn sound_chats_pass_also_with_repeated_and_uncertain_replies() {
    assert_eq!(broken(|_, _| {}), "");
    assert_eq!(broken(|chat, _| say_again(chat, 7, 5)), "");
    let uncertain = broken(|chat, _| {
        chat.replies[2].state = "unknown".to_owned();
        chat.replies[2].message_id = None;
    });
    assert_eq!(uncertain, "");
    let twice = broken(|chat, _| {
        chat.replies[2].state = "unknown".to_owned();
        chat.replies[2].message_id = None;
        say_again(chat, 7, 5);
    });
    assert_eq!(twice, "", "two processes may have sent what stays uncertain");
    let notice = broken(|chat, _| {
        chat.messages.insert(2, Message { id: 0, from_bot: true, text: "Saving".to_owned() });
        let notice = Reply { key: "u11:wait".into(), state: "sent".into(), message_id: Some(0) };
        chat.replies.insert(0, Reply { message_id: Some(2), ..notice });
        chat.messages[2].id = 2;
    });
    assert_eq!(notice, "", "a notice belongs to its update");
}

#[test]
fn a_message_that_never_arrived_or_came_twice_is_found() {
    let found = broken(|chat, _| drop(chat.updates.pop()));
    assert!(found.contains("1 messages from 5 on never arrived"), "{found}");
    let found = broken(|chat, _| {
        let again = Update { id: "14".to_owned(), ..chat.updates[1].clone() };
        chat.updates.push(again);
        chat.replies.push(Reply { key: "u14:0".into(), ..chat.replies[2].clone() });
    });
    assert!(found.contains("update 14 tells of no message, or again"), "{found}");
}

#[test]
fn a_reading_without_effect_refused_or_out_of_order_is_found() {
    let found = broken(|_, receipts| drop(receipts.pop()));
    assert!(found.contains("update 13 had no effect"), "{found}");
    let found = broken(|_, receipts| {
        receipts[1].refusal = Some("reading_below_last".to_owned());
        receipts[1].last_position = None;
    });
    assert!(found.contains("update 13 was refused"), "{found}");
    let found = broken(|_, receipts| receipts[0].last_position = Some(9));
    assert!(found.contains("update 13 took effect at 2, after one that came later"), "{found}");
}

#[test]
fn a_reply_that_is_missing_lost_or_failed_is_found() {
    let found = broken(|chat, _| drop(chat.replies.remove(1)));
    assert!(found.contains("update 12 was not answered"), "{found}");
    let found = broken(|chat, _| drop(chat.messages.remove(3)));
    assert!(found.contains("the reply u12:0 did not arrive"), "{found}");
    let found = broken(|chat, _| chat.replies[1].state = "failed".to_owned());
    assert!(found.contains("the reply u12:0 did not arrive: failed"), "{found}");
    let found = broken(|chat, _| {
        chat.replies[2].state = "unknown".to_owned();
        chat.replies[2].message_id = None;
        chat.messages.pop();
    });
    assert!(found.contains("1 replies are uncertain and 0 could be theirs"), "{found}");
}

#[test]
fn replies_in_another_order_and_for_nothing_are_found() {
    let found = broken(|chat, _| chat.replies.swap(0, 1));
    assert!(found.contains("the reply u11:0 was written too late"), "{found}");
    assert!(found.contains("the reply u11:0 was seen too early"), "{found}");
    let found = broken(|chat, _| {
        chat.messages.push(Message { id: 9, from_bot: true, text: "Buy!".to_owned() });
    });
    assert!(found.contains("nobody asked for message 9: Buy!"), "{found}");
}

#[test]
fn every_chat_is_named() {
    let (mut chat, receipts) = sound();
    chat.replies.clear();
    let found = chats(&[sound().0, chat], &receipts);
    let by_chat: BTreeMap<bool, usize> = found.iter().fold(BTreeMap::new(), |mut by_chat, line| {
        *by_chat.entry(line.starts_with("first/1: ")).or_default() += 1;
        by_chat
    });
    assert_eq!(by_chat.get(&false), None, "{found:?}");
}
