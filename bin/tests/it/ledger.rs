//! The chains of credit ledgers: what is changed, removed, inserted or cut off is named.

use std::{fs, path::Path};

use kontor_domain::credit_ledger::credit_ledger_id;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::records::{Records, tenant};

pub(crate) const ANNA: Uuid = Uuid::from_u128(0xa);
pub(crate) const OLEG: Uuid = Uuid::from_u128(0xb);

/// A tenant (positions 1 and 2), Anna's ledger (3 to 6) and Oleg's (7 to 10): opened, welcomed, two
/// spends.
pub(crate) async fn two_ledgers() -> Records {
    let records = Records::empty().await;
    let create = json!({ "type": "create", "name": "Ёлка", "kind": "shop", "language": "ru",
        "time_zone": "Europe/Moscow" });
    records.send("tenant", tenant().stream_id(), create).await;
    let rules = json!({ "enabled": true, "low_credits": 0 });
    let change = json!({ "type": "change_credit_rules", "credit_rules": rules });
    records.send("tenant", tenant().stream_id(), change).await;
    for account in [ANNA, OLEG] {
        let ledger = credit_ledger_id(account);
        records.send("credit_ledger", ledger, json!({"type": "open", "account_id": account})).await;
        for number in 0..2 {
            let spend_id = Uuid::new_v5(&account, &[number]);
            let spend = json!({ "type": "spend", "spend_id": spend_id, "messages": 1 });
            records.send("credit_ledger", ledger, spend).await;
        }
    }
    records
}

/// Runs a check that must find damage; what it says.
async fn damage(records: &Records, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = [&["ledger", "verify", "--json"], arguments].concat();
    let (code, output, errors) = records.kontor(&arguments).await;
    assert_eq!(code, 1, "{output}{errors}");
    let told: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(told["sound"], false);
    told
}

