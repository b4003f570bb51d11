//! The verbs that look at the log.

use kontor_commands::Outcome;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};
use uuid::Uuid;

use crate::{
    program::START_LIMIT,
    records::{ACCOUNT, METER, PERSON, Records},
};

#[tokio::test]
async fn a_sound_database_is_verified_and_damage_ends_with_exit_code_1() {
    let records = Records::filled().await;
    let (code, output, errors) = records.kontor(&["verify"]).await;
    assert_eq!(code, 0, "{output}{errors}");
    assert!(output.contains("Everything holds (positions 1 to 5)."), "{output}");
    let report = records.json(&["verify", "--json", "--from", "3", "--sample", "1"]).await;
    assert_eq!((&report[0]["sound"], &report[0]["from"]), (&json!(true), &json!(3)));

    records
        .execute(
            "alter table events disable trigger events_append_only;
             delete from events where position = 3;
             alter table events enable always trigger events_append_only",
        )
        .await;
    let (code, output, errors) = records.kontor(&["verify"]).await;
    assert_eq!((code, errors.as_str()), (1, ""), "{output}");
    assert!(output.contains("→ position 3: missing: 4 follows 2"), "{output}");
    let (code, output, _) = records.kontor(&["verify", "--json"]).await;
    assert!(code == 1 && output.contains("\"sound\":false"), "{output}");
}

#[tokio::test]
async fn read_models_are_compared_when_that_is_asked_for() {
    let records = Records::filled().await;
    // No follower ran: all stand at position 0 and are empty, as a replay of nothing is.
    let (code, output, errors) = records.kontor(&["verify", "--projections"]).await;
    assert_eq!(code, 0, "{output}{errors}");
    let line = output.lines().find(|line| line.starts_with("read models equal")).unwrap();
    assert_eq!(line.split_whitespace().rev().nth(1), Some("11"), "{output}");
    records
        .execute("update checkpoints set position = 5; insert into checkpoints (name, version, position) values ('meters', 1, 5) on conflict (name, version, segment) do update set position = 5")
        .await;
    let (code, output, _) = records.kontor(&["verify", "--projections", "meters,tenants"]).await;
    assert_eq!(code, 1, "{output}");
    let row = "→ read model meters, table meter_directory, row ";
    assert!(output.contains(row) && output.contains("it is missing at position 5"), "{output}");
    let (code, _, errors) = records.kontor(&["verify", "--projections", "metres"]).await;
    assert!(code == 2 && errors.contains("there are tenants, accounts"), "{errors}");
}

