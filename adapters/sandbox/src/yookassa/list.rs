//! Lists by time of creation, page by page, newest first as YooKassa gives them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::name;
use super::api::{Operation, shop, weathered};
use super::error::ShopError;
use super::state::{Status, YooKassa};
use crate::shared::Shared;

/// *YooKassa*: objects of a page, by default and at most.
const LIMIT: (usize, usize) = (10, 100);

type Wanted = HashMap<String, String>;

/// What is filtered by: when it was created, and how far it is.
type Row = (i64, Status, Value);

pub(super) async fn payments(
    State(shared): State<Arc<Shared>>,
    Extension(operation): Extension<Operation>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let called = async {
        let shop = shop(&shared, &headers)?;
        weathered(&shared, (&shop, operation), |yookassa, page| {
            let own = yookassa.kept.payments.iter().filter(|one| one.shop_id == shop.0);
            let rows =
                own.map(|one| (one.created_ms, one.status, yookassa.payment_value(one, page)));
            cut(rows.collect(), &wanted)
        })
        .await
    };
    called.await.into_response()
}

pub(super) async fn refunds(
    State(shared): State<Arc<Shared>>,
    Extension(operation): Extension<Operation>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let called = async {
        let shop = shop(&shared, &headers)?;
        weathered(&shared, (&shop, operation), |yookassa, _| {
            let payment = wanted.get("payment_id");
            let own = yookassa.kept.refunds.iter().filter(|one| {
                one.shop_id == shop.0 && payment.is_none_or(|id| *id == one.payment_id)
            });
            let rows = own.map(|one| (one.created_ms, one.status, YooKassa::refund_value(one)));
            cut(rows.collect(), &wanted)
        })
        .await
    };
    called.await.into_response()
}

fn cut(mut rows: Vec<Row>, wanted: &Wanted) -> Result<Value, ShopError> {
    let from = bound(wanted, "created_at.gte")?.unwrap_or(i64::MIN);
    let until = bound(wanted, "created_at.lt")?.unwrap_or(i64::MAX);
    let status = wanted.get("status");
    let limit = match wanted.get("limit").map(|text| text.parse::<usize>()) {
        None => LIMIT.0,
        Some(Ok(limit)) if (1..=LIMIT.1).contains(&limit) => limit,
        Some(_) => return Err(ShopError::invalid("limit", "Give a number from 1 to 100")),
    };
    rows.retain(|(created, standing, _)| {
        (from..until).contains(created) && status.is_none_or(|wanted| wanted == name(*standing))
    });
    rows.reverse();
    let skip = match wanted.get("cursor").map(|text| text.parse::<usize>()) {
        None => 0,
        Some(Ok(number)) => rows.len().saturating_sub(number),
        Some(Err(_)) => return Err(ShopError::invalid("cursor", "Give the cursor as it came")),
    };
    let left = rows.len().saturating_sub(skip);
    let items: Vec<Value> =
        rows.into_iter().skip(skip).take(limit).map(|(_, _, value)| value).collect();
    let mut page = json!({ "type": "list", "items": items });
    if left > limit {
        // Counted from the end, so that what is created meanwhile moves nothing.
        page["next_cursor"] = (left - limit).to_string().into();
    }
    Ok(page)
}

fn bound(wanted: &Wanted, field: &str) -> Result<Option<i64>, ShopError> {
    let Some(text) = wanted.get(field) else { return Ok(None) };
    match text.parse::<DateTime<Utc>>() {
        Ok(at) => Ok(Some(at.timestamp_millis())),
        Err(_) => Err(ShopError::invalid(field, "Give an instant such as 2026-11-28T12:00:00Z")),
    }
}