/// Changes the log as only somebody with the database can.
pub(crate) async fn meddle(records: &Records, change: &str) {
    let meddling = format!("alter table events disable trigger events_append_only; {change}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(meddling)).execute(&records.pool).await.unwrap();
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn ledgers_that_hold_say_so_and_their_ends_can_be_kept() {
    let records = two_ledgers().await;
    let folder = tempfile::tempdir().unwrap();
    let ends = folder.path().join("ends.ndjson");
    let keep = ["ledger", "verify", "--keep", text(&ends)];
    let (code, output, errors) = records.kontor(&keep).await;
    assert_eq!((code, output.as_str()), (0, "2 ledgers with 8 bookings hold.\n"), "{errors}");
    let (code, _, errors) = records.kontor(&keep).await;
    assert!(code == 1 && errors.contains("name a new file"), "{errors}");

    let spend = json!({ "type": "spend", "spend_id": Uuid::from_u128(7), "messages": 1 });
    records.send("credit_ledger", credit_ledger_id(ANNA), spend).await;
    let told = records.json(&["ledger", "verify", "--ends", text(&ends), "--json"]).await;
    assert_eq!((&told[0]["sound"], &told[0]["events"]), (&json!(true), &json!(9)));

    fs::write(&ends, "кто здесь?\n").unwrap();
    let (code, _, errors) = records.kontor(&["ledger", "verify", "--ends", text(&ends)]).await;
    assert!(code == 1 && errors.contains("line 1 is no end of a ledger"), "{errors}");
}

#[tokio::test]
async fn what_was_changed_removed_or_inserted_is_named_by_its_position() {
    for (change, position) in [
        ("update events set payload = jsonb_set(payload, '{messages}', '2') where position = 5", 5),
        (
            "update events set metadata = jsonb_set(metadata, '{actor,name}', '\"evil\"') \
             where position = 6",
            6,
        ),
        ("delete from events where position = 8", 9),
        (
            "update events set version = version + 1 where position = 10; \
             insert into events select 11, tenant, stream_type, stream_id, 4, gen_random_uuid(), \
             event_type, schema_version, payload, metadata, occurred_at, recorded_at \
             from events where position = 9; \
             update events set position = 12 where position = 10; \
             update events set position = 10 where position = 11",
            10,
        ),
    ] {
        let records = two_ledgers().await;
        meddle(&records, change).await;
        let told = damage(&records, &[]).await;
        assert_eq!((&told["broken"], &told["first"][0]["position"]), (&json!(1), &json!(position)));
        let (_, output, _) = records.kontor(&["ledger", "verify"]).await;
        assert!(output.contains(&format!("→ position {position}, ledger ")), "{output}");
    }
}

#[tokio::test]
async fn a_tail_that_was_cut_off_shows_against_the_kept_ends() {
    let records = two_ledgers().await;
    let folder = tempfile::tempdir().unwrap();
    let ends = folder.path().join("ends.ndjson");
    records.json(&["ledger", "verify", "--keep", text(&ends), "--json"]).await;
    records
        .execute(
            "alter table events disable trigger events_append_only; \
             delete from events where position = 10 or position between 3 and 6",
        )
        .await;
    assert_eq!(records.json(&["ledger", "verify", "--json"]).await[0]["sound"], true);
    let told = damage(&records, &["--ends", text(&ends)]).await;
    assert_eq!(told["broken"], 2);
    let told = told["first"].to_string();
    assert!(told.contains("the kept end says 4 events, the log has 3"), "{told}");
    assert!(told.contains("the kept end says 4 events, the log has 0"), "{told}");
}

#[tokio::test]
async fn an_export_is_checked_without_a_database() {
    let records = two_ledgers().await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["log.ndjson", "log.ndjson.gz"] {
        let file = folder.path().join(name);
        records.json(&["export", text(&file), "--json"]).await;
        let told = records.json(&["ledger", "verify", "--file", text(&file), "--json"]).await;
        assert_eq!((&told[0]["ledgers"], &told[0]["events"]), (&json!(2), &json!(8)));
    }
    let file = folder.path().join("log.ndjson");
    let whole = fs::read_to_string(&file).unwrap();
    // Line n + 1 holds position n.
    let lines: Vec<&str> = whole.lines().collect();
    let forged = folder.path().join("forged.ndjson");
    let write = |lines: &[&str]| fs::write(&forged, lines.join("\n") + "\n").unwrap();

    let changed = lines[5].replace("\"messages\": 1", "\"messages\": 3");
    assert_ne!(changed, lines[5]);
    write(&[&lines[..5], &[&*changed], &lines[6..]].concat());
    assert_eq!(damage(&records, &["--file", text(&forged)]).await["first"][0]["position"], 5);
    write(&[&lines[..8], &lines[9..]].concat());
    assert_eq!(damage(&records, &["--file", text(&forged)]).await["first"][0]["position"], 9);
    write(&[&lines[..9], &lines[8..]].concat());
    assert_eq!(damage(&records, &["--file", text(&forged)]).await["first"][0]["position"], 8);

    write(&lines[..7]);
    let cut = ["ledger", "verify", "--file", text(&forged)];
    let (code, _, errors) = records.kontor(&cut).await;
    assert!(
        code == 1 && errors.contains("ends behind position 6 without its last line"),
        "{errors}"
    );
    let (code, _, errors) = records.kontor(&["ledger", "verify", "--file"]).await;
    assert_eq!(code, 2, "{errors}");
}

#[tokio::test]
async fn the_books_of_a_tenant_are_written_and_the_tools_of_others_accept_them() {
    let records = two_ledgers().await;
    let buy = json!({ "type": "grant", "grant_id": Uuid::from_u128(1), "source": "purchase",
        "credits": 25, "payment": { "payment_id": Uuid::from_u128(2), "provider": "manual",
            "price": { "amount_minor": 49_900, "currency": "RUB" } } });
    records.send("credit_ledger", credit_ledger_id(ANNA), buy).await;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("книги");
    let export = ["ledger", "export", text(&folder), "--tenant", "demo_utility"];
    let told = records.json(&[&export[..], &["--json"]].concat()).await;
    assert_eq!(
        (&told[0]["books"]["bookings"], &told[0]["books"]["last_position"]),
        (&json!(9), &json!(11))
    );
    let clearing =
        json!({ "account": "Assets:Clearing:Manual", "unit": "RUB", "balance": "499.00" });
    assert!(told[0]["books"]["trial_balance"].as_array().unwrap().contains(&clearing), "{told:?}");
    for (program, arguments) in [
        ("hledger", &["-f", "books.hledger", "check", "--strict", "ordereddates"][..]),
        ("ledger", &["--pedantic", "--args-only", "-f", "books.ledger", "balance"]),
        ("bean-check", &["books.beancount"]),
    ] {
        let mut tool = tokio::process::Command::new(program);
        let ran = tool.args(arguments).current_dir(&folder).output().await.unwrap();
        assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    // Once more into the same folder, for nobody, and from books that were touched.
    let (code, _, errors) = records.kontor(&export).await;
    assert!(code == 1 && errors.contains("name a new folder"), "{errors}");
    let other = home.path().join("other");
    let nobody = ["ledger", "export", text(&other), "--tenant", "nobody"];
    let (code, _, errors) = records.kontor(&nobody).await;
    assert!(code == 1 && errors.contains("no tenant nobody"), "{errors}");
    let wrong = ["ledger", "export", text(&other), "--tenant", "НЕТ"];
    assert_eq!(records.kontor(&wrong).await.0, 2);
    meddle(
        &records,
        "update events set payload = jsonb_set(payload, '{messages}', '2') where position = 5",
    )
    .await;
    let export = ["ledger", "export", text(&other), "--tenant", "demo_utility"];
    let (code, _, errors) = records.kontor(&export).await;
    assert!(code == 1 && errors.contains("position 5"), "{errors}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing half done is left");
}