#[tokio::test]
async fn wrong_arguments_end_with_exit_code_2_before_anything_is_read() {
    let records = Records::empty().await;
    for arguments in [
        &["verify", "--from", "0"][..],
        &["verify", "--sample", "0"],
        &["log", "tail", "--limit", "0"],
        &["log", "tail", "--tenant", "No Slug"],
        &["log", "show", "-1"],
        &["log", "show", "0190b5a2"],
        &["stream", "show", "teapot", "0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10"],
        &["stream", "show", "meter", "7"],
        &["stream", "diff", "meter", "0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10", "3", "2"],
        &["causal", "17"],
        &["causal", "0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10", "--all", "--within", "5"],
    ] {
        let (code, output, errors) = records.kontor(arguments).await;
        assert_eq!((code, output.as_str()), (2, ""), "{arguments:?}: {errors}");
        assert!(!errors.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn the_tail_shows_what_was_asked_for_and_no_personal_data() {
    let records = Records::filled().await;
    let (code, output, _) = records.kontor(&["log", "tail"]).await;
    assert_eq!((code, output.lines().count()), (0, 6), "{output}");
    assert!(output.lines().nth(5).unwrap().contains("meter.reading_submitted"), "{output}");

    let positions = async |arguments: &[&str]| -> Vec<i64> {
        let arguments = [&["log", "tail", "--json"], arguments].concat();
        let events = records.json(&arguments).await;
        let all = format!("{events:?}");
        assert!(!all.contains("Аделаида") && !all.contains("Кухня"), "{all}");
        events.iter().map(|event| event["position"].as_i64().unwrap()).collect()
    };
    assert_eq!(positions(&[]).await, [1, 2, 3, 4, 5]);
    assert_eq!(positions(&["--limit", "2"]).await, [4, 5]);
    assert_eq!(positions(&["--from", "2", "--limit", "2"]).await, [2, 3]);
    assert_eq!(positions(&["--type", "account.renamed"]).await, [3]);
    assert_eq!(positions(&["--type", "meter.*", "--type", "tenant.created"]).await, [1, 4, 5]);
    assert_eq!(positions(&["--tenant", "other"]).await, [0_i64; 0]);
    assert_eq!(positions(&["--from", "99"]).await, [0_i64; 0]);
    assert_eq!(records.count("select count(*) from operator_actions").await, 0);
}

#[tokio::test]
async fn the_tail_follows_what_is_appended() {
    let records = Records::filled().await;
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["log", "tail", "--follow", "--json", "--type", "account.*", "--limit", "1"];
    let mut child = records.command(folder.path(), &arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || -> Value {
        let line = timeout(START_LIMIT, lines.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    };
    assert_eq!(next().await["position"], 3);
    for number in 0..3 {
        let rename = json!({ "type": "rename", "display_name": format!("Имя {number}") });
        records.send("account", ACCOUNT, rename).await;
        assert_eq!(next().await["position"], 6 + number);
    }
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_look_at_personal_data_is_noted_and_cannot_be_unnoted() {
    let records = Records::filled().await;
    let (_, masked, _) = records.kontor(&["log", "show", "2"]).await;
    assert!(masked.contains("•••") && !masked.contains(PERSON), "{masked}");
    let (code, open, _) = records.kontor(&["log", "show", "2", "--personal"]).await;
    assert!(code == 0 && open.contains(PERSON), "{open}");
    assert_eq!(
        records
            .count(
                "select count(*) from operator_actions
                 where action = 'personal_data_shown' and target = 'log show position 2'
                     and key_prefix like 'cli %@%'"
            )
            .await,
        1
    );
    let undone = sqlx::query("delete from operator_actions").execute(&records.pool).await;
    assert!(undone.is_err());

    let journal = async |arguments: &[&str]| {
        let arguments = [&["journal", "--json"], arguments].concat();
        records.json(&arguments).await.remove(0).as_array().unwrap().len()
    };
    assert_eq!(journal(&[]).await, 1);
    let wanted = ["--action", "personal_data_shown", "--by", "CLI ", "--about", "Position 2"];
    assert_eq!(journal(&wanted).await, 1);
    for unwanted in [
        ["--action", "log_in"],
        ["--tenant", "other"],
        ["--from", "2999-01-01"],
        ["--until", "2000-01-01"],
        ["--about", "Анна"],
    ] {
        assert_eq!(journal(&unwanted).await, 0, "{unwanted:?}");
    }
    let (code, _, errors) = records.kontor(&["journal", "--from", "вчера"]).await;
    assert!(code == 2 && errors.contains("give an instant"), "{errors}");
    let (code, _, errors) = records.kontor(&["journal", "--action", "dance"]).await;
    assert!(code == 2 && errors.contains("an action is"), "{errors}");

    records.execute("drop table operator_actions").await;
    let (code, output, errors) = records.kontor(&["log", "show", "2", "--personal"]).await;
    assert_eq!((code, output.as_str()), (1, ""), "what is not noted is not shown");
    assert!(errors.contains("cannot be noted"), "{errors}");
}

#[tokio::test]
async fn an_event_is_found_by_its_position_and_by_its_id() {
    let records = Records::filled().await;
    let event = records.json(&["log", "show", "4", "--json"]).await.remove(0);
    assert_eq!(event["event_type"], "meter.registered");
    let id = event["event_id"].as_str().unwrap();
    for arguments in [&["log", "show", id, "--json"][..], &["log", "show", id, "--all", "--json"]] {
        assert_eq!(records.json(arguments).await, std::slice::from_ref(&event));
    }
    let (code, _, errors) = records.kontor(&["log", "show", "6"]).await;
    assert!(code == 1 && errors.contains("the log ends at 5"), "{errors}");
    let unknown = Uuid::now_v7().to_string();
    let (code, _, errors) = records.kontor(&["log", "show", &unknown]).await;
    assert!(code == 1 && errors.contains("--all"), "{errors}");
    let (code, _, errors) = records.kontor(&["log", "show", &unknown, "--all"]).await;
    assert!(code == 1 && errors.contains("there is no event with this id"), "{errors}");
}

#[tokio::test]
async fn a_stream_tells_why_it_is_as_it_is() {
    let records = Records::filled().await;
    let (meter, account) = (METER.to_string(), ACCOUNT.to_string());
    let (code, output, _) = records.kontor(&["stream", "show", "meter", &meter]).await;
    assert_eq!(code, 0);
    for part in [
        "meter.registered",
        "by operator billing",
        "device.particulars.digits: (none) → 5",
        "State at version 2:",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    assert!(!output.contains("Кухня"), "{output}");

    let lines = records.json(&["stream", "show", "account", &account, "--json"]).await;
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["changes"][0]["field"], "holder.display_name");
    assert_eq!(lines[2]["state"]["holder"]["display_name"], "•••");
    let at_1 = ["stream", "show", "account", &account, "--at", "1", "--json", "--personal"];
    let lines = records.json(&at_1).await;
    assert_eq!((lines.len(), &lines[1]["state"]["holder"]["display_name"]), (2, &json!(PERSON)));

    let diff = records.json(&["stream", "diff", "account", &account, "1", "2", "--json"]).await;
    assert_eq!(diff[0]["changes"].as_array().unwrap().len(), 1);
    let (code, _, errors) = records.kontor(&["stream", "show", "account", &meter]).await;
    assert!(code == 1 && errors.contains("is a meter, not a account"), "{errors}");
    let (code, _, errors) =
        records.kontor(&["stream", "show", "meter", &Uuid::nil().to_string()]).await;
    assert!(code == 1 && errors.contains("there is no meter"), "{errors}");
    let (code, _, errors) = records.kontor(&["stream", "show", "meter", &meter, "--at", "3"]).await;
    assert!(code == 1 && errors.contains("the stream ends at version 2"), "{errors}");
}

#[tokio::test]
async fn a_long_stream_is_shown_in_pages() {
    let records = Records::filled().await;
    for number in 0..6 {
        let rename = json!({ "type": "rename", "display_name": format!("Имя {number}") });
        records.send("account", ACCOUNT, rename).await;
    }
    let account = ACCOUNT.to_string();
    let arguments = ["stream", "show", "account", &account, "--from", "3", "--limit", "2"];
    let (_, output, errors) = records.kontor(&arguments).await;
    assert!(errors.contains("4 more events: --from 5"), "{errors}");
    assert!(output.contains("State at version 8:"), "{output}");
}

#[tokio::test]
async fn the_tree_shows_what_led_to_what() {
    let records = Records::filled().await;
    let rename = |name: &str| json!({ "type": "rename", "display_name": name });
    let (root, _) = records.send("account", ACCOUNT, rename("Один")).await;
    let event = records.json(&["log", "show", "6", "--json"]).await.remove(0);
    let cause: Uuid = event["event_id"].as_str().unwrap().parse().unwrap();
    let child = Uuid::new_v5(&cause, b"policy");
    let because = Some((cause, root));
    records.send_as(child, because, ("account", ACCOUNT), rename("Два")).await;
    let grandchild = Uuid::now_v7();
    let because = Some((child, root));
    records.send_as(grandchild, because, ("account", ACCOUNT), rename("Три")).await;

    let mut trees = Vec::new();
    for asked in [root, cause, child, grandchild] {
        let id = asked.to_string();
        let tree = records.json(&["causal", &id, "--json"]).await.remove(0);
        assert_eq!(tree["conversation"], root.to_string(), "{tree}");
        trees.push(tree);
        let (code, output, _) = records.kontor(&["causal", &id]).await;
        assert!(code == 0 && output.contains('←') && !output.contains("Один"), "{output}");
    }
    let first = &trees[0]["commands"][0];
    assert_eq!(trees[0]["commands"].as_array().unwrap().len(), 1, "{}", trees[0]);
    let second = &first["events"][0]["commands"][0];
    assert_eq!(second["command_id"], child.to_string());
    assert_eq!(second["events"][0]["commands"][0]["command_id"], grandchild.to_string());
    assert!(trees.iter().all(|tree| tree["commands"] == trees[0]["commands"]));

    // With the index, and without receipts.
    assert_eq!(records.json(&["log", "index", "build", "--json"]).await[0]["index"], "ready");
    records.execute("delete from receipts").await;
    let tree = records.json(&["causal", &root.to_string(), "--json"]).await.remove(0);
    assert_eq!(tree["commands"], trees[0]["commands"]);
    assert_eq!(tree["searched"]["complete"], true);
    let (code, _, errors) = records.kontor(&["causal", &child.to_string()]).await;
    assert!(code == 1 && errors.contains("--all"), "a derived id tells no time: {errors}");
    let tree = records.json(&["causal", &child.to_string(), "--all", "--json"]).await.remove(0);
    assert_eq!(tree["commands"], trees[0]["commands"]);
    assert_eq!(records.json(&["log", "index", "drop", "--json"]).await[0]["index"], "missing");
}

#[tokio::test]
async fn a_refused_command_is_told_without_events() {
    let records = Records::filled().await;
    let submit = json!({ "type": "submit_reading", "reading_id": Uuid::now_v7(),
        "values_milli": { "t1": 1 }, "source": "operator" });
    let (refused, outcome) = records.send("meter", METER, submit).await;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    let (code, output, _) = records.kontor(&["causal", &refused.to_string()]).await;
    assert!(code == 0 && output.contains("refused ("), "{output}");
    let (code, _, errors) = records.kontor(&["causal", &Uuid::nil().to_string()]).await;
    assert!(code == 1 && errors.contains("--all"), "{errors}");
}
