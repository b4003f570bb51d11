//! Paying back, asked for by a form.

use std::collections::HashMap;

use axum::{
    extract::{Form, OriginalUri, State},
    response::{IntoResponse, Redirect, Response},
};
use kontor_domain::{
    Money,
    credit_ledger::CorrectionReason,
    payment::{PaymentCommand, RequestRefund},
};
use kontor_projections::payments::{self, PaymentRow};
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        forms::{Address, name_of, send},
    },
    show::{Typed, payment_page},
};
use crate::{
    access::PathOf,
    api::payments::{READ_MODEL, payment_unknown},
    operations::{minor_of, operator::Person},
    problem::Problem,
    state::ApiState,
};

/// `/admin/payments/{id}/refunds`, for operators.
pub(crate) async fn ask(
    State(state): State<ApiState>,
    person: Person,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
    Form(fields): Form<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let row = payments::find(&state.pool, &desk.tenant, id).await?.ok_or_else(payment_unknown)?;
    let text = |name: &str| fields.get(name).map_or("", |text| text.trim()).to_owned();
    let typed = Typed { amount: text("amount"), credits: text("credits") };
    let again = |refused: String| {
        payment_page(&state, &person, (id, &uri), (None, Some((refused, typed.clone()))))
    };
    let once = fields.get("once").and_then(|text| text.parse().ok()).unwrap_or_else(Uuid::now_v7);
    let refund_id = Uuid::new_v5(&once, format!("{}:{id}:refund", name_of(&person)).as_bytes());
    let request = match request(&row, refund_id, (&typed, &text("reason"))) {
        Ok(request) => request,
        Err(refused) => return again(refused).await,
    };
    let address = Address {
        tenant: desk.tenant.clone(),
        aggregate: "payment",
        id,
        command_id: refund_id,
        read_model: READ_MODEL,
    };
    match send(&state, &person, address, &PaymentCommand::RequestRefund(request)).await? {
        Ok(done) => {
            let (query, done) = (&desk.shell.query, if done { "refund" } else { "later" });
            let place = format!("/admin/payments/{id}?{query}done={done}");
            Ok(Redirect::to(&place).into_response())
        }
        Err(refused) => again(refused).await,
    }
}

/// What is asked for: all that is left when nothing is typed.
fn request(
    row: &PaymentRow,
    refund_id: Uuid,
    (typed, reason): (&Typed, &str),
) -> Result<RequestRefund, String> {
    let reason: CorrectionReason =
        serde_json::from_value(reason.into()).map_err(|_| "Choose why it goes back.".to_owned())?;
    let digits = row.price.currency.minor_digits();
    let amount = match typed.amount.as_str() {
        "" => None,
        text => {
            let minor = minor_of(text, digits).ok_or_else(|| {
                format!(
                    "Give an amount with at most {digits} decimals, such as 4, or leave it empty."
                )
            })?;
            Some(Money::new(minor, row.price.currency))
        }
    };
    let credits = match typed.credits.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            "Give a whole number of credits, such as 10, or leave it empty.".to_owned()
        })?),
    };
    Ok(RequestRefund { refund_id, reason, amount, credits })
}
