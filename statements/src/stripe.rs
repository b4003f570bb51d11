//! Stripe: balance transactions, as its itemised report or its dashboard writes them.

use std::collections::BTreeSet;

use chrono::DateTime;
use chrono_tz::UTC;
use kontor_domain::provider_statement::{LineKind, StatementLine};
use serde_json::Value;

use crate::{
    Place,
    cells::{amount, currency, instant, optional_reference, reference},
    table::Table,
};

pub(crate) fn read(bytes: &[u8]) -> Result<(Vec<StatementLine>, usize), Place> {
    let table = Table::read(bytes)?;
    let id = table.need(&["balance_transaction_id", "id"])?;
    let at = table.need(&["created_utc", "created (UTC)", "created"])?;
    let gross = table.need(&["gross", "amount"])?;
    let fee = table.need(&["fee"])?;
    let net = table.need(&["net"])?;
    let money = table.need(&["currency"])?;
    let category = table.need(&["reporting_category", "type"])?;
    let payout = table.find(&["automatic_payout_id", "payout_id", "payout", "transfer"]);
    let named = ["source_id", "source", "charge_id", "payment_intent_id"];
    let named: Vec<_> = named.iter().filter_map(|name| table.find(&[name])).collect();
    if named.is_empty() {
        table.need(&["source_id", "source"])?;
    }
    let mut lines = Vec::new();
    for row in table.rows() {
        let currency = currency(row, &money)?;
        let mut references = BTreeSet::new();
        for column in &named {
            references.extend(optional_reference(row, Some(column))?);
        }
        lines.push(StatementLine {
            kind: kind(row.text(&category)?),
            external_id: reference(row, &id)?,
            at: instant(row, &at, UTC)?,
            amount_minor: amount(row, &gross, currency)?,
            fee_minor: amount(row, &fee, currency)?,
            net_minor: amount(row, &net, currency)?,
            currency,
            references,
            payout_ref: optional_reference(row, payout.as_ref())?,
            from: None,
        });
    }
    Ok((lines, 0))
}

/// A balance transaction as Stripe's API gives it, with its `source` expanded or not: the line that a file
/// has of it.
///
/// # Errors
/// What cannot be read, and what would be right.
pub fn transaction(value: &Value, payout: Option<&str>) -> Result<StatementLine, String> {
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let needed = |name: &str| text(value, name).ok_or_else(|| format!("`{name}` must be a text"));
    let whole = |name: &str| {
        let number = value.get(name).and_then(Value::as_i64);
        number.ok_or_else(|| format!("`{name}` must be a whole number"))
    };
    let created = whole("created")?;
    let at = DateTime::from_timestamp(created, 0);
    let code = needed("currency")?.to_ascii_uppercase();
    let currency =
        code.parse().map_err(|_| format!("`{code}` is no currency that is known here"))?;
    let category = text(value, "reporting_category").map_or_else(|| needed("type"), Ok)?;
    let mut references = BTreeSet::new();
    match value.get("source") {
        Some(Value::String(id)) => drop(references.insert(id.clone())),
        Some(source) => {
            let named = ["id", "charge", "payment_intent"].map(|name| text(source, name));
            references.extend(named.into_iter().flatten());
        }
        None => {}
    }
    let kind = kind(&category);
    // A payout is its own.
    let payout_ref = match (kind, value.get("source")) {
        (LineKind::Payout, Some(source)) => text(source, "id").or(source.as_str().map(Into::into)),
        _ => payout.map(str::to_owned),
    };
    Ok(StatementLine {
        kind,
        external_id: needed("id")?,
        at: at.ok_or_else(|| format!("`created` must be an instant, and {created} is none"))?,
        amount_minor: whole("amount")?,
        fee_minor: whole("fee")?,
        net_minor: whole("net")?,
        currency,
        references,
        payout_ref,
        from: None,
    })
}

/// What Stripe's categories and types are about. There are some fifty, and new ones come: what is
/// not known here is something else that moved, and is shown as such.
fn kind(category: &str) -> LineKind {
    match category {
        "charge" | "payment" => LineKind::Charge,
        "refund" | "payment_refund" | "partial_capture_reversal" => LineKind::Refund,
        "dispute" | "dispute_reversal" => LineKind::Dispute,
        "payout" => LineKind::Payout,
        "fee" | "stripe_fee" | "network_cost" | "tax" => LineKind::Fee,
        _ => LineKind::Other,
    }
}
