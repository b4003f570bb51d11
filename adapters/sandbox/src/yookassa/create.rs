//! New payments and refunds, once per idempotence key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer;
use super::api::{Answer, Operation, Shop, own, shop, weathered};
use super::error::ShopError;
use super::state::{Asked, Later, Payment, Receipt, Refund, RefundMood, Status, YooKassa};
use crate::limits;
use crate::shared::Shared;
use crate::world::now_ms;

/// *YooKassa*: characters of an idempotence key.
const KEY_MAX: usize = 64;
/// *YooKassa*: characters of a description.
const DESCRIPTION_MAX: usize = 128;
/// *YooKassa*: pairs of metadata, characters of a name and of a value.
const METADATA: (usize, usize, usize) = (16, 32, 512);

pub(super) async fn payment(
    State(shared): State<Arc<Shared>>,
    Extension(operation): Extension<Operation>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    create(&shared, operation, (&headers, body), |yookassa, shop, body| {
        let payment = read_payment(shop, body)?;
        let id = payment.id.clone();
        yookassa.keep(payment);
        Ok(id)
    })
    .await
    .into_response()
}

pub(super) async fn refund(
    State(shared): State<Arc<Shared>>,
    Extension(operation): Extension<Operation>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    create(&shared, operation, (&headers, body), |yookassa, shop, body| {
        let refund = read_refund(yookassa, shop, body)?;
        let id = refund.id.clone();
        yookassa.keep_refund(refund);
        Ok(id)
    })
    .await
    .into_response()
}

/// Makes an object, or finds the one that the same key made.
async fn create(
    shared: &Shared,
    operation: Operation,
    (headers, body): (&HeaderMap, Value),
    make: impl FnOnce(&mut YooKassa, &Shop, &Value) -> Result<String, ShopError>,
) -> Answer {
    let shop = shop(shared, headers)?;
    let given = headers.get("Idempotence-Key").and_then(|value| value.to_str().ok());
    let key = given.filter(|key| (1..=KEY_MAX).contains(&key.len())).ok_or_else(|| {
        ShopError::invalid("Idempotence-Key", "Give a key of 1 to 64 characters in the header")
    })?;
    let place = format!("{}/{key}", shop.0);
    weathered(shared, (&shop, operation), |yookassa, page| {
        let now = now_ms();
        yookassa.kept.asked.retain(|_, asked| now - asked.at_ms < limits::IDEMPOTENCE_MS);
        let id = match yookassa.kept.asked.get(&place) {
            Some(asked) if asked.body == body => asked.object_id.clone(),
            Some(_) => {
                let description = "Idempotence key duplicated with another body";
                return Err(ShopError::invalid("Idempotence-Key", description));
            }
            None => {
                let id = make(yookassa, &shop, &body)?;
                let asked = Asked { body, object_id: id.clone(), at_ms: now };
                yookassa.kept.asked.insert(place, asked);
                id
            }
        };
        let refund = yookassa.kept.refunds.iter().find(|refund| refund.id == id);
        match refund {
            Some(refund) => Ok(YooKassa::refund_value(refund)),
            None => Ok(yookassa.payment_value(own(yookassa, &shop, &id)?, page)),
        }
    })
    .await
}

fn read_payment(shop: &Shop, body: &Value) -> Result<Payment, ShopError> {
    let (amount_minor, currency) = amount(body)?;
    let confirmation = &body["confirmation"];
    if confirmation["type"] != "redirect" {
        let description = "The sandbox knows redirect alone";
        return Err(ShopError::invalid("confirmation.type", description));
    }
    let return_url = confirmation["return_url"].as_str().filter(|url| url.starts_with("http"));
    let return_url = return_url
        .ok_or_else(|| ShopError::invalid("confirmation.return_url", "Give an address"))?;
    let description = body["description"].as_str().unwrap_or_default();
    if description.chars().count() > DESCRIPTION_MAX {
        return Err(ShopError::invalid("description", "At most 128 characters"));
    }
    let now = now_ms();
    Ok(Payment {
        id: Uuid::now_v7().to_string(),
        shop_id: shop.0.clone(),
        status: Status::Pending,
        amount_minor,
        currency,
        description: description.to_owned(),
        metadata: metadata(body)?,
        return_url: return_url.to_owned(),
        // As in the real API: who wants the money at once has to say so.
        capture: body["capture"].as_bool().unwrap_or(false),
        created_ms: now,
        captured_ms: None,
        expires_ms: now + limits::CONFIRM_MS,
        refunded_minor: 0,
        cancellation: None,
        asks_for_code: false,
        later: None,
        receipt: receipt(body)?,
    })
}

