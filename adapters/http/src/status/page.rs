//! The status page.

use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use kontor_projections::checkpoints::{Duty, FollowerLag};
use sha2::{Digest, Sha256};

use super::{
    SCRIPT, STYLE,
    snapshot::{Snapshot, Up, is_live},
};
use crate::{problem::Problem, state::ApiState};

#[derive(Template)]
#[template(path = "status.html")]
struct Page<'a> {
    /// Parts of the addresses of the assets: they change with the assets.
    style_hash: String,
    script_hash: String,
    up: bool,
    headline: &'static str,
    parts: Vec<Part>,
    numbers: Vec<Number>,
    followers: Vec<Row>,
    public_url: &'a str,
    sandbox_url: Option<&'a str>,
    version: &'static str,
}

/// A part that is up or down.
struct Part {
    name: &'static str,
    about: &'static str,
    up: bool,
    state: &'static str,
}

/// A count.
struct Number {
    name: &'static str,
    value: String,
}

/// A follower.
struct Row {
    name: String,
    about: &'static str,
    /// How the state is shown.
    class: &'static str,
    state: &'static str,
    position: String,
    lag_events: String,
    lag: String,
    heartbeat: String,
    parked: i64,
}

/// `/`: the status page.
pub(crate) async fn page(State(state): State<ApiState>) -> Result<Response, Problem> {
    let snapshot = state.status.snapshot(&state).await;
    let page = Page {
        style_hash: short_hash(STYLE),
        script_hash: short_hash(SCRIPT),
        up: snapshot.is_up(),
        headline: headline(&snapshot),
        parts: parts(&snapshot),
        numbers: numbers(&snapshot),
        followers: rows(&state, &snapshot),
        public_url: &state.settings.public_url,
        sandbox_url: state.settings.sandbox_url.as_deref(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let html = page.render().map_err(|err| Problem::internal(&err))?;
    Ok(Html(html).into_response())
}

fn headline(snapshot: &Snapshot) -> &'static str {
    if !snapshot.database.is_up() {
        return "The database cannot be reached";
    }
    if !snapshot.migrations.is_up() {
        return "Migrations are waiting";
    }
    if !snapshot.broker.is_up() {
        return "The broker cannot be reached";
    }
    if !snapshot.followers_up.is_up() {
        return "Read models are behind";
    }
    "Everything works"
}

fn parts(snapshot: &Snapshot) -> Vec<Part> {
    let part = |name, about, up: Up, (good, bad): (&'static str, &'static str)| Part {
        name,
        about,
        up: up.is_up(),
        state: if up.is_up() { good } else { bad },
    };
    vec![
        part("PostgreSQL", "the log and the read models", snapshot.database, ("up", "down")),
        part("NATS", "commands in, events out", snapshot.broker, ("up", "down")),
        part("Schema", "migrations of this build", snapshot.migrations, ("current", "waiting")),
        part("Read models", "followers of the log", snapshot.followers_up, ("live", "behind")),
    ]
}

fn numbers(snapshot: &Snapshot) -> Vec<Number> {
    let counts = snapshot.counts;
    let number = |name, value| Number { name, value: grouped(value) };
    vec![
        number("events", snapshot.head),
        number("tenants", counts.tenants),
        number("accounts", counts.accounts),
        number("meters", counts.meters),
        number("readings", counts.readings),
    ]
}

/// The followers that somebody waits for: what only stands by is for operators.
fn rows(state: &ApiState, snapshot: &Snapshot) -> Vec<Row> {
    let shown = snapshot.followers.iter().filter(|it| it.duty() != Duty::Standby);
    shown.map(|it| row(it, is_live(state, it))).collect()
}

fn row(follower: &FollowerLag, live: bool) -> Row {
    Row {
        name: follower.name.clone(),
        about: about(&follower.name),
        class: match follower.duty() {
            Duty::Building => "state-quiet",
            Duty::Paused => "state-warn",
            Duty::Live | Duty::Standby if live => "state-good",
            Duty::Live | Duty::Standby => "state-bad",
        },
        state: match (follower.duty(), live, follower.lag_events) {
            (Duty::Building, _, _) => "being built",
            (Duty::Paused, _, _) => "paused",
            (Duty::Live | Duty::Standby, true, 0) => "live",
            (Duty::Live | Duty::Standby, true, _) => "catching up",
            (Duty::Live | Duty::Standby, false, _) => match follower.heartbeat_age_seconds {
                None => "not started",
                Some(_) => "behind",
            },
        },
        position: grouped(follower.position),
        lag_events: grouped(follower.lag_events),
        lag: match follower.lag_events {
            0 => "none".to_owned(),
            _ => seconds(follower.lag_seconds),
        },
        heartbeat: follower
            .heartbeat_age_seconds
            .map_or_else(|| "never".to_owned(), |age| format!("{} ago", seconds(age))),
        parked: follower.parked,
    }
}

fn about(name: &str) -> &'static str {
    match name {
        "tenants" => "directory of tenants",
        "accounts" => "directory of accounts",
        "meters" => "directory of meters",
        "readings" => "history of readings",
        "credits" => "credits and their journal",
        "books" => "books for accountants",
        "periods" => "closed months of the books",
        "products" => "directory of products",
        "relay" => "events out to NATS",
        "payments" => "payments and what went back",
        "reconciliation" => "payments against what providers say",
        "billing" => "cards that are kept, and what is charged",
        "settle_books" => "fees, payouts and corrections, booked",
        "fulfil_payments" => "what was paid for, delivered",
        "auto_recharge" => "credits bought by themselves, as agreed",
        "recharge_outcomes" => "what came of such charges",
        "telegram_billing" => "news of kept cards out to bots",
        "telegram_payments" => "news of payments out to bots",
        "credit_dues" => "credits that run out",
        "erasures" => "people who are forgotten",
        "reading_rounds" => "rounds of reminders",
        "reading_reminders" => "who is reminded, and when",
        "welcome_credits" => "credits to begin with",
        "telegram_credit_warnings" => "warnings of credits out to bots",
        "telegram_reminders" => "reminders out to bots",
        _ => "",
    }
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in words that do not dance while a page refreshes.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        under if under < 1.0 => "< 1 s".to_owned(),
        few if few < 120.0 => format!("{few:.0} s"),
        many => format!("{} min", std::time::Duration::from_secs_f64(many).as_secs() / 60),
    }
}

/// The part of an address that changes with a text.
pub(crate) fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_read_well() {
        assert_eq!(
            [0, 999, 1000, 1_234_567, -12_345].map(grouped),
            ["0", "999", "1,000", "1,234,567", "-12,345"]
        );
        assert_eq!(
            [0.2, 1.4, 119.6, 121.0, 7200.0].map(seconds),
            ["< 1 s", "1 s", "120 s", "2 min", "120 min"]
        );
    }
}
