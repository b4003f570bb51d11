//! Stripe: balance transactions, as its itemised report or its dashboard writes them.

use chrono_tz::UTC;
use kontor_domain::provider_statement::{LineKind, StatementLine};

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
        let mut references = std::collections::BTreeSet::new();
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
