//! Every booking decided anew: sound books come out as they are, forged ones are named though their
//! hashes are right, and a read model that says something else is named too.

use std::{sync::Arc, time::Duration};

use kontor_domain::credit_ledger::credit_ledger_id;
use kontor_postgres::{Follower, FollowerSettings, Step};
use kontor_projections::credits::Credits;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    ledger::{ANNA, OLEG, meddle, two_ledgers},
    program::eventually,
    rechain::rechain,
    records::Records,
};

/// Two ledgers with purchases, holds, reversals, refunds, a dispute and a pass, under rules that
/// change on the way; and the read model of all that.
async fn business() -> Records {
    let records = two_ledgers().await;
    let ledger = credit_ledger_id(ANNA);
    let payment = |number: u128| {
        json!({ "payment_id": Uuid::from_u128(number), "provider": "manual",
            "price": { "amount_minor": 49_900, "currency": "RUB" } })
    };
    let id = Uuid::from_u128;
    let rules = json!({ "enabled": true, "low_credits": 20, "message_cost": 2 });
    for order in [
        json!({ "type": "grant", "grant_id": id(1), "source": "purchase", "credits": 25,
            "payment": payment(11) }),
        json!({ "type": "hold", "hold_id": id(2), "messages": 3 }),
        json!({ "type": "capture_hold", "hold_id": id(2), "credits": 2 }),
        json!({ "type": "spend", "spend_id": id(3), "messages": 4 }),
        json!({ "type": "reverse_spend", "reversal_id": id(4), "spend_id": id(3), "credits": 1,
            "reason": "goodwill" }),
        json!({ "type": "refund_grant", "refund_id": id(5), "grant_id": id(1), "credits": 5,
            "reason": "customer_asked" }),
    ] {
        records.send("credit_ledger", ledger, order).await;
    }
    let tenant = crate::records::tenant().stream_id();
    let change = json!({ "type": "change_credit_rules", "credit_rules": rules });
    records.send("tenant", tenant, change).await;
    for order in [
        json!({ "type": "spend", "spend_id": id(6), "messages": 1 }),
        json!({ "type": "claim_tutorial_bonus" }),
        json!({ "type": "grant_pass", "pass_id": id(7), "period": "week", "payment": payment(12) }),
        json!({ "type": "spend", "spend_id": id(8), "messages": 9 }),
        json!({ "type": "open_dispute", "dispute_id": id(9), "grant_id": id(1),
            "amount": { "amount_minor": 49_900, "currency": "RUB" } }),
        json!({ "type": "close_dispute", "dispute_id": id(9), "outcome": "lost" }),
        json!({ "type": "grant", "grant_id": id(10), "source": "purchase", "credits": 50,
            "payment": payment(13) }),
    ] {
        records.send("credit_ledger", ledger, order).await;
    }
    follow(&records).await;
    records
}

/// Brings the read model up to date.
async fn follow(records: &Records) {
    let settings =
        FollowerSettings { vault: Some(records.vault.clone()), ..FollowerSettings::default() };
    let mut follower = Follower::projection(records.pool.clone(), Arc::new(Credits), settings);
    while !matches!(follower.step().await.unwrap(), Step::Idle) {}
}

async fn replay(records: &Records, arguments: &[&str]) -> (i32, Value) {
    let replay = [&["ledger", "replay", "--json"], arguments].concat();
    let (code, output, errors) = records.kontor(&replay).await;
    (code, serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output}{errors}")))
}

async fn scratch_schemas(records: &Records) -> i64 {
    records
        .count("select count(*) from pg_namespace where starts_with(nspname::text, 'verify_')")
        .await
}

