//! The statement that is drawn by asking: whole, once, and with files beside it.

use kontor_domain::provider_statement::{ProviderStatementCommand, StatementSource};
use kontor_statements::Statement;
use serde_json::{Value, json};

use crate::world::{PAID, World, until};

/// A line as the reconciliation has it.
#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Line {
    kind: String,
    amount_minor: i64,
    fee_minor: i64,
    payout_ref: Option<String>,
    matched: bool,
}

async fn lines(world: &World) -> Vec<Line> {
    sqlx::query_as(
        "select kind, amount_minor, fee_minor, payout_ref, partner is not null as matched \
         from recon_items where tenant = 'shop' and file is not null order by place",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap()
}

async fn until_lines(world: &World, what: &str, are: impl Fn(&[Line]) -> bool) -> Vec<Line> {
    until(what, || async { Some(lines(world).await).filter(|lines| are(lines)) }).await
}

/// The same transactions as the dashboard exports them: without seconds, their kind by another column.
fn exported(transactions: &[Value]) -> Statement {
    let row = |it: &Value| {
        let text = |name: &str| it[name].as_str().unwrap().to_owned();
        let money = |name: &str| {
            let minor = it[name].as_i64().unwrap();
            let sign = if minor < 0 { "-" } else { "" };
            format!("{sign}{}.{:02}", minor.abs() / 100, minor.abs() % 100)
        };
        let at = chrono::DateTime::from_timestamp(it["created"].as_i64().unwrap(), 0).unwrap();
        let names = ["id", "type", "source"].map(text);
        let figures = ["amount", "fee", "net"].map(money);
        let at = at.format("%Y-%m-%d %H:%M");
        format!("{},{},{},{at}", names.join(","), figures.join(","), text("currency"))
    };
    let mut rows = vec!["id,Type,Source,Amount,Fee,Net,Currency,Created (UTC)".to_owned()];
    rows.extend(transactions.iter().map(row));
    let csv = rows.join("\n");
    let zone = "UTC".parse().unwrap();
    kontor_statements::read(StatementSource::Stripe, "export.csv", csv.as_bytes(), zone).unwrap()
}

#[tokio::test]
async fn a_statement_is_drawn_and_a_file_of_the_same_doubles_nothing() {
    let world = World::open().await;
    let payment_id = world.buy().await;
    let charged = until_lines(&world, "the charge is drawn", |lines| lines.len() == 1).await;
    let charge = Line {
        kind: "charge".into(),
        amount_minor: 499,
        fee_minor: 44,
        payout_ref: None,
        matched: true,
    };
    assert_eq!(charged, [charge]);
    world.refund_credits(payment_id, 10).await;
    until_lines(&world, "a part of it is", |lines| {
        lines.len() == 2 && lines[1].amount_minor == -166 && lines[1].matched
    })
    .await;
    // What is sent to the bank names what was drawn before.
    world.at_stripe("shop/payouts", json!({})).await;
    let sent = until_lines(&world, "the payout is drawn", |lines| {
        lines.len() == 3 && lines.iter().all(|line| line.payout_ref.is_some())
    })
    .await;
    assert_eq!((sent[2].kind.as_str(), sent[2].amount_minor), ("payout", -(499 - 44 - 166)));

    let mut transactions = world.objects("transactions").await;
    transactions.reverse();
    assert_eq!(transactions.len(), 3);
    for (id, record) in exported(&transactions).commands(&world.tenant) {
        let actor = kontor_domain::Actor::Operator { name: "books".into() };
        let command = ProviderStatementCommand::Record(record);
        world.send("provider_statement", id, actor, &command).await;
    }
    // A call that fails, and the next one goes on.
    let list = "stripe.balance_transactions.list";
    world.weather(json!({"kind": "server_error", "method": list, "count": 2})).await;
    let second = world.begin().await;
    world.pay(second, PAID).await;
    let all = until_lines(&world, "what came since is there", |lines| lines.len() == 4).await;
    assert_eq!(all[3].amount_minor, 499);
}
