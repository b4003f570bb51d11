use serde_json::{Value, json};

use super::{Act, callback_query_id, order_key, read, update_id};

fn person() -> Value {
    json!({"id": 42, "is_bot": false, "first_name": "Анна", "username": "ann", "language_code": "ru"})
}

fn message(content: Value) -> Value {
    let mut message = json!({
        "message_id": 7, "date": 1_790_000_000, "from": person(),
        "chat": {"id": 42, "type": "private", "first_name": "Анна"},
    });
    message.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    json!({"update_id": 101, "message": message})
}

fn act(payload: &Value) -> Option<Act> {
    read(payload).map(|input| input.act)
}

#[test]
fn commands_lose_their_slash_and_the_name_of_the_bot() {
    let update = message(json!({"text": "/Start@kontor_demo_bot ref_9f2c",
        "entities": [{"type": "bot_command", "offset": 0, "length": 22}]}));
    let input = read(&update).unwrap();
    assert_eq!(input.act, Act::Command { name: "start".into(), argument: "ref_9f2c".into() });
    assert_eq!((input.chat_id, input.person.id, input.is_private), (42, 42, true));
    assert_eq!(act(&message(json!({"text": "/ 5"}))), Some(Act::Text("/ 5".into())));
}

#[test]
fn every_kind_of_message_is_told_apart() {
    let photo = json!({"photo": [
        {"file_id": "small", "file_unique_id": "a", "width": 90, "height": 60, "file_size": 1000},
        {"file_id": "large", "file_unique_id": "b", "width": 900, "height": 600, "file_size": 9000},
    ], "caption": "T1 5"});
    assert_eq!(
        act(&message(photo)),
        Some(Act::Photo { file_id: "large".into(), caption: Some("T1 5".into()) })
    );
    let contact =
        json!({"contact": {"phone_number": "79161234567", "first_name": "Анна", "user_id": 42}});
    assert_eq!(
        act(&message(contact)),
        Some(Act::Contact { phone: "79161234567".into(), owner_id: Some(42) })
    );
    let voice =
        json!({"voice": {"file_id": "v", "file_unique_id": "u", "duration": 1, "file_size": 10}});
    assert_eq!(act(&message(voice)), Some(Act::OtherMessage));
}

#[test]
fn a_press_knows_its_message_even_when_that_is_gone() {
    let update = json!({"update_id": 103, "callback_query": {"id": "q1", "from": person(),
        "chat_instance": "-1", "data": "m:add",
        "message": {"message_id": 9, "date": 0, "chat": {"id": 42, "type": "private"}}}});
    assert_eq!(act(&update), Some(Act::Press { data: "m:add".into(), message_id: Some(9) }));
    assert_eq!(callback_query_id(&update), Some("q1"));
    assert_eq!(order_key(&update), "42");
}

#[test]
fn blocking_and_unblocking_are_told_apart() {
    let update = |status: &str| {
        let bot = json!({"id": 900, "is_bot": true, "first_name": "Kontor"});
        json!({"update_id": 104, "my_chat_member": {
            "chat": {"id": 42, "type": "private"}, "from": person(), "date": 1_790_000_002,
            "old_chat_member": {"user": bot, "status": "member"},
            "new_chat_member": {"user": bot, "status": status, "until_date": 0}}})
    };
    assert_eq!(act(&update("kicked")), Some(Act::Membership { blocked: true }));
    assert_eq!(act(&update("member")), Some(Act::Membership { blocked: false }));
}

#[test]
fn what_asks_for_nothing_is_passed_by_and_still_has_a_number_and_a_place() {
    let mut edited = message(json!({"text": "T1 5"}));
    let content = edited.as_object_mut().unwrap().remove("message").unwrap();
    edited["edited_message"] = content;
    let unknown = json!({"update_id": 9_999_999_999_i64, "subscription": {"user": {"id": 5}, "state": "active"}});
    let service = message(json!({"pinned_message": null, "new_chat_title": "x"}));
    for update in [&edited, &unknown, &service] {
        assert_eq!(read(update), None);
    }
    assert_eq!(update_id(&unknown), Some(9_999_999_999));
    assert_eq!(order_key(&unknown), "5");
    assert_eq!(order_key(&edited), "42");
    assert_eq!(update_id(&json!({"update_id": "7"})), None);
    assert_eq!(order_key(&json!([])), "0");
}
