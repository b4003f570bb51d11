//! Telegram Stars: the transactions of a bot, as the Bot API answers them or as a table.

use chrono::{DateTime, Utc};
use chrono_tz::UTC;
use kontor_domain::{
    Currency,
    provider_statement::{LineKind, StatementLine},
};
use serde::Deserialize;

use crate::{
    LINES_MAX, Place,
    cells::{amount, check_reference, instant, reference},
    table::{Table, too_many},
};

/// What the Bot API answers, with or without what stands around it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Whole { result: Transactions },
    Inner(Transactions),
    List(Vec<Transaction>),
}

#[derive(Deserialize)]
struct Transactions {
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    id: String,
    amount: i64,
    #[serde(default)]
    nanostar_amount: i64,
    /// Seconds of Unix time.
    date: i64,
    #[serde(default)]
    source: Option<Partner>,
    #[serde(default)]
    receiver: Option<Partner>,
}

#[derive(Deserialize)]
struct Partner {
    #[serde(rename = "type")]
    kind: String,
}

pub(crate) fn read(bytes: &[u8]) -> Result<(Vec<StatementLine>, usize), Place> {
    let begins = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(begins, Some(b'{' | b'[')) {
        return Ok((answer(bytes)?, 0));
    }
    let table = Table::read(bytes)?;
    let id = table.need(&["id", "transaction_id"])?;
    let at = table.need(&["date", "created_at", "Дата"])?;
    let stars = table.need(&["amount", "stars", "Сумма"])?;
    let kind = table.need(&["kind", "type", "Вид"])?;
    let mut lines = Vec::new();
    for row in table.rows() {
        let amount = amount(row, &stars, Currency::stars())?.abs();
        let kind = match row.text(&kind)?.to_lowercase().as_str() {
            "charge" | "payment" | "платёж" | "платеж" => LineKind::Charge,
            "refund" | "возврат" => LineKind::Refund,
            "payout" | "withdrawal" | "вывод" => LineKind::Payout,
            _ => return Err(row.wrong(&kind, "it is one of charge, refund, payout")),
        };
        let signed = if kind == LineKind::Charge { amount } else { -amount };
        lines.push(line(kind, reference(row, &id)?, instant(row, &at, UTC)?, signed));
    }
    Ok((lines, 0))
}

fn answer(bytes: &[u8]) -> Result<Vec<StatementLine>, Place> {
    let answer: Answer = serde_json::from_slice(bytes).map_err(|err| {
        let reason =
            "this is no answer of getStarTransactions, with `id`, `amount` and `date` of each";
        Place::line(err.line().max(1) as u64, reason)
    })?;
    let transactions = match answer {
        Answer::Whole { result } => result.transactions,
        Answer::Inner(inner) => inner.transactions,
        Answer::List(list) => list,
    };
    if transactions.len() > LINES_MAX {
        return Err(too_many());
    }
    let mut lines = Vec::new();
    for (number, it) in (1..).zip(transactions) {
        let wrong = |column: &str, reason: &str| Place {
            line: None,
            column: Some(column.to_owned()),
            reason: format!("transaction {number}: {reason}"),
        };
        if it.nanostar_amount != 0 || !(0..=100_000_000_000).contains(&it.amount) {
            return Err(wrong("amount", "Stars are counted whole, from 0 up"));
        }
        let at = DateTime::<Utc>::from_timestamp(it.date, 0).filter(|_| it.date > 0);
        let at = at.ok_or_else(|| wrong("date", "it is no instant in seconds of Unix time"))?;
        let id = check_reference(&it.id).map_err(|reason| wrong("id", reason))?;
        let incoming = it.source.is_some();
        let kind = match (&it.source, &it.receiver) {
            (Some(from), None) if from.kind == "user" => LineKind::Charge,
            (None, Some(to)) if to.kind == "user" => LineKind::Refund,
            (None, Some(to)) if to.kind == "fragment" => LineKind::Payout,
            (Some(_), None) | (None, Some(_)) => LineKind::Other,
            (Some(_), Some(_)) | (None, None) => {
                return Err(wrong("source", "it has either a `source` or a `receiver`"));
            }
        };
        lines.push(line(kind, id, at, if incoming { it.amount } else { -it.amount }));
    }
    Ok(lines)
}

fn line(kind: LineKind, id: String, at: DateTime<Utc>, amount: i64) -> StatementLine {
    StatementLine {
        kind,
        external_id: id.clone(),
        at,
        amount_minor: amount,
        fee_minor: 0,
        net_minor: amount,
        currency: Currency::stars(),
        references: [id].into(),
        payout_ref: None,
        from: None,
    }
}
