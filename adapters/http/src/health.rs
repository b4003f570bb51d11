//! Probes for whoever runs the process. They are public, so they say what, not why.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;

use crate::{
    state::ApiState,
    status::{Snapshot, Up},
};

/// The process answers.
#[derive(Debug, Serialize)]
pub(crate) struct Live {
    status: &'static str,
}

/// Whether requests can be served now.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    status: &'static str,
    database: Up,
    broker: Up,
    migrations: Up,
    followers: Up,
}

/// `/health`: the process is alive. Nothing outside of it is asked, because restarting it would
/// not help there.
pub(crate) async fn live() -> Json<Live> {
    Json(Live { status: "live" })
}

/// `/ready`: database, broker, migrations and followers are as they should be.
pub(crate) async fn ready(State(state): State<ApiState>) -> (StatusCode, Json<Ready>) {
    let snapshot: Arc<Snapshot> = state.status.snapshot(&state).await;
    let status = if snapshot.is_up() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let ready = Ready {
        status: if snapshot.is_up() { "ready" } else { "not_ready" },
        database: snapshot.database,
        broker: snapshot.broker,
        migrations: snapshot.migrations,
        followers: snapshot.followers_up,
    };
    (status, Json(ready))
}