#[tokio::test]
async fn sound_books_come_out_as_they_are() {
    let records = business().await;
    let bookings =
        records.count("select count(*) from events where stream_type = 'credit_ledger'").await;
    let head = records.count("select max(position) from events").await;
    let (code, told) = replay(&records, &[]).await;
    assert_eq!(code, 0, "{told}");
    assert_eq!((&told["ledgers"], &told["bookings"]), (&json!(2), &json!(bookings)));
    assert_eq!(
        told["commands"],
        records
            .count(
                "select count(distinct metadata ->> 'command_id') from events \
         where stream_type = 'credit_ledger'"
            )
            .await
    );
    assert_eq!(told["trial_balance_is_zero"], true);
    let clearing = json!({ "account": "assets:clearing:manual", "unit": "RUB",
        "balance": "89820" });
    assert!(told["trial_balance"].as_array().unwrap().contains(&clearing), "{told}");
    let compared = &told["read_model"];
    assert_eq!((&compared["position"], &compared["differences"]), (&json!(head), &json!([])));
    assert_eq!(compared["rows"]["credit_history"], bookings);
    assert_eq!(scratch_schemas(&records).await, 0);

    let (_, output, _) = records.kontor(&["ledger", "replay"]).await;
    assert!(output.contains("In each unit the balances come to zero."), "{output}");
    assert!(output.contains("was built anew and does not differ"), "{output}");

    // As it was when two ledgers had eight bookings, and of one tenant.
    let (code, then) = replay(&records, &["--until", "10"]).await;
    assert_eq!((code, &then["bookings"]), (0, &json!(8)), "{then}");
    assert_eq!(then["read_model"]["rows"]["credit_history"], 8);
    assert_ne!(then["head"], told["head"]);
    assert!(then["read_model"]["not_compared"].to_string().contains("credit_balances"), "{then}");
    let (code, own) = replay(&records, &["--tenant", "demo_utility"]).await;
    assert_eq!((code, &own["bookings"]), (0, &json!(bookings)), "{own}");

    for (arguments, said) in [
        (["--until", "0"], format!("from 1 to {head}")),
        (["--until", "9223372036854775807"], format!("from 1 to {head}")),
        (["--tenant", "nobody"], "there is no tenant nobody".to_owned()),
    ] {
        let arguments = [&["ledger", "replay"], &arguments[..]].concat();
        let (code, _, errors) = records.kontor(&arguments).await;
        assert!(code == 1 && errors.contains(&said), "{errors}");
    }
    assert_eq!(records.kontor(&["ledger", "replay", "--tenant", "НЕТ"]).await.0, 2);
}

#[tokio::test]
async fn books_that_no_rule_leads_to_are_named_though_their_hashes_are_right() {
    let richer = "update events set payload = replace(replace(payload::text, '\"credits\": 3', \
        '\"credits\": 30'), ' 3,', ' 30,')::jsonb where position = 8";
    let cheaper =
        "update events set payload = jsonb_set(payload, '{messages}', '2') where position = 9";
    let nobody = "update events set metadata = jsonb_set(metadata, '{actor}', \
        '{\"kind\": \"customer\", \"account_id\": \"00000000-0000-0000-0000-00000000000a\"}') \
        where position = 9";
    for (change, position, what) in [
        (richer, 8, "/credits is 30 in the log, the rules give 3"),
        (cheaper, 9, "/balance is 2 in the log, the rules give 1"),
        (nobody, 9, "`spend` is refused"),
    ] {
        let records = two_ledgers().await;
        meddle(&records, change).await;
        rechain(&records.pool, credit_ledger_id(OLEG)).await;
        follow(&records).await;
        assert_eq!(records.json(&["ledger", "verify", "--json"]).await[0]["sound"], true);
        let (code, told) = replay(&records, &[]).await;
        assert_eq!((code, &told["differing_ledgers"]), (1, &json!(1)), "{told}");
        let first = &told["first"][0];
        assert_eq!(first["position"], position, "{told}");
        assert!(first["what"].as_str().unwrap().contains(what), "{told}");
        assert_eq!(scratch_schemas(&records).await, 0);
    }
}

#[tokio::test]
async fn a_read_model_that_says_something_else_is_named() {
    let records = business().await;
    records.execute("update rm_credits_1.credit_balances set available = available + 1").await;
    records.execute("delete from rm_credits_1.ledger_entries where position = 5").await;
    let (code, told) = replay(&records, &[]).await;
    assert_eq!(code, 1, "{told}");
    let differences = told["read_model"]["differences"].to_string();
    assert!(differences.contains("table credit_balances"), "{differences}");
    assert!(differences.contains("it is missing"), "{differences}");
    assert_eq!(told["differing_ledgers"], 0);
    // The balances are no journal, and the missing lines came after that.
    // Half of a command decides nothing: the welcome belongs to the opening.
    let (code, told) = replay(&records, &["--until", "3"]).await;
    assert_eq!((code, &told["until"]), (0, &json!(4)), "{told}");
    let (code, _) = replay(&records, &["--until", "5"]).await;
    assert_eq!(code, 1);
}

#[tokio::test]
async fn an_interrupted_replay_leaves_nothing_behind() {
    let records = business().await;
    let mut lock = records.pool.begin().await.unwrap();
    sqlx::raw_sql("lock table rm_credits_1.credit_history in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut child = records.command(folder.path(), &["ledger", "replay"]).spawn().unwrap();
    eventually(async || (scratch_schemas(&records).await > 0).then_some(())).await;
    let pid = i32::try_from(child.id().unwrap()).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::TERM).unwrap();
    lock.rollback().await.unwrap();
    let status = timeout(Duration::from_secs(60), child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(scratch_schemas(&records).await, 0);
}