fn read_refund(yookassa: &YooKassa, shop: &Shop, body: &Value) -> Result<Refund, ShopError> {
    let payment_id = body["payment_id"].as_str().unwrap_or_default();
    let payment = own(yookassa, shop, payment_id)
        .map_err(|_| ShopError::invalid("payment_id", "Incorrect payment_id"))?;
    if payment.status != Status::Succeeded {
        return Err(ShopError::invalid("payment_id", "The payment has not succeeded"));
    }
    let (amount_minor, currency) = amount(body)?;
    if currency != payment.currency {
        return Err(ShopError::invalid("amount.currency", "Another currency than the payment's"));
    }
    if payment.refunded_minor + amount_minor > payment.amount_minor {
        let description = "The amount is more than what is left of the payment";
        return Err(ShopError::invalid("amount.value", description));
    }
    let now = now_ms();
    let soon = now + limits::REFUND_LATER_MS;
    let reason = "insufficient_funds".to_owned();
    let (status, later) = match yookassa.refunds {
        RefundMood::AtOnce => (Status::Succeeded, None),
        RefundMood::Later => (Status::Pending, Some((soon, Later::Succeeds))),
        RefundMood::CanceledLater => (Status::Pending, Some((soon, Later::Fails { reason }))),
    };
    let mut refund = Refund {
        id: Uuid::now_v7().to_string(),
        payment_id: payment_id.to_owned(),
        shop_id: shop.0.clone(),
        status,
        amount_minor,
        currency,
        metadata: metadata(body)?,
        created_ms: now,
        cancellation: None,
        later,
        receipt: receipt(body)?,
    };
    if status == Status::Succeeded {
        refund.succeed(now);
    }
    Ok(refund)
}

fn amount(body: &Value) -> Result<(i64, String), ShopError> {
    let amount = &body["amount"];
    let minor = amount["value"].as_str().and_then(answer::minor).filter(|minor| *minor > 0);
    let minor = minor.ok_or_else(|| {
        ShopError::invalid("amount.value", "Give a positive amount such as \"229.00\"")
    })?;
    let currency = amount["currency"].as_str().filter(|code| code.len() == 3);
    let currency =
        currency.ok_or_else(|| ShopError::invalid("amount.currency", "Give a code such as RUB"))?;
    Ok((minor, currency.to_owned()))
}

fn metadata(body: &Value) -> Result<Value, ShopError> {
    let Some(given) = body.get("metadata") else { return Ok(json!({})) };
    let (pairs_max, name_max, value_max) = METADATA;
    let fits = given.as_object().is_some_and(|pairs| {
        pairs.len() <= pairs_max
            && pairs.iter().all(|(name, value)| {
                let value = value.as_str().map(|value| value.chars().count());
                name.chars().count() <= name_max && value.is_some_and(|length| length <= value_max)
            })
    });
    if fits {
        return Ok(given.clone());
    }
    Err(ShopError::invalid("metadata", "At most 16 pairs of texts, 32 and 512 characters"))
}

/// What the law wants of a receipt, as far as YooKassa checks it at once.
fn receipt(body: &Value) -> Result<Option<Receipt>, ShopError> {
    let Some(asked) = body.get("receipt") else { return Ok(None) };
    let wrong = |parameter: &str, description: &str| {
        Err(ShopError::invalid(&format!("receipt.{parameter}"), description))
    };
    let customer = &asked["customer"];
    let is_given = |name: &str| customer[name].as_str().is_some_and(|text| !text.is_empty());
    if !is_given("email") && !is_given("phone") {
        return wrong("customer", "Give an email or a phone");
    }
    let items = asked["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() || items.len() > 80 {
        return wrong("items", "Give 1 to 80 items");
    }
    let mut sum = 0_i64;
    for item in items {
        let price = item["amount"]["value"].as_str().and_then(answer::minor);
        let quantity = item["quantity"].as_str().and_then(|text| text.parse::<i64>().ok());
        let (Some(price), Some(quantity)) = (price, quantity.filter(|number| *number > 0)) else {
            return wrong("items.amount", "Give an amount and a quantity");
        };
        sum = sum.saturating_add(price.saturating_mul(quantity));
        let length = item["description"].as_str().map_or(0, |text| text.chars().count());
        if !(1..=DESCRIPTION_MAX).contains(&length) {
            return wrong("items.description", "Give 1 to 128 characters");
        }
        if !item["vat_code"].as_i64().is_some_and(|code| (1..=12).contains(&code)) {
            return wrong("items.vat_code", "Give a code from 1 to 12");
        }
    }
    if sum != amount(body)?.0 {
        return wrong("items.amount", "The items do not come to the amount");
    }
    Ok(Some(Receipt::new(asked.clone())))
}
