//! What Kontor says moved with a provider: charges, refunds and disputes of payments.

use std::collections::{BTreeMap, HashMap};

use kontor_domain::{
    Money, Recorded,
    credit_ledger::{DisputeOutcome, PaymentProvider},
    payment::{PaymentEvent, ReceiptOf},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::items::Item;
use crate::{
    ApplyError,
    columns::{column, json, json_of, named},
    streams::no_row,
};

/// What the facts of a payment do not repeat.
#[derive(Debug)]
pub(super) struct Known {
    provider: PaymentProvider,
    price: Money,
    disputes: BTreeMap<Uuid, Contested>,
    version: i64,
}

/// A charge that is contested.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Contested {
    provider_ref: String,
    amount: Money,
}

/// The name of a provider in the tables.
pub(super) fn provider_name(provider: PaymentProvider) -> &'static str {
    match provider {
        PaymentProvider::Stripe => "stripe",
        PaymentProvider::Yookassa => "yookassa",
        PaymentProvider::TelegramStars => "telegram_stars",
        PaymentProvider::Manual => "manual",
    }
}

/// What is known of the payments of a page, with the page.
pub(super) async fn known(
    db: &mut PgConnection,
    events: &[&Recorded],
) -> Result<HashMap<Uuid, Known>, ApplyError> {
    let rows = sqlx::query("select * from recon_payments where id = any($1)")
        .bind(column(events, |event| event.stream_id))
        .fetch_all(&mut *db)
        .await?;
    let mut known = HashMap::new();
    for row in &rows {
        let it = Known {
            provider: named(row, "provider")?,
            price: Money::new(row.try_get("price_minor")?, named(row, "currency")?),
            disputes: json(row, "disputes")?,
            version: row.try_get("version")?,
        };
        known.insert(row.try_get("id")?, it);
    }
    for event in events {
        let id = event.stream_id;
        match event.body::<PaymentEvent>()? {
            PaymentEvent::Begun(begun) => {
                let (provider, price, disputes) = (begun.provider, begun.price, BTreeMap::new());
                let version = event.version;
                known.entry(id).or_insert(Known { provider, price, disputes, version });
            }
            PaymentEvent::DisputeOpened(opened) => {
                let it = known.get_mut(&id).ok_or_else(|| no_row(event))?;
                let (provider_ref, amount) = (opened.provider_ref, opened.amount);
                it.disputes.insert(opened.dispute_id, Contested { provider_ref, amount });
                it.version = it.version.max(event.version);
            }
            // They say nothing that is missing elsewhere.
            PaymentEvent::Pending(_)
            | PaymentEvent::Succeeded(_)
            | PaymentEvent::Failed(_)
            | PaymentEvent::Expired(_)
            | PaymentEvent::OutcomeUnknown(_)
            | PaymentEvent::SurplusPaid(_)
            | PaymentEvent::RefundRequested(_)
            | PaymentEvent::Refunded(_)
            | PaymentEvent::RefundFailed(_)
            | PaymentEvent::DisputeClosed(_)
            | PaymentEvent::Contradicted(_)
            | PaymentEvent::ReceiptRequested(_)
            | PaymentEvent::ReceiptFailed(_)
            | PaymentEvent::ReceiptRegistered(_) => {}
        }
    }
    write(db, &known).await?;
    Ok(known)
}

async fn write(db: &mut PgConnection, known: &HashMap<Uuid, Known>) -> Result<(), ApplyError> {
    let rows: Vec<_> = known.iter().collect();
    let disputes: Result<Vec<_>, _> = rows.iter().map(|(_, it)| json_of(&it.disputes)).collect();
    sqlx::query(
        "insert into recon_payments as row (id, provider, disputes, version, price_minor, currency) \
         select * from unnest($1::uuid[], $2::text[], $3::jsonb[], $4::bigint[], $5::bigint[], \
             $6::text[]) \
         on conflict (id) do update set disputes = excluded.disputes, version = excluded.version \
         where row.version < excluded.version",
    )
    .bind(column(&rows, |(id, _)| **id))
    .bind(column(&rows, |(_, it)| provider_name(it.provider)))
    .bind(disputes?)
    .bind(column(&rows, |(_, it)| it.version))
    .bind(column(&rows, |(_, it)| it.price.amount_minor))
    .bind(column(&rows, |(_, it)| it.price.currency.code()))
    .execute(db)
    .await?;
    Ok(())
}

