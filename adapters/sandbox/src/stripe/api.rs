//! The API: keys, idempotency and faults around what an account asks for.

use std::sync::Arc;
use std::time::Duration;

use axum::Form as Fields;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::error::StripeError;
use super::state::{Answer, Form, Stripe};
use crate::calls::Call;
use crate::faults::Kind;
use crate::shared::Shared;
use crate::{limits, stripe, world};

/// The most objects of one page of a list.
const PAGE_SIZE: usize = 100;

type Shop = String;
type Found = Result<Value, StripeError>;

/// A call whose account is known.
struct Asked {
    name: &'static str,
    shop: Shop,
    /// `Idempotency-Key`, of calls with an effect.
    key: Option<String>,
    path: &'static str,
    form: Form,
}

fn shop_of(shared: &Shared, headers: &HeaderMap) -> Result<Shop, StripeError> {
    let header = headers.get("authorization").and_then(|it| it.to_str().ok());
    let key = header.and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
    let unknown = || StripeError::new(401, "invalid_request_error", "Invalid API Key provided");
    shared.with(|world| world.stripe.shop_of_key(key)).ok_or_else(unknown)
}

impl Asked {
    async fn answer(self, shared: &Shared, act: impl Fn(&mut Stripe, &Self) -> Found) -> Response {
        let fault = shared.with(|world| world.faults.strike_call(&self.shop, self.name, None));
        let found = match &fault {
            Some(Kind::TooManyRequests { .. }) => {
                Err(StripeError::new(429, "rate_limit_error", "Too many requests"))
            }
            Some(Kind::ServerError | Kind::Timeout) => Err(StripeError::broken()),
            Some(Kind::Forbidden) => {
                Err(StripeError::new(403, "invalid_request_error", "The key may not do this"))
            }
            Some(Kind::ServerErrorAfterEffect) => {
                // Stripe keeps the answer of a key also when it is a failure of its own.
                self.keyed(shared, |stripe, asked| {
                    act(stripe, asked).and_then(|_| Err(StripeError::broken()))
                })
            }
            Some(Kind::Delay { delay_ms }) => {
                let delay = Duration::from_millis(*delay_ms);
                shared.stop.run_until_cancelled(tokio::time::sleep(delay)).await;
                self.keyed(shared, act)
            }
            Some(
                Kind::TimeoutAfterEffect
                | Kind::DuplicateUpdate
                | Kind::ReorderUpdates
                | Kind::DropUpdate
                | Kind::WrongSignature,
            )
            | None => self.keyed(shared, act),
        };
        self.record(shared, fault.as_ref(), &found);
        if matches!(fault, Some(Kind::Timeout | Kind::TimeoutAfterEffect)) {
            shared.stop.run_until_cancelled(tokio::time::sleep(limits::UNANSWERED)).await;
        }
        match found {
            Ok(body) => Json(body).into_response(),
            Err(error) => error.into_response(),
        }
    }

    /// Acts once for each key; a refusal of what was asked is not kept.
    fn keyed(&self, shared: &Shared, act: impl Fn(&mut Stripe, &Self) -> Found) -> Found {
        stripe::act(shared, |stripe| {
            let Some(key) = &self.key else { return act(stripe, self) };
            if let Some(first) = stripe.answer(&self.shop, key) {
                if first.form != self.form || first.path != self.path {
                    let message = "Keys for idempotent requests can only be used with the same \
                                   parameters they were first used with.";
                    return Err(StripeError::new(400, "idempotency_error", message));
                }
                return match first.status {
                    200 => Ok(first.body.clone()),
                    _ => Err(StripeError::broken()),
                };
            }
            let found = act(stripe, self);
            let kept = match &found {
                Ok(body) => Some((200, body.clone())),
                Err(error) if error.status >= 500 => Some((error.status, error.body())),
                Err(_) => None,
            };
            if let Some((status, body)) = kept {
                stripe.keep_answer(Answer {
                    shop: self.shop.clone(),
                    key: key.clone(),
                    path: self.path.to_owned(),
                    form: self.form.clone(),
                    status,
                    body,
                });
            }
            found
        })
    }

    fn record(&self, shared: &Shared, fault: Option<&Kind>, found: &Found) {
        let call = Call {
            id: 0,
            at_ms: world::now_ms(),
            bot: self.shop.clone(),
            method: self.name.to_owned(),
            chat_id: None,
            params: json!({"form": self.form, "key": self.key}),
            status: found.as_ref().err().map_or(StatusCode::OK.as_u16(), |error| error.status),
            description: found.as_ref().err().map(|error| error.message().to_owned()),
            fault: fault.map(Kind::name),
        };
        shared.with(|world| world.calls.record(call));
    }
}

/// A call that makes something.
async fn make(
    shared: Arc<Shared>,
    headers: HeaderMap,
    (name, path, form): (&'static str, &'static str, Form),
    act: impl Fn(&mut Stripe, &Asked) -> Found,
) -> Response {
    let shop = match shop_of(&shared, &headers) {
        Ok(shop) => shop,
        Err(error) => return error.into_response(),
    };
    let key = headers.get("idempotency-key").and_then(|it| it.to_str().ok()).map(str::to_owned);
    if key.as_ref().is_some_and(|key| key.len() > 255) {
        let message = "The idempotency key is too long.";
        return StripeError::new(400, "invalid_request_error", message).into_response();
    }
    Asked { name, shop, key, path, form }.answer(&shared, act).await
}

