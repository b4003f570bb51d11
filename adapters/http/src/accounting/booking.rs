//! One booking: its lines, and what led to it.

use askama::Template;
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use kontor_domain::{Actor, credit_ledger::Unit};
use kontor_postgres::inspect;
use kontor_projections::books;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::desk::{Desk, Shell, figure};
use crate::{
    access::PathOf,
    operations::{operator::Person, shell::html},
    problem::Problem,
    state::ApiState,
};

/// The field of an event that holds the booking, which is shown as lines.
const BOOKING: &str = "booking";

struct Line {
    account: &'static str,
    about: &'static str,
    unit: String,
    debit: Option<String>,
    credit: Option<String>,
    grant_id: Option<Uuid>,
}

#[derive(Template)]
#[template(path = "books/booking.html")]
struct BookingPage {
    shell: Shell,
    time_zone: String,
    position: i64,
    kind: String,
    ledger_id: Uuid,
    version: i64,
    holds_from: String,
    recorded: String,
    actor: String,
    command_id: Uuid,
    event_id: Uuid,
    facts: Vec<(String, String)>,
    lines: Vec<Line>,
}

/// `/admin/books/bookings/{position}`
pub(super) async fn page(
    State(state): State<ApiState>,
    person: Person,
    PathOf(position): PathOf<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("booking_unknown", "there is no such booking");
    let position: i64 = position.parse().map_err(|_| unknown())?;
    let Desk { shell, tenant, calendar, .. } = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let rows = books::booking(&state.pool, &tenant, position).await?;
    let first = rows.first().cloned().ok_or_else(unknown)?;
    let event = inspect::at(&state.pool, position).await.map_err(|err| Problem::internal(&err))?;
    let event = event.filter(|event| event.tenant == tenant).ok_or_else(unknown)?;
    let fields: Map<String, Value> =
        serde_json::from_str(&event.payload).map_err(|err| Problem::internal(&err))?;
    let facts = fields.into_iter().filter(|(name, _)| name != BOOKING);
    html(&BookingPage {
        shell,
        time_zone: calendar.time_zone.name().to_owned(),
        position,
        kind: first.kind.replace('_', " "),
        ledger_id: first.ledger_id,
        version: first.version,
        holds_from: calendar.local(&first.effective_at),
        recorded: calendar.local(&first.recorded_at),
        actor: who(&event.metadata.actor),
        command_id: event.metadata.command_id,
        event_id: event.event_id,
        facts: facts.map(|(name, value)| (name.replace('_', " "), said(value))).collect(),
        lines: rows.iter().map(line).collect(),
    })
}

fn line(row: &books::LineRow) -> Line {
    let amount = figure(&row.unit.decimal(i128::from(row.amount).abs()));
    let (debit, credit) = if row.amount > 0 { (Some(amount), None) } else { (None, Some(amount)) };
    Line {
        account: row.account.name(),
        about: row.account.about(),
        unit: row.unit.to_string(),
        debit,
        credit,
        grant_id: row.grant_id,
    }
}

/// Who gave the command. Nothing here says more of a customer than their account.
fn who(actor: &Actor) -> String {
    match serde_json::to_value(actor) {
        Ok(Value::Object(fields)) => {
            let words: Vec<String> = fields.into_iter().map(|(_, value)| said(value)).collect();
            words.join(" ")
        }
        Ok(other) => said(other),
        Err(_) => String::new(),
    }
}

/// A value in words: money with its decimals, lists and objects without brackets.
fn said(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text,
        Value::Array(items) => {
            let items: Vec<String> = items.into_iter().map(said).collect();
            items.join("; ")
        }
        Value::Object(fields) => money(&fields).unwrap_or_else(|| {
            let named = fields.into_iter().map(|(name, value)| {
                let name = name.replace('_', " ");
                format!("{name} {}", said(value))
            });
            named.collect::<Vec<_>>().join(", ")
        }),
    }
}

/// An amount of money; none when the fields are something else.
fn money(fields: &Map<String, Value>) -> Option<String> {
    let unit = Unit::try_from(fields.get("currency")?.as_str()?.to_owned()).ok()?;
    let amount = fields.get("amount_minor")?.as_i64()?;
    Some(format!("{} {unit}", figure(&unit.decimal(amount))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_are_told_in_words() {
        let slices = json!([
            {"credits": 3, "grant_id": "a"},
            {"credits": 1, "value": {"amount_minor": 493_824, "currency": "RUB"}},
        ]);
        assert_eq!(said(slices), "credits 3, grant id a; credits 1, value 4\u{a0}938.24 RUB");
        assert_eq!(said(json!({"amount_minor": "x", "currency": 1})), "amount minor x, currency 1");
        assert_eq!((said(json!(true)), said(json!(null))), ("true".to_owned(), String::new()));
    }
}