/// What a fact says moved; nothing for facts that move nothing.
pub(super) fn item(
    event: &Recorded,
    known: &HashMap<Uuid, Known>,
    fact: PaymentEvent,
) -> Result<Option<Item>, ApplyError> {
    use PaymentEvent as E;
    let it = known.get(&event.stream_id).ok_or_else(|| no_row(event))?;
    let provider = provider_name(it.provider);
    // What the staff took itself stands in no file.
    if it.provider == PaymentProvider::Manual {
        return Ok(None);
    }
    let made = |name: &str, bucket, reference: &str, amount: Money, minor: i64| {
        let id = Uuid::new_v5(&event.stream_id, name.as_bytes());
        Item::ours(event, (id, provider, bucket), reference, Money::new(minor, amount.currency))
    };
    Ok(Some(match fact {
        E::Succeeded(it) => {
            let name = format!("charge {}", it.provider_ref);
            made(&name, "charge", &it.provider_ref, it.price, it.price.amount_minor)
        }
        E::SurplusPaid(it) => {
            let name = format!("charge {}", it.provider_ref);
            made(&name, "charge", &it.provider_ref, it.amount, it.amount.amount_minor)
        }
        E::Refunded(it) => {
            let name = format!("refund {}", it.refund_id);
            made(&name, "refund", &it.provider_ref, it.amount, -it.amount.amount_minor)
        }
        E::RefundFailed(it) => {
            let name = format!("refund {}", it.refund_id);
            let minor = -it.amount.amount_minor;
            Item { void: true, ..made(&name, "refund", &it.provider_ref, it.amount, minor) }
        }
        E::DisputeOpened(it) => {
            let name = format!("dispute {}", it.dispute_id);
            made(&name, "dispute", &it.provider_ref, it.amount, -it.amount.amount_minor)
        }
        E::DisputeClosed(closed) => {
            let Some(contested) = it.disputes.get(&closed.dispute_id) else { return Ok(None) };
            match closed.outcome {
                DisputeOutcome::Lost => return Ok(None),
                // The provider gives back what it held.
                DisputeOutcome::Won => {
                    let name = format!("dispute won {}", closed.dispute_id);
                    let amount = contested.amount;
                    made(&name, "dispute", &contested.provider_ref, amount, amount.amount_minor)
                }
            }
        }
        E::ReceiptFailed(failed) => receipt(event, it, (failed.of, &failed.provider_ref), false),
        E::ReceiptRegistered(one) => receipt(event, it, (one.of, &one.provider_ref), true),
        E::Begun(_)
        | E::Pending(_)
        | E::Failed(_)
        | E::Expired(_)
        | E::OutcomeUnknown(_)
        | E::RefundRequested(_)
        | E::Contradicted(_)
        | E::ReceiptRequested(_) => return Ok(None),
    }))
}

/// A fiscal receipt that could not be registered is a difference by itself, until it is registered. It is
/// held against nothing; the amount is the price of its payment.
fn receipt(
    event: &Recorded,
    known: &Known,
    (of, provider_ref): (ReceiptOf, &str),
    is_registered: bool,
) -> Item {
    let (kind, minor) = match of {
        ReceiptOf::Charge => ("charge", known.price.amount_minor),
        ReceiptOf::Refund => ("refund", known.price.amount_minor.saturating_neg()),
    };
    let name = format!("receipt {kind} {provider_ref}");
    let id = Uuid::new_v5(&event.stream_id, name.as_bytes());
    let place = (id, provider_name(known.provider), "");
    let item = Item::ours(event, place, provider_ref, Money::new(minor, known.price.currency));
    Item { kind, void: is_registered, fault: Some("receipt_missing"), ..item }
}
