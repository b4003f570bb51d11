//! Notifications: from whom they are taken, and what they mean once YooKassa was asked.

use kontor_postgres::checkouts;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Network, YooKassa,
    client::Client,
    objects::{PaymentObject, Status, id},
};
use crate::{Accepted, CallError, Denied, Heard, Notice};

/// The longest name of an event, in bytes.
const EVENT_BYTES_MAX: usize = 64;
/// What a sweep says it has seen; it claims nothing.
pub(super) const PAYMENT_SEEN: &str = "payment.seen";
/// The same for refunds.
pub(super) const REFUND_SEEN: &str = "refund.seen";

/// Takes a notification from YooKassa's networks. Of its body only the names are kept: everything
/// else is asked for, and may be about people.
pub(super) fn accept(networks: &[Network], notice: &Notice<'_>) -> Result<Accepted, Denied> {
    let Some(peer) = notice.peer else {
        return Err(Denied { status: 403, reason: "address_unknown" });
    };
    if !networks.iter().any(|network| network.contains(peer)) {
        return Err(Denied { status: 403, reason: "address_not_allowed" });
    }
    let malformed = Denied { status: 400, reason: "notification_malformed" };
    let body: Value = serde_json::from_slice(notice.body).map_err(|_| malformed)?;
    let event = body["event"].as_str().filter(|event| is_event(event)).ok_or(malformed)?;
    let object_id = id(&body["object"]["id"]).ok_or(malformed)?;
    Ok(accepted(event, &object_id, id(&body["object"]["payment_id"]).as_deref()))
}

fn is_event(text: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b == b'_' || b == b'.';
    (1..=EVENT_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter)
}

/// What is stored. Whatever is about one payment is worked on in order.
pub(super) fn accepted(event: &str, object_id: &str, charge_ref: Option<&str>) -> Accepted {
    Accepted {
        external_id: format!("{event}:{object_id}"),
        key: charge_ref.unwrap_or(object_id).to_owned(),
        payload: json!({ "event": event, "object": { "id": object_id } }),
    }
}

/// What is claimed, and of what.
enum Claim {
    Payment(Option<Status>),
    Refund(Option<Status>),
    /// Nothing that matters here.
    Other,
}

fn claim(event: &str) -> Claim {
    match event {
        "payment.succeeded" => Claim::Payment(Some(Status::Succeeded)),
        "payment.canceled" => Claim::Payment(Some(Status::Canceled)),
        "payment.waiting_for_capture" | PAYMENT_SEEN => Claim::Payment(None),
        "refund.succeeded" => Claim::Refund(Some(Status::Succeeded)),
        REFUND_SEEN => Claim::Refund(None),
        _ => Claim::Other,
    }
}

/// Asks YooKassa, and believes nothing else.
pub(super) async fn read(shop: &YooKassa, payload: &Value) -> Result<Heard, CallError> {
    let event = payload["event"].as_str().unwrap_or_default();
    let Some(object_id) = id(&payload["object"]["id"]) else {
        return Ok(Heard::Denied("notification_malformed"));
    };
    match claim(event) {
        Claim::Payment(claimed) => read_payment(shop, &object_id, claimed).await,
        Claim::Refund(claimed) => read_refund(&shop.client, &object_id, claimed).await,
        Claim::Other => Ok(Heard::Said(vec![])),
    }
}

async fn read_payment(
    shop: &YooKassa,
    object_id: &str,
    claimed: Option<Status>,
) -> Result<Heard, CallError> {
    let Some(payment) = shop.client.payment(object_id).await? else {
        return Ok(Heard::Denied("object_unknown"));
    };
    let Some(payment_id) = payment.of else {
        return Ok(Heard::Denied("object_not_of_kontor"));
    };
    if let Some(denied) = lie(claimed, payment.status) {
        return Ok(denied);
    }
    // Whoever has the shop's keys writes what they like in its metadata: no money is taken by that.
    if payment.status == Status::WaitingForCapture
        && !is_of_page(shop, payment_id, &payment).await?
    {
        return Ok(Heard::Denied("payment_not_here"));
    }
    let payment = captured(&shop.client, payment).await?;
    Ok(Heard::Said(payment.facts()))
}

/// Whether the payment was made for a page that this shop was asked for.
async fn is_of_page(
    shop: &YooKassa,
    payment_id: Uuid,
    payment: &PaymentObject,
) -> Result<bool, CallError> {
    let row = checkouts::find(&shop.pool, payment_id).await;
    let unread = |_| CallError::Later { after: None, why: "checkouts cannot be read".to_owned() };
    Ok(row.map_err(unread)?.is_some_and(|row| {
        row.tenant == shop.settings.tenant.as_str()
            && row.channel == shop.settings.channel
            && row.provider_ref.is_none_or(|page| page == payment.id)
    }))
}

/// Whether the body lies about the status. What is not final yet may be by the time a sweep or a look
/// at the page asks again, under another name, so that nothing is missed.
fn lie(claimed: Option<Status>, found: Status) -> Option<Heard> {
    let claimed = claimed?;
    (claimed != found).then_some(Heard::Denied("status_differs"))
}

async fn read_refund(
    client: &Client,
    object_id: &str,
    claimed: Option<Status>,
) -> Result<Heard, CallError> {
    let Some(refund) = client.refund(object_id).await? else {
        return Ok(Heard::Denied("object_unknown"));
    };
    if let Some(denied) = lie(claimed, refund.status) {
        return Ok(denied);
    }
    // Whose it is says the payment: a refund may have been made in YooKassa's cabinet.
    let payment = client.payment(&refund.charge_ref).await?;
    let Some(payment_id) = payment.and_then(|payment| payment.of) else {
        return Ok(Heard::Denied("object_not_of_kontor"));
    };
    Ok(Heard::Said(refund.facts(payment_id)))
}

/// Every payment is made with `capture`, so that none waits for it; one that is ours and does all the
/// same is captured.
pub(super) async fn captured(
    client: &Client,
    payment: PaymentObject,
) -> Result<PaymentObject, CallError> {
    if payment.status == Status::WaitingForCapture {
        client.capture(&payment).await
    } else {
        Ok(payment)
    }
}
