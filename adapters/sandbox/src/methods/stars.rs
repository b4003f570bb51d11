//! Telegram Stars: invoices, the answer before a payment, refunds and the list of transactions.

use serde_json::{Value, json};

use super::Call;
use super::send::post;
use crate::Person;
use crate::limits;
use crate::wire::error::WireError;
use crate::world::chat::ChatKey;
use crate::world::message::Content;
use crate::world::stars::{CURRENCY, Charge, Invoice};
use crate::world::{Draft, World};

pub(super) fn send_invoice(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let key = world.writable_chat(call.bot_id, call.params.required_chat_id()?)?;
    let invoice = invoice(call)?;
    let pay = format!("⭐ {}", invoice.amount);
    let mut draft = Draft { from_bot: true, ..Draft::from_person(Content::Invoice { invoice }) };
    // Telegram adds the button itself when the bot gives none.
    draft.inline_keyboard = Some(json!({"inline_keyboard": [[{"text": pay, "pay": true}]]}));
    post(world, call, key, draft)
}

fn invoice(call: &Call<'_>) -> Result<Invoice, WireError> {
    let text = |name: &str, least: usize, most: usize| {
        let text = call.params.text(name).unwrap_or_default();
        let length = text.chars().count();
        if (least..=most).contains(&length) {
            return Ok(text);
        }
        Err(WireError::bad_request(format!("INVOICE_{}_INVALID", name.to_uppercase())))
    };
    let title = text("title", 1, limits::INVOICE_TITLE)?;
    let description = text("description", 1, limits::INVOICE_DESCRIPTION)?;
    let payload = text("payload", 1, limits::INVOICE_PAYLOAD_BYTES)?;
    if payload.len() > limits::INVOICE_PAYLOAD_BYTES {
        return Err(WireError::bad_request("INVOICE_PAYLOAD_INVALID"));
    }
    if call.params.text("currency").as_deref() != Some(CURRENCY) {
        return Err(WireError::bad_request("CURRENCY_INVALID"));
    }
    if call.params.text("provider_token").is_some_and(|token| !token.is_empty()) {
        return Err(WireError::bad_request("PAYMENT_PROVIDER_INVALID"));
    }
    let prices = call.params.json("prices")?.unwrap_or_default();
    let [price] = prices.as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(WireError::bad_request("STARS_INVOICE_INVALID"));
    };
    let amount = price["amount"].as_i64().unwrap_or_default();
    let is_labelled = price["label"].as_str().is_some_and(|label| !label.is_empty());
    if !is_labelled || !(1..=limits::INVOICE_STARS).contains(&amount) {
        return Err(WireError::bad_request("CURRENCY_TOTAL_AMOUNT_INVALID"));
    }
    Ok(Invoice { title, description, payload, amount })
}

pub(super) fn answer_pre_checkout_query(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, WireError> {
    let id = call.params.text("pre_checkout_query_id").unwrap_or_default();
    let refusal = if call.params.flag("ok") {
        None
    } else {
        let words = call.params.text("error_message").filter(|words| !words.is_empty());
        Some(words.ok_or_else(|| WireError::bad_request("error message is empty"))?)
    };
    if world.checkout_answered(call.bot_id, &id, refusal) {
        return Ok(Value::Bool(true));
    }
    Err(WireError::bad_request(
        "query is too old and response timeout expired or query ID is invalid",
    ))
}

pub(super) fn refund_star_payment(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let user_id = call.params.integer("user_id")?.unwrap_or_default();
    if !world.people.contains_key(&user_id) {
        return Err(WireError::bad_request("user not found"));
    }
    let key = ChatKey { bot_id: call.bot_id, person_id: user_id };
    let id = call.params.text("telegram_payment_charge_id").unwrap_or_default();
    world.refund(key, &id).map_err(WireError::bad_request)?;
    Ok(Value::Bool(true))
}

pub(super) fn get_star_transactions(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, WireError> {
    let number = |name: &str, otherwise: i64| Ok(call.params.integer(name)?.unwrap_or(otherwise));
    let offset = usize::try_from(number("offset", 0)?).unwrap_or(0);
    let limit = usize::try_from(number("limit", 100)?).unwrap_or(100).clamp(1, 100);
    let charges = world.stars.charges.iter().filter(|charge| charge.bot_id == call.bot_id);
    let mut transactions: Vec<(i64, Value)> = Vec::new();
    for charge in charges {
        let partner = partner(world, charge);
        let one = |date: i64, side: &str| {
            let mut one = json!({"id": charge.id, "amount": charge.amount, "date": date});
            one[side] = partner.clone();
            (date, one)
        };
        transactions.push(one(charge.date, "source"));
        transactions.extend(charge.refunded.map(|date| one(date, "receiver")));
    }
    // The order of time; of the same second, what came in before what went back.
    transactions.sort_by_key(|(date, _)| *date);
    let page: Vec<Value> =
        transactions.into_iter().skip(offset).take(limit).map(|(_, one)| one).collect();
    Ok(json!({"transactions": page}))
}

fn partner(world: &World, charge: &Charge) -> Value {
    json!({
        "type": "user",
        "transaction_type": "invoice_payment",
        "user": world.people.get(&charge.person_id).map(Person::user),
        "invoice_payload": charge.payload,
    })
}
