use std::os::unix::fs::PermissionsExt as _;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{GIF, World, settings};

#[tokio::test]
async fn chats_updates_commands_and_files_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.json");
    let world = World::with(settings(Some(file.clone()))).await;
    world.start_chat(1001).await;
    let form = Form::new().part("photo", Part::bytes(GIF).file_name("a.gif"));
    let url = format!("{}/sandbox/chats/demo/1001/photo", world.base);
    world.client.post(url).multipart(form).send().await.unwrap();
    world.send(1001, "hello").await;
    let commands = json!({"commands": [{"command": "help", "description": "Help"}]});
    world.call("setMyCommands", commands).await.ok();
    let new = json!({"first_name": "Ольга"});
    world.ask(Method::POST, "people", new).await;
    let (chat, updates) = (world.chat(1001).await, world.updates().await);
    world.stop().await;

    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others must not read it");
    let world = World::with(settings(Some(file))).await;
    let chat_again = world.chat(1001).await;
    assert_eq!(chat_again["messages"], chat["messages"]);
    assert_eq!(chat_again["commands"][0]["command"], "help");
    assert_eq!(world.updates().await, updates, "unconfirmed updates wait on");
    let photo = &updates[1]["message"]["photo"][0]["file_id"];
    let shown = format!("{}/sandbox/files/{}", world.base, photo.as_str().unwrap());
    assert_eq!(world.client.get(shown).send().await.unwrap().bytes().await.unwrap(), GIF);
    let people = world.ask(Method::GET, "people", Value::Null).await.body;
    assert_eq!(people[2]["first_name"], "Ольга");
    assert_eq!(world.send(1001, "again").await["message_id"], 4, "ids go on rising");
    world.stop().await;
}

#[tokio::test]
async fn changes_are_written_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.json");
    let world = World::with(settings(Some(file.clone()))).await;
    world.act(1001, "text", json!({"text": "needle"})).await;
    let waiting = async {
        while !std::fs::read_to_string(&file).unwrap_or_default().contains("needle") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, waiting).await.unwrap();
}

#[tokio::test]
async fn a_broken_state_file_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.json");
    std::fs::write(&file, "{ broken").unwrap();
    let world = World::with(settings(Some(file.clone()))).await;
    assert_eq!(world.updates().await, Vec::<Value>::new());
    let aside = folder.path().join("sandbox.json.broken");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "{ broken");
    world.stop().await;
}

#[test]
fn bots_that_cannot_be_told_apart_are_refused() {
    let mut twice = settings(None);
    twice.bots[1].token = twice.bots[0].token.clone();
    assert!(kontor_sandbox::Sandbox::new(twice).is_err());
    let mut tokenless = settings(None);
    tokenless.bots[0].token = "secret".to_owned();
    let error = kontor_sandbox::Sandbox::new(tokenless).err().unwrap().to_string();
    assert!(!error.contains("secret"), "{error}");
}
