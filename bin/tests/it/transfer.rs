//! The log as a file, and a file as a log.

use std::{io::Write, path::Path, process::Stdio};

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::records::{ACCOUNT, Records};

async fn migrated() -> Records {
    Records::empty().await
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_log_travels_with_positions_ids_and_times() {
    let records = Records::filled().await;
    for number in 0..600 {
        let rename = json!({ "type": "rename", "display_name": format!("Имя {number}") });
        records.send("account", ACCOUNT, rename).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let tail = ["log", "tail", "--from", "1", "--limit", "1000", "--json"];
    let before = records.json(&tail).await;
    for name in ["log.ndjson", "log.ndjson.gz"] {
        let file = folder.path().join(name);
        let told = records.json(&["export", path(&file), "--json"]).await.remove(0);
        assert_eq!(told, json!({ "events": 605, "receipts": 605, "keys": 1 }));
        let elsewhere = migrated().await;
        let (code, output, errors) = elsewhere.kontor(&["import", path(&file)]).await;
        assert_eq!(code, 0, "{output}{errors}");
        assert!(
            output.contains(
                "605 events, 605 receipts and the wrapped keys of 1 people were imported."
            ),
            "{output}"
        );
        assert!(output.contains("Everything holds"), "{output}");
        assert_eq!(elsewhere.json(&tail).await, before);
        // A command goes on where the log ended.
        let (_, outcome) = elsewhere
            .send("account", ACCOUNT, json!({ "type": "rename", "display_name": "Ли" }))
            .await;
        assert!(format!("{outcome:?}").contains("606"), "{outcome:?}");
        let (code, _, errors) = elsewhere.kontor(&["import", path(&file)]).await;
        assert!(code == 1 && errors.contains("the log is not empty"), "{errors}");
    }
    let (code, _, errors) =
        records.kontor(&["export", path(&folder.path().join("log.ndjson"))]).await;
    assert!(code == 1 && errors.contains("is there already"), "{errors}");
}

#[tokio::test]
async fn a_log_goes_through_a_pipe() {
    let records = Records::filled().await;
    let (code, exported, _) = records.kontor(&["export", "-"]).await;
    assert_eq!((code, exported.lines().count()), (0, 13));
    let elsewhere = migrated().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = elsewhere.command(folder.path(), &["import", "-", "--json"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(exported.as_bytes()).await.unwrap();
    assert!(child.wait_with_output().await.unwrap().status.success());
    assert_eq!(elsewhere.count("select count(*) from events").await, 5);
}

#[tokio::test]
async fn what_was_tampered_with_is_refused_with_its_line_and_leaves_nothing() {
    let records = Records::filled().await;
    let (_, exported, _) = records.kontor(&["export", "-"]).await;
    let lines: Vec<&str> = exported.split_inclusive('\n').collect();
    let without = |line: usize| -> String {
        lines.iter().enumerate().filter(|(at, _)| *at != line).map(|(_, line)| *line).collect()
    };
    let cases = [
        (exported.replacen("account.renamed", "account.registered", 1), "line 4 is not as it was"),
        (without(2), "line 3 is not as it was"),
        (without(0), "line 1 is not as it was"),
        (format!("{}{}", lines[..4].concat(), lines[3..].concat()), "line 5 is not as it was"),
        (lines[..lines.len() - 1].concat(), "it was cut off"),
        (exported[..exported.len() / 2].to_owned(), "is cut off"),
        (format!("{exported}{}", lines[1]), "line 14 is not as it was"),
        (String::new(), "the file is empty"),
        ("{\"Привет\":1}\n".to_owned(), "line 1 is none of an export"),
    ];
    let elsewhere = migrated().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    for (content, wanted) in cases {
        std::fs::write(&file, content).unwrap();
        let (code, _, errors) = elsewhere.kontor(&["import", path(&file)]).await;
        assert!(code == 1 && errors.contains(wanted), "{wanted}: {errors}");
        assert_eq!(elsewhere.count("select count(*) from events").await, 0, "{wanted}");
    }
    let squeezed = folder.path().join("log.gz");
    std::fs::File::create(&squeezed).unwrap().write_all(exported.as_bytes()).unwrap();
    let (code, _, errors) = elsewhere.kontor(&["import", path(&squeezed)]).await;
    assert!(code == 1 && errors.contains("line 1 cannot be read"), "{errors}");
    std::fs::write(&file, exported).unwrap();
    assert_eq!(elsewhere.kontor(&["import", path(&file)]).await.0, 0);
}

#[tokio::test]
async fn a_damaged_log_is_exported_as_it_is_and_refused_with_the_line() {
    // (damage, what the import says)
    let cases = [
        ("delete from events where position = 2", "line 3: position 3 stands where 2 should"),
        ("update events set version = 7 where position = 3", "line 4: position 3: its version"),
        (
            "update events set tenant = 'other' where position = 3",
            "line 4: position 3: its stream had",
        ),
        (
            "update events set event_id = (select event_id from events where position = 1)
             where position = 5",
            "line 6: position 5: its event id stands twice",
        ),
    ];
    for (damage, wanted) in cases {
        let records = Records::filled().await;
        records.execute("alter table events disable trigger events_append_only").await;
        records.execute(damage).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        records.json(&["export", path(&file), "--json"]).await;
        let elsewhere = migrated().await;
        let (code, _, errors) = elsewhere.kontor(&["import", path(&file)]).await;
        assert!(code == 1 && errors.contains(wanted), "{wanted}: {errors}");
        assert_eq!(elsewhere.count("select count(*) from events").await, 0);
    }
}
