//! The API: who asks, which weather there is, and the calls that look at or end something.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::sleep;

use super::error::ShopError;
use super::state::{Status, YooKassa};
use super::{create, list};
use crate::faults::Kind;
use crate::limits;
use crate::shared::Shared;

/// The shop that asks.
#[derive(Clone, Debug)]
pub(super) struct Shop(pub(super) String);

pub(super) type Answer = Result<Json<Value>, ShopError>;

/// Everything under `/yookassa/v3`.
pub(super) fn router() -> Router<Arc<Shared>> {
    let named = |operation: &'static str| {
        middleware::from_fn(move |mut request: Request, next: Next| {
            request.extensions_mut().insert(Operation(operation));
            next.run(request)
        })
    };
    Router::new()
        .route(
            "/payments",
            post(create::payment)
                .layer(named("create_payment"))
                .merge(get(list::payments).layer(named("list_payments"))),
        )
        .route("/payments/{id}", get(payment).layer(named("get_payment")))
        .route("/payments/{id}/capture", post(capture).layer(named("capture_payment")))
        .route("/payments/{id}/cancel", post(cancel).layer(named("cancel_payment")))
        .route(
            "/refunds",
            post(create::refund)
                .layer(named("create_refund"))
                .merge(get(list::refunds).layer(named("list_refunds"))),
        )
        .route("/refunds/{id}", get(refund).layer(named("get_refund")))
}

/// What a call is named by the rules of the weather.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation(&'static str);

/// Answers a call by the weather: not at all, late, with an error before or after its effect.
pub(super) async fn weathered(
    shared: &Shared,
    (shop, operation): (&Shop, Operation),
    act: impl FnOnce(&mut YooKassa, &str) -> Result<Value, ShopError>,
) -> Answer {
    let strike = shared.with(|world| world.yookassa.faults.strike_call(&shop.0, operation.0, None));
    let act = || {
        shared.with(|world| {
            world.yookassa.tidy();
            let done = act(&mut world.yookassa, &shared.public_url);
            world.changed();
            done
        })
    };
    match strike {
        Some(Kind::TooManyRequests { .. }) => return Err(ShopError::too_many()),
        Some(Kind::ServerError) => return Err(ShopError::internal()),
        Some(Kind::Forbidden) => return Err(ShopError::forbidden()),
        Some(Kind::ServerErrorAfterEffect) => {
            drop(act());
            return Err(ShopError::internal());
        }
        Some(Kind::Timeout) => {
            sleep(limits::UNANSWERED).await;
            return Err(ShopError::internal());
        }
        Some(Kind::TimeoutAfterEffect) => {
            drop(act());
            sleep(limits::UNANSWERED).await;
            return Err(ShopError::internal());
        }
        Some(Kind::Delay { delay_ms }) => sleep(std::time::Duration::from_millis(delay_ms)).await,
        Some(
            Kind::DuplicateUpdate | Kind::ReorderUpdates | Kind::DropUpdate | Kind::WrongSignature,
        )
        | None => {}
    }
    act().map(Json)
}

/// The shop of HTTP Basic `shopId:secretKey`.
pub(super) fn shop(shared: &Shared, headers: &HeaderMap) -> Result<Shop, ShopError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let encoded = given.and_then(|value| value.strip_prefix("Basic "));
    let decoded = encoded.and_then(|text| STANDARD.decode(text).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((shop_id, secret)) = text.as_deref().and_then(|text| text.split_once(':')) else {
        return Err(ShopError::unauthorized());
    };
    let fits =
        |known: &&super::YooKassaShop| known.shop_id == shop_id && known.secret_key == secret;
    let is_known = shared.with(|world| world.yookassa.shops.iter().any(|known| fits(&known)));
    if is_known { Ok(Shop(shop_id.to_owned())) } else { Err(ShopError::unauthorized()) }
}

async fn payment(
    State(shared): State<Arc<Shared>>,
    Extension(operation): Extension<Operation>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let called = async {
        let shop = shop(&shared, &headers)?;
        weathered(&shared, (&shop, operation), |yookassa, page| {
            let payment = own(yookassa, &shop, &id)?;
            Ok(yookassa.payment_value(payment, page))
        })
        .await
    };
    called.await.into_response()
}

async fn refund(
    State(shared): State<Arc<Shared>>,
    Extension(operation): Extension<Operation>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let called = async {
        let shop = shop(&shared, &headers)?;
        weathered(&shared, (&shop, operation), |yookassa, _| {
            let mut refunds = yookassa.kept.refunds.iter();
            let refund = refunds.find(|refund| refund.id == id && refund.shop_id == shop.0);
            refund.map(YooKassa::refund_value).ok_or_else(|| ShopError::not_found("Refund"))
        })
        .await
    };
    called.await.into_response()
}

async fn capture(
    State(shared): State<Arc<Shared>>,
    Extension(operation): Extension<Operation>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    end(&shared, operation, (&id, &headers), |payment, now_ms| {
        payment.status = Status::Pending;
        payment.capture = true;
        payment.succeed(now_ms);
    })
    .await
    .into_response()
}

async fn cancel(
    State(shared): State<Arc<Shared>>,
    Extension(operation): Extension<Operation>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    end(&shared, operation, (&id, &headers), |payment, _| {
        payment.cancel("merchant", "canceled_by_merchant");
    })
    .await
    .into_response()
}

/// Ends a payment that waits for the shop.
async fn end(
    shared: &Shared,
    operation: Operation,
    (id, headers): (&str, &HeaderMap),
    act: impl FnOnce(&mut super::state::Payment, i64),
) -> Answer {
    let shop = shop(shared, headers)?;
    weathered(shared, (&shop, operation), |yookassa, page| {
        if own(yookassa, &shop, id)?.status != Status::WaitingForCapture {
            let description = "Only a payment in waiting_for_capture can be captured or canceled";
            return Err(ShopError::invalid("payment_id", description));
        }
        yookassa.change(id, act);
        Ok(yookassa.payment_value(own(yookassa, &shop, id)?, page))
    })
    .await
}

/// A payment of that shop: others' are not there.
pub(super) fn own<'a>(
    yookassa: &'a YooKassa,
    shop: &Shop,
    id: &str,
) -> Result<&'a super::state::Payment, ShopError> {
    let payment = yookassa.payment(id).filter(|payment| payment.shop_id == shop.0);
    payment.ok_or_else(|| ShopError::not_found("Payment"))
}
