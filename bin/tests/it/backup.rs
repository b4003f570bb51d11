//! The restore drill.

use std::{path::Path, sync::Arc};

use kontor_engines::testing::database;
use kontor_postgres::{Follower, FollowerSettings, Step};
use serde_json::{Value, json};

use crate::{
    program::{run, text},
    records::{ACCOUNT, Records},
};

/// Runs the program on another database.
async fn on(records: &Records, url: &str, arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = records.command(folder.path(), arguments);
    command.env("DATABASE_URL", url);
    let output = run(command).await;
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Lets all read models catch up.
async fn project(records: &Records) {
    for projection in kontor_projections::all() {
        let pool = records.pool.clone();
        let vault = Some(records.vault.clone());
        let settings = FollowerSettings { vault, ..FollowerSettings::default() };
        let mut follower = Follower::projection(pool, Arc::clone(&projection), settings);
        while !matches!(follower.step().await.unwrap(), Step::Idle) {}
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_backup_under_load_is_restored_elsewhere_and_nothing_differs() {
    let records = Arc::new(Records::filled().await);
    project(&records).await;
    let writer = {
        let records = Arc::clone(&records);
        tokio::spawn(async move {
            for number in 0..200 {
                let rename = json!({ "type": "rename", "display_name": format!("Имя {number}") });
                records.send("account", ACCOUNT, rename).await;
            }
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let told = records.json(&["backup", path(&backup), "--json"]).await.remove(0);
    writer.await.unwrap();
    let head = told["head"].as_i64().unwrap();
    assert!((5..=205).contains(&head), "{told}");

    let elsewhere = database().await;
    let restore = ["restore", path(&backup)];
    let (code, output, errors) = on(&records, &elsewhere.url, &restore).await;
    assert_eq!(code, 0, "{output}{errors}");
    assert!(output.contains(&format!("the log up to position {head}")), "{output}");
    assert!(output.contains("Everything holds"), "{output}");
    let (code, output, errors) = on(&records, &elsewhere.url, &["verify", "--projections"]).await;
    assert_eq!(code, 0, "{output}{errors}");
    let (_, event, _) = on(&records, &elsewhere.url, &["log", "show", "3", "--json"]).await;
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(event, records.json(&["log", "show", "3", "--json"]).await[0]);

    // A second time into the same database, and a second backup into the same folder.
    let (code, _, errors) = on(&records, &elsewhere.url, &restore).await;
    assert!(code == 1 && errors.contains("not empty"), "{errors}");
    let (code, _, errors) = records.kontor(&["backup", path(&backup)]).await;
    assert!(code == 1 && errors.contains("holds something already"), "{errors}");
}

#[tokio::test]
async fn a_damaged_folder_is_refused_before_anything_is_written() {
    let records = Records::filled().await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    records.json(&["backup", path(&backup), "--json"]).await;
    let (dump, manifest) = (backup.join("database.dump"), backup.join("manifest.json"));
    let (sound, said) = (std::fs::read(&dump).unwrap(), std::fs::read(&manifest).unwrap());
    let mut edited = sound.clone();
    let middle = edited.len() / 2;
    edited[middle] ^= 1;
    let elsewhere = database().await;
    let cases: [(&Path, &[u8], &str); 4] = [
        (&dump, &sound[..sound.len() - 1], "the manifest says"),
        (&dump, &edited, "its content is not what was written"),
        (&manifest, b"{}", "is damaged"),
        (&manifest, &said[..said.len() / 2], "is damaged"),
    ];
    for (file, content, wanted) in cases {
        let before = std::fs::read(file).unwrap();
        std::fs::write(file, content).unwrap();
        let (code, _, errors) = on(&records, &elsewhere.url, &["restore", path(&backup)]).await;
        assert!(code == 1 && errors.contains(wanted), "{wanted}: {errors}");
        std::fs::write(file, before).unwrap();
    }
    std::fs::remove_file(&manifest).unwrap();
    let (code, _, errors) = on(&records, &elsewhere.url, &["restore", path(&backup)]).await;
    assert!(code == 1 && errors.contains("was interrupted"), "{errors}");
    std::fs::write(&manifest, &said).unwrap();
    let (code, output, errors) = on(&records, &elsewhere.url, &["restore", path(&backup)]).await;
    assert_eq!(code, 0, "the failures left the database empty: {output}{errors}");
}

#[tokio::test]
async fn the_keys_of_persons_can_be_kept_apart() {
    let records = Records::filled().await;
    records
        .execute(
            "create schema if not exists kontor_keys;
             create table kontor_keys.test_keys (id int primary key, secret text);
             insert into kontor_keys.test_keys values (1, 'wrapped')",
        )
        .await;
    let folder = tempfile::tempdir().unwrap();
    let (backup, keys) = (folder.path().join("backup"), folder.path().join("keys"));
    let arguments = ["backup", path(&backup), "--keys", path(&keys), "--json"];
    assert_eq!(records.json(&arguments).await[0]["keys"], "apart");

    let elsewhere = database().await;
    let (code, _, errors) = on(&records, &elsewhere.url, &["restore", path(&backup)]).await;
    assert!(code == 1 && errors.contains("--without-keys"), "{errors}");
    let arguments = ["restore", path(&backup), "--keys", path(&keys)];
    let (code, output, errors) = on(&records, &elsewhere.url, &arguments).await;
    assert_eq!(code, 0, "{output}{errors}");
    let count = async |url: &str| -> i64 {
        let pool = kontor_postgres::connect(url, 1).await.unwrap();
        sqlx::query_scalar("select count(*) from kontor_keys.test_keys")
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    assert_eq!(count(&elsewhere.url).await, 1);
    let third = database().await;
    let arguments = ["restore", path(&backup), "--without-keys"];
    let (code, output, errors) = on(&records, &third.url, &arguments).await;
    assert_eq!(code, 0, "{output}{errors}");
    assert_eq!(count(&third.url).await, 0, "the table is there and empty");
    let (code, _, errors) = on(&records, &third.url, &["restore", path(&keys)]).await;
    assert!(code == 1 && errors.contains("the keys of a backup"), "{errors}");
}
