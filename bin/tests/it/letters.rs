//! Dead letters on the command line.

use kontor_postgres::command_dead_letters::{self, NewCommandDeadLetter};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::records::{ACCOUNT, METER, Records};

/// Two streams of a follower that stand still, and three commands, two of which failed alike.
async fn with_letters() -> Records {
    let records = Records::filled().await;
    let insert = "insert into dead_letters (name, version, key, position, attempts, error) values
        ('accounts', 1, $1, 2, 3, 'row 17 does not fit'),
        ('accounts', 1, $1, 3, 0, ''),
        ('meters', 1, $2, 4, 1, 'row 4711 does not fit')";
    sqlx::query(insert).bind(ACCOUNT).bind(METER).execute(&records.pool).await.unwrap();
    for (number, reason) in
        ["no field `x7` at 3", "no field `y8` at 12", "too large"].iter().enumerate()
    {
        let letter = NewCommandDeadLetter {
            tenant: "demo_utility",
            aggregate: "meter",
            command_id: Some(Uuid::now_v7()),
            fingerprint: &format!("{number:032x}"),
            reason,
            attempts: 1,
            message: "{\"phone\":\"+79990001122\"".as_bytes(),
        };
        command_dead_letters::record(&records.pool, &letter).await.unwrap();
    }
    records
}

fn ids(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn letters_are_listed_in_pages_and_by_what_they_are() {
    let records = with_letters().await;
    let list = async |arguments: &[&str]| {
        let arguments = [&["dead-letters", "list", "--json"], arguments].concat();
        records.json(&arguments).await.remove(0)
    };
    let all = list(&[]).await;
    let all = ids(&all);
    assert_eq!(all.len(), 5, "the second event of the account waits and is no row: {all:?}");
    assert_eq!(all[..3], ["command:1", "command:2", "command:3"]);
    for limit in ["1", "2", "3"] {
        let (mut read, mut after) = (Vec::new(), Vec::new());
        loop {
            let page = list(&[&["--limit", limit][..], &after].concat()).await;
            let page: Vec<String> = ids(&page).into_iter().map(ToOwned::to_owned).collect();
            let Some(last) = page.last().cloned() else { break };
            read.extend(page);
            after = vec!["--after", Box::leak(last.into_boxed_str())];
        }
        assert_eq!(read, all, "pages of {limit}");
    }
    assert_eq!(ids(&list(&["--follower", "meters"]).await), all[4..]);
    assert_eq!(ids(&list(&["--commands"]).await), all[..3]);
    assert_eq!(ids(&list(&["--tenant", "other"]).await), [""; 0]);
    assert_eq!(ids(&list(&["--state", "skipped"]).await), [""; 0]);
    let first = list(&[]).await[0]["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(ids(&list(&["--fingerprint", &first]).await), all[..2]);
    let (_, output, errors) = records.kontor(&["dead-letters", "list", "--limit", "2"]).await;
    assert!(output.contains("FINGERPRINT") && errors.contains("--after command:2"), "{errors}");
}

#[tokio::test]
async fn a_letter_is_shown_with_what_waits_behind_it() {
    let records = with_letters().await;
    let id = format!("follower:accounts:1:{ACCOUNT}:2");
    let shown = records.json(&["dead-letters", "show", &id, "--json"]).await.remove(0);
    assert_eq!(shown["event"]["event_type"], "account.registered");
    assert_eq!(shown["event"]["payload"]["display_name"], "•••");
    assert_eq!(shown["behind"], json!([{ "position": 3, "type": "account.renamed" }]));
    assert_eq!((&shown["attempts"], &shown["waiting"]), (&json!(3), &json!(1)));

    let (code, output, _) = records.kontor(&["dead-letters", "show", "command:1"]).await;
    assert!(code == 0 && output.contains("no field"), "{output}");
    assert!(!output.contains("7999"), "{output}");
    let (_, output, _) = records.kontor(&["dead-letters", "show", "command:1", "--personal"]).await;
    assert!(output.contains("7999"), "{output}");
    assert_eq!(
        records
            .count("select count(*) from operator_actions where action = 'personal_data_shown'")
            .await,
        1
    );
    let (code, _, errors) = records.kontor(&["dead-letters", "show", "command:99"]).await;
    assert!(code == 1 && errors.contains("no such dead letter"), "{errors}");
    let (code, _, errors) = records.kontor(&["dead-letters", "show", "teapot:1"]).await;
    assert!(code == 2 && errors.contains("is no id"), "{errors}");
}

#[tokio::test]
async fn a_skipped_letter_stays_on_record() {
    let records = with_letters().await;
    for id in [format!("follower:meters:1:{METER}:4"), "command:3".to_owned()] {
        let told = records.json(&["dead-letters", "skip", &id, "--json"]).await.remove(0);
        assert_eq!(told["result"], "skipped");
        let (code, _, errors) = records.kontor(&["dead-letters", "skip", &id]).await;
        assert!(code == 1 && errors.contains("not parked any more"), "{errors}");
    }
    let shown = records.json(&["dead-letters", "show", "command:3", "--json"]).await.remove(0);
    let history = &shown["history"][0];
    assert_eq!(
        (&history["action"], &history["outcome"]),
        (&json!("dead_letter_skip"), &json!("skipped"))
    );
    assert!(history["by"].as_str().unwrap().starts_with("cli "), "{history}");
    let list = ["dead-letters", "list", "--state", "skipped", "--json"];
    assert_eq!(ids(&records.json(&list).await[0]).len(), 2);
}

#[tokio::test]
async fn all_of_one_fault_are_tried_again_and_one_that_fails_holds_up_no_other() {
    let records = with_letters().await;
    let broker = kontor_engines::testing::nats().await;
    let folder = tempfile::tempdir().unwrap();
    let kontor = async |arguments: &[&str]| {
        let mut command = records.command(folder.path(), arguments);
        command.env("NATS_URL", &broker.url);
        let output = crate::program::run(command).await;
        (
            output.status.code().unwrap(),
            crate::program::text(&output.stdout),
            crate::program::text(&output.stderr),
        )
    };
    assert_eq!(kontor(&["migrate"]).await.0, 0);
    let rows = records.json(&["dead-letters", "list", "--json"]).await.remove(0);
    let of = |row: usize| rows[row]["fingerprint"].as_str().unwrap().to_owned();
    // Neither message is a command: both are told, both stay.
    let (code, output, _) = kontor(&["dead-letters", "retry", "--all-of", &of(0)]).await;
    assert_eq!((code, output.lines().count()), (1, 3), "{output}");
    assert!(output.contains("2 tried again, 2 of them in vain"), "{output}");
    let (code, output, errors) =
        kontor(&["dead-letters", "retry", "--all-of", &of(3), "--json"]).await;
    assert!(code == 0 && output.contains("\"result\":\"marked\""), "{output}{errors}");
    assert_eq!(records.count("select count(*) from dead_letters where state = 'retry'").await, 1);
    let (code, _, errors) = kontor(&["dead-letters", "retry", "--all-of", "00000000"]).await;
    assert!(code == 1 && errors.contains("nothing is parked"), "{errors}");
    assert_eq!(kontor(&["dead-letters", "retry"]).await.0, 2);
}
