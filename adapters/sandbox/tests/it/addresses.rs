use reqwest::multipart::{Form, Part};
use serde_json::json;

use crate::support::{Answer, GIF, OTHER_TOKEN, TOKEN, World};

#[tokio::test]
async fn a_method_is_found_in_any_letter_case_and_in_the_test_environment() {
    let world = World::start().await;
    for address in ["getMe", "GetMe", "GETME", "test/getme", "getMe/"] {
        let me = world.call(address, json!({})).await.ok();
        assert_eq!(me["id"], 1_000_001, "{address}");
        assert_eq!(me["username"], "kontor_demo_bot");
        assert_eq!(me["is_bot"], true);
    }
    let escaped = TOKEN.replace(':', "%3A");
    assert_eq!(world.call_as(&escaped, "getMe", json!({})).await.status, 200);
}

#[tokio::test]
async fn an_unknown_token_is_401_and_an_unknown_method_404() {
    let world = World::start().await;
    let answer = world.call_as("1000001:wrong", "getMe", json!({})).await;
    assert_eq!(answer.refused(), (401, "Unauthorized".to_owned()));
    let answer = world.call("doMagic", json!({})).await;
    assert_eq!(answer.refused(), (404, "Not Found: method not found".to_owned()));
    let url = format!("{}/file/bot1000001:wrong/photos/x.jpg", world.base);
    let answer = Answer::of(world.client.get(url).send().await.unwrap()).await;
    assert_eq!(answer.status, 401);
    let answer = Answer::of(world.client.get(format!("{}/x", world.base)).send().await.unwrap());
    assert_eq!(answer.await.refused(), (404, "Not Found".to_owned()));
}

#[tokio::test]
async fn parameters_come_in_the_query_as_json_as_a_form_or_in_parts() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let url = format!("{}/bot{TOKEN}/sendMessage", world.base);
    let keyboard = r#"{"inline_keyboard":[[{"text":"да","callback_data":"y"}]]}"#;
    let pairs = [("chat_id", "1001"), ("text", "привет & пока"), ("reply_markup", keyboard)];
    let parts = Form::new()
        .text("chat_id", "1001")
        .text("text", "привет & пока")
        .text("reply_markup", keyboard);
    let requests = [
        world.client.get(&url).query(&pairs),
        world.client.post(&url).query(&pairs),
        world.client.post(&url).form(&pairs),
        world.client.post(&url).multipart(parts),
        world.client.post(&url).json(&json!({"chat_id": 1001, "text": "привет & пока",
            "reply_markup": {"inline_keyboard": [[{"text": "да", "callback_data": "y"}]]}})),
    ];
    for request in requests {
        let message = Answer::of(request.send().await.unwrap()).await.ok();
        assert_eq!(message["text"], "привет & пока");
        assert_eq!(message["reply_markup"]["inline_keyboard"][0][0]["callback_data"], "y");
    }
    let answer = world.client.post(&url).body("{").header("content-type", "application/json");
    let answer = Answer::of(answer.send().await.unwrap()).await;
    assert_eq!(answer.refused().0, 400);
}

#[tokio::test]
async fn a_photo_is_uploaded_by_name_or_attached_and_fetched_back() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let url = |method: &str| format!("{}/bot{TOKEN}/{method}", world.base);
    let part = || Part::bytes(GIF).file_name("a.gif");
    let direct = Form::new().text("chat_id", "1001").part("photo", part());
    let attached = Form::new()
        .text("chat_id", "1001")
        .text("photo", "attach://file0")
        .text("caption", "<b>x</b>")
        .text("parse_mode", "HTML")
        .part("file0", part());
    let send = |form| world.client.post(url("sendPhoto")).multipart(form).send();
    let first = Answer::of(send(direct).await.unwrap()).await.ok();
    assert_eq!((&first["photo"][0]["width"], &first["photo"][0]["height"]), (&json!(2), &json!(1)));
    let second = Answer::of(send(attached).await.unwrap()).await.ok();
    assert_eq!(second["caption"], "x");
    assert_eq!(second["caption_entities"][0]["type"], "bold");

    let file_id = second["photo"][0]["file_id"].clone();
    let file = world.call("getFile", json!({"file_id": file_id})).await.ok();
    let path = file["file_path"].as_str().unwrap();
    let link = format!("{}/file/bot{TOKEN}/{path}", world.base);
    assert_eq!(world.client.get(link).send().await.unwrap().bytes().await.unwrap(), GIF);

    let again = json!({"chat_id": 1001, "photo": file_id});
    let again = world.call("sendPhoto", again).await.ok();
    assert_eq!(again["photo"][0]["file_id"], file_id, "a known id sends the same photo");
    let answer = world.call_as(OTHER_TOKEN, "getFile", json!({"file_id": file_id})).await;
    assert_eq!(answer.refused().0, 400, "another bot's file");
}

#[tokio::test]
async fn what_is_no_photo_is_refused_as_one_and_taken_as_a_document() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let url = |method: &str| format!("{}/bot{TOKEN}/{method}", world.base);
    let part = || Part::bytes(b"<svg onload=alert(1)>".as_slice()).file_name("../../evil.svg");
    let photo = Form::new().text("chat_id", "1001").part("photo", part());
    let answer = world.client.post(url("sendPhoto")).multipart(photo).send().await.unwrap();
    let refused = Answer::of(answer).await.refused();
    assert_eq!(refused, (400, "Bad Request: IMAGE_PROCESS_FAILED".to_owned()));

    let document = Form::new().text("chat_id", "1001").part("document", part());
    let answer = world.client.post(url("sendDocument")).multipart(document).send().await.unwrap();
    let document = Answer::of(answer).await.ok()["document"].clone();
    assert_eq!(document["file_name"], "evil.svg", "folders are cut off");
    let id = document["file_id"].as_str().unwrap();
    let shown = format!("{}/sandbox/files/{id}", world.base);
    let shown = world.client.get(shown).send().await.unwrap();
    assert_eq!(shown.headers()["content-type"], "application/octet-stream");
    assert_eq!(shown.headers()["content-disposition"], "attachment");
    assert_eq!(shown.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_413() {
    let world = World::start().await;
    let text = "x".repeat(2 * 1024 * 1024);
    let answer = world.call("sendMessage", json!({"chat_id": 1001, "text": text})).await;
    assert_eq!(answer.refused(), (413, "Request Entity Too Large".to_owned()));
}
