//! A file that is sent by a form.

use axum::{
    body::Bytes,
    extract::{Multipart, OriginalUri, State},
    response::{IntoResponse, Redirect, Response},
};
use kontor_domain::{Actor, provider_statement::StatementSource};
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        forms::{name_of, wait},
    },
    show::overview_page,
};
use crate::{
    api::reconciliation::{
        READ_MODEL,
        statements::{self, ImportBody, Sender},
    },
    operations::operator::Person,
    problem::Problem,
    state::ApiState,
};

/// `/admin/reconciliation/statements`
pub(super) async fn take(
    State(state): State<ApiState>,
    person: Person,
    OriginalUri(uri): OriginalUri,
    form: Multipart,
) -> Result<Response, Problem> {
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let taken = match given(form).await {
        Ok(file) => import(&state, &desk, &person, file).await,
        Err(problem) => Err(problem),
    };
    match taken {
        Ok(body) => {
            wait(&state, READ_MODEL, body.position).await?;
            let done = match (body.whole, body.changed) {
                (false, _) => "partly",
                (true, true) => "taken",
                (true, false) => "known",
            };
            let query = &desk.shell.query;
            Ok(Redirect::to(&format!("/admin/reconciliation?{query}done={done}")).into_response())
        }
        Err(problem) if problem.is_of_the_sender() => {
            let refused = Some(problem.detail().to_owned());
            overview_page(&state, desk, (None, refused)).await
        }
        Err(problem) => Err(problem),
    }
}

async fn import(
    state: &ApiState,
    desk: &Desk,
    person: &Person,
    (source, name, bytes): (StatementSource, String, Bytes),
) -> Result<ImportBody, Problem> {
    let statement = statements::read(state, &desk.tenant, (source, name), bytes).await?;
    let sender = Sender {
        actor: Actor::Operator { name: name_of(person) },
        correlation_id: person.0.request_id.parse().unwrap_or_else(|_| Uuid::now_v7()),
    };
    statements::record(state, &desk.tenant, &statement, &sender).await
}

/// The source and the file of the form.
async fn given(mut form: Multipart) -> Result<(StatementSource, String, Bytes), Problem> {
    let broken = || {
        let max = kontor_statements::BYTES_MAX / (1024 * 1024);
        let detail = format!("The form did not come whole. A file has at most {max} MiB.");
        Problem::unreadable("body_incomplete", detail)
    };
    let (mut source, mut file) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|_| broken())? {
        match field.name() {
            Some("source") => {
                let text = field.text().await.map_err(|_| broken())?;
                source = text.parse().ok();
            }
            Some("file") => {
                let name = field.file_name().unwrap_or_default().to_owned();
                file = Some((name, field.bytes().await.map_err(|_| broken())?));
            }
            Some(_) | None => {}
        }
    }
    let source = source.ok_or_else(|| {
        Problem::field("/source", "Say whose file it is: choose one of the list.")
    })?;
    let (name, bytes) = file
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| Problem::field("/file", "Choose a file first."))?;
    Ok((source, name, bytes))
}