/// A call that only looks.
async fn look(
    shared: Arc<Shared>,
    headers: HeaderMap,
    (name, form): (&'static str, Form),
    act: impl Fn(&mut Stripe, &Asked) -> Found,
) -> Response {
    match shop_of(&shared, &headers) {
        Ok(shop) => Asked { name, shop, key: None, path: "", form }.answer(&shared, act).await,
        Err(error) => error.into_response(),
    }
}

pub(super) async fn open_page(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Fields(form): Fields<Form>,
) -> Response {
    let base_url = shared.public_url.clone();
    let call = ("stripe.checkout.sessions.create", "/v1/checkout/sessions", form);
    make(shared, headers, call, move |stripe, asked| {
        stripe.open_page(&asked.shop, &asked.form, &base_url)
    })
    .await
}

pub(super) async fn refund(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Fields(form): Fields<Form>,
) -> Response {
    let call = ("stripe.refunds.create", "/v1/refunds", form);
    make(shared, headers, call, |stripe, asked| stripe.refund(&asked.shop, &asked.form)).await
}

pub(super) async fn charge(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Fields(form): Fields<Form>,
) -> Response {
    let call = ("stripe.payment_intents.create", "/v1/payment_intents", form);
    make(shared, headers, call, |stripe, asked| stripe.charge_kept(&asked.shop, &asked.form)).await
}

pub(super) async fn detach(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Fields(form): Fields<Form>,
) -> Response {
    let call = ("stripe.payment_methods.detach", "/v1/payment_methods", form);
    make(shared, headers, call, move |stripe, asked| stripe.detach(&asked.shop, &id)).await
}

pub(super) async fn delete_customer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let call = ("stripe.customers.delete", "/v1/customers", Form::new());
    make(shared, headers, call, move |stripe, asked| stripe.delete_customer(&asked.shop, &id)).await
}

macro_rules! one {
    ($handler:ident, $name:literal, $prefix:literal) => {
        pub(super) async fn $handler(
            State(shared): State<Arc<Shared>>,
            headers: HeaderMap,
            Path(id): Path<String>,
        ) -> Response {
            look(shared, headers, ($name, Form::new()), move |stripe, asked| {
                stripe.find(&asked.shop, &id, $prefix)
            })
            .await
        }
    };
}

one!(page, "stripe.checkout.sessions.retrieve", "cs_");
one!(intent, "stripe.payment_intents.retrieve", "pi_");
one!(method, "stripe.payment_methods.retrieve", "pm_");
one!(one_refund, "stripe.refunds.retrieve", "re_");
one!(dispute, "stripe.disputes.retrieve", "du_");

pub(super) async fn refunds(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(form): Query<Form>,
) -> Response {
    look(shared, headers, ("stripe.refunds.list", form), |stripe, asked| {
        let of = asked.form.get("payment_intent").cloned().unwrap_or_default();
        let all = stripe.list(&asked.shop, "re_").into_iter();
        Ok(list(all.filter(|it| it["payment_intent"] == of.as_str()).collect(), &asked.form))
    })
    .await
}

pub(super) async fn intents(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(form): Query<Form>,
) -> Response {
    look(shared, headers, ("stripe.payment_intents.list", form), |stripe, asked| {
        let of = asked.form.get("customer").cloned().unwrap_or_default();
        let since: i64 =
            asked.form.get("created[gte]").and_then(|it| it.parse().ok()).unwrap_or_default();
        let all = stripe.list(&asked.shop, "pi_").into_iter();
        let wanted = all.filter(|it| {
            it["customer"] == of.as_str() && it["created"].as_i64().unwrap_or_default() >= since
        });
        Ok(list(wanted.collect(), &asked.form))
    })
    .await
}

pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(form): Query<Form>,
) -> Response {
    look(shared, headers, ("stripe.events.list", form), |stripe, asked| {
        let undelivered = asked.form.get("delivery_success").is_some_and(|it| it == "false");
        let since: i64 =
            asked.form.get("created[gte]").and_then(|it| it.parse().ok()).unwrap_or_default();
        let all = stripe.list(&asked.shop, "evt_").into_iter();
        let wanted = all.filter(|event| {
            event["created"].as_i64().unwrap_or_default() >= since
                && (!undelivered || event["pending_webhooks"] != 0)
        });
        Ok(list(wanted.collect(), &asked.form))
    })
    .await
}

pub(super) async fn transactions(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(form): Query<Form>,
) -> Response {
    look(shared, headers, ("stripe.balance_transactions.list", form), |stripe, asked| {
        Ok(list(stripe.transactions(&asked.shop, &asked.form), &asked.form))
    })
    .await
}

/// One page of a list.
fn list(all: Vec<Value>, form: &Form) -> Value {
    let limit = form.get("limit").and_then(|it| it.parse().ok()).unwrap_or(10).min(PAGE_SIZE);
    let after = form.get("starting_after");
    let begin = after
        .and_then(|id| all.iter().position(|it| it["id"] == id.as_str()))
        .map_or(0, |place| place + 1);
    let rest: Vec<Value> = all.into_iter().skip(begin).collect();
    let has_more = rest.len() > limit;
    let data: Vec<Value> = rest.into_iter().take(limit).collect();
    json!({"object": "list", "data": data, "has_more": has_more})
}
