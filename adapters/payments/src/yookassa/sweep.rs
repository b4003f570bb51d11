//! What YooKassa may have said in vain: it gives up a notification after a day, tells nobody of a
//! refund that came to nothing, and never of receipts.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use kontor_commands::clock;
use kontor_domain::payment::{ReceiptOf, ReceiptStanding, RefundStanding, Standing};
use kontor_projections::payments::{self, PaymentRow};
use uuid::Uuid;

use super::{
    YooKassa, notices,
    objects::{PaymentObject, RefundObject, Status},
};
use crate::{Accepted, CallError};

/// A payment is confirmed within an hour of being made, so that what was made before that and still
/// changes is looked at again and again.
const CHANGES_FOR: TimeDelta = TimeDelta::hours(2);
/// The most open receipts that are asked for in one sweep.
const RECEIPTS_MAX: u32 = 100;

type Known = HashMap<Uuid, PaymentRow>;

pub(super) async fn sweep(
    shop: &YooKassa,
    since: DateTime<Utc>,
) -> Result<Vec<Accepted>, CallError> {
    let since = since.min(clock::now() - CHANGES_FOR);
    let mut found = payments_since(shop, since).await?;
    found.extend(refunds_since(shop, since).await?);
    found.extend(receipts(shop).await?);
    Ok(found)
}

/// Payments that have ended, and of which the read model does not show it.
async fn payments_since(shop: &YooKassa, since: DateTime<Utc>) -> Result<Vec<Accepted>, CallError> {
    let listed = shop.client.since("/payments", since).await?;
    let ended: Vec<PaymentObject> = listed
        .iter()
        .filter_map(|value| PaymentObject::read(value).ok())
        .filter(|payment| payment.of.is_some() && payment.status != Status::Pending)
        .collect();
    let known = known(shop, ended.iter().filter_map(|payment| payment.of)).await?;
    let unknown = ended.iter().filter(|payment| {
        !payment.of.and_then(|id| known.get(&id)).is_some_and(|row| shows_payment(row, payment))
    });
    Ok(unknown
        .map(|payment| {
            let state = (payment.status, payment.receipt);
            seen(notices::PAYMENT_SEEN, &payment.id, None, state)
        })
        .collect())
}

async fn refunds_since(shop: &YooKassa, since: DateTime<Utc>) -> Result<Vec<Accepted>, CallError> {
    let listed = shop.client.since("/refunds", since).await?;
    let ended: Vec<RefundObject> = listed
        .iter()
        .filter_map(|value| RefundObject::read(value).ok())
        .filter(|refund| refund.status.is_final())
        .collect();
    let known = known(shop, ended.iter().filter_map(|refund| refund.of)).await?;
    let unknown = ended.iter().filter(|refund| {
        !refund.of.and_then(|id| known.get(&id)).is_some_and(|row| shows_refund(row, refund))
    });
    Ok(unknown
        .map(|refund| {
            let state = (refund.status, refund.receipt);
            seen(notices::REFUND_SEEN, &refund.id, Some(&refund.charge_ref), state)
        })
        .collect())
}

/// Receipts that were not registered when they were last heard of, however long ago.
async fn receipts(shop: &YooKassa) -> Result<Vec<Accepted>, CallError> {
    let door = (&shop.settings.tenant, shop.settings.channel.as_str());
    let open = payments::open_receipts(&shop.pool, door, RECEIPTS_MAX).await.map_err(unread)?;
    let mut found = Vec::new();
    for row in &open {
        for part in row.receipts.iter().filter(|it| it.standing == ReceiptStanding::Requested) {
            let seen = match part.of {
                ReceiptOf::Charge => {
                    let payment = shop.client.payment(&part.provider_ref).await?;
                    payment.filter(|it| it.receipt != Some(part.standing)).map(|it| {
                        seen(notices::PAYMENT_SEEN, &it.id, None, (it.status, it.receipt))
                    })
                }
                ReceiptOf::Refund => {
                    let refund = shop.client.refund(&part.provider_ref).await?;
                    refund.filter(|it| it.receipt != Some(part.standing)).map(|it| {
                        let state = (it.status, it.receipt);
                        seen(notices::REFUND_SEEN, &it.id, Some(&it.charge_ref), state)
                    })
                }
            };
            found.extend(seen);
        }
    }
    Ok(found)
}

/// What is seen has a name of its own for each state, so that a notification that came too early
/// takes nothing away from it.
fn seen(
    event: &str,
    object_id: &str,
    charge_ref: Option<&str>,
    (status, receipt): (Status, Option<ReceiptStanding>),
) -> Accepted {
    let mut accepted = notices::accepted(event, object_id, charge_ref);
    accepted.external_id = format!("{}:{status:?}:{receipt:?}", accepted.external_id);
    accepted
}

async fn known(shop: &YooKassa, ids: impl Iterator<Item = Uuid>) -> Result<Known, CallError> {
    let ids: Vec<Uuid> = ids.collect();
    let rows = payments::find_all(&shop.pool, &shop.settings.tenant, &ids).await.map_err(unread)?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

fn unread(_: kontor_projections::QueryError) -> CallError {
    CallError::Later { after: None, why: "payments cannot be read".to_owned() }
}

fn shows_receipt(
    row: &PaymentRow,
    of: ReceiptOf,
    id: &str,
    found: Option<ReceiptStanding>,
) -> bool {
    let Some(found) = found else { return true };
    row.receipts
        .iter()
        .any(|part| part.of == of && part.provider_ref == id && part.standing >= found)
}

fn shows_payment(row: &PaymentRow, payment: &PaymentObject) -> bool {
    match payment.status {
        Status::Pending => true,
        Status::WaitingForCapture => false,
        Status::Canceled => row.standing >= Standing::Failed,
        Status::Succeeded => {
            row.standing == Standing::Succeeded
                && shows_receipt(row, ReceiptOf::Charge, &payment.id, payment.receipt)
        }
    }
}

fn shows_refund(row: &PaymentRow, refund: &RefundObject) -> bool {
    let mut parts = row.refunds.iter();
    parts.any(|part| {
        part.provider_ref == refund.charge_ref
            && refund.refund_id == Some(part.refund_id)
            && part.standing != RefundStanding::Requested
    }) && (refund.status == Status::Canceled
        || shows_receipt(row, ReceiptOf::Refund, &refund.id, refund.receipt))
}
