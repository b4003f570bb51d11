//! Steps of the work on a difference, sent by forms.

use std::collections::HashMap;

use axum::{
    extract::{Form, OriginalUri, State},
    response::{IntoResponse, Redirect, Response},
};
use kontor_domain::{
    credit_ledger::BookAccount,
    reconciliation::{
        Adjust, Assign, ConfirmWriteOff, Explain, Explanation, ProposeWriteOff,
        ReconciliationCommand, Reopen,
    },
};
use kontor_projections::reconciliation::{self, Difference};
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        forms::{Address, name_of, send},
    },
    show::difference_page,
};
use crate::{
    access::PathOf,
    api::reconciliation::{READ_MODEL, difference_unknown},
    operations::operator::Person,
    problem::Problem,
    state::ApiState,
};

/// What a person typed.
type Fields = HashMap<String, String>;

/// `/admin/reconciliation/differences/{id}/{step}`
pub(super) async fn step(
    State(state): State<ApiState>,
    person: Person,
    PathOf((id, step)): PathOf<(Uuid, String)>,
    OriginalUri(uri): OriginalUri,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let found = reconciliation::difference(&state.pool, &desk.tenant, id).await?;
    let found = found.ok_or_else(difference_unknown)?;
    let again =
        |refused: String| difference_page(&state, &person, (id, &uri), (None, Some(refused)));
    let command = match command_of(&step, &fields, &found) {
        Some(Ok(command)) => command,
        Some(Err(refused)) => return again(refused.to_owned()).await,
        None => return Err(Problem::not_found("not_found", "there is nothing at this address")),
    };
    let once = fields.get("once").and_then(|text| text.parse().ok()).unwrap_or_else(Uuid::now_v7);
    let command_id = Uuid::new_v5(&once, format!("{}:{id}:{step}", name_of(&person)).as_bytes());
    let address = Address {
        tenant: desk.tenant.clone(),
        aggregate: "reconciliation",
        id,
        command_id,
        read_model: READ_MODEL,
    };
    match send(&state, &person, address, &command).await? {
        Ok(done) => {
            let done = if done { step.as_str() } else { "later" };
            let (query, place) = (&desk.shell.query, "/admin/reconciliation/differences");
            Ok(Redirect::to(&format!("{place}/{id}?{query}done={done}")).into_response())
        }
        Err(refused) => again(refused).await,
    }
}

/// The command of a step; none for an unknown one.
fn command_of(
    step: &str,
    fields: &Fields,
    found: &Difference,
) -> Option<Result<ReconciliationCommand, &'static str>> {
    use ReconciliationCommand as C;
    let text =
        |name: &str| fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let reference = text("reference").map(ToOwned::to_owned);
    let explanation =
        Explanation::ALL.into_iter().find(|it| Some(it.name()) == text("explanation"));
    let needs_explanation = "Choose why there is a difference.";
    let needs_posting =
        "What to book does not follow from this difference. Explain it, or book it over HTTP.";
    Some(match step {
        "assign" => Ok(C::Assign(Assign {})),
        "explain" => explanation
            .map(|explanation| C::Explain(Explain { explanation, reference }))
            .ok_or(needs_explanation),
        "adjust" => match (explanation, account_of(text("against"))) {
            (None, _) => Err(needs_explanation),
            (Some(_), None) => Err("Choose the account against which it is booked."),
            (Some(explanation), Some(other)) => found
                .posting_against(other)
                .map(|posting| C::Adjust(Adjust { explanation, posting, reference }))
                .ok_or(needs_posting),
        },
        "write-off" => found
            .posting()
            .map(|posting| C::ProposeWriteOff(ProposeWriteOff { posting, reference }))
            .ok_or(needs_posting),
        "confirm" => Ok(C::ConfirmWriteOff(ConfirmWriteOff {})),
        "reopen" => Ok(C::Reopen(Reopen {})),
        _ => return None,
    })
}

/// The accounts against which a correction is booked.
pub(super) fn corrections() -> impl Iterator<Item = BookAccount> {
    BookAccount::adjustable().iter().copied().filter(|it| *it != BookAccount::Differences)
}

fn account_of(name: Option<&str>) -> Option<BookAccount> {
    corrections().find(|account| Some(account.name()) == name)
}
