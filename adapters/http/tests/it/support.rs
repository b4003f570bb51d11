//! A running Kontor in one process, and a caller that speaks HTTP to it.

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use kontor_commands::{CommandSender, Folds, LocalSender, Registry, Router as CommandRouter};
use kontor_domain::{
    TenantId, account::Account, accounting_period::AccountingPeriods, billing::Billing,
    credit_ledger::CreditLedger, meter::Meter, payment::Payment, product::Product,
    provider_statement::ProviderStatement, reconciliation::Reconciliation,
};
use kontor_engines::testing::TestDatabase;
use kontor_http::{ApiSettings, ApiState, BrokerProbe, Rate, keys, keys::Role};
use kontor_postgres::{AppenderSettings, EventLog, Follower, FollowerSettings, MasterKeys, Vault};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;
use uuid::Uuid;

/// A running Kontor with the tenants `moscow` and `salon`.
pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) sender: Arc<dyn CommandSender>,
    pub(crate) app: Router,
    /// A key of the platform.
    pub(crate) admin: String,
    /// A key of the tenant `moscow`.
    pub(crate) operator: String,
    /// A key of the tenant `moscow` that only reads.
    pub(crate) reader: String,
    /// A key of the tenant `salon`.
    pub(crate) stranger: String,
    _stop: DropGuard,
    _database: TestDatabase,
}

pub(crate) fn settings() -> ApiSettings {
    ApiSettings {
        rate_per_key: Rate::new(100_000, 100_000),
        rate_per_address: Rate::new(100_000, 100_000),
        // Long enough for a slow machine: what does not arrive is an error of the test.
        read_wait: Duration::from_secs(20),
        command_wait: Duration::from_secs(20),
        request_timeout: Duration::from_secs(60),
        ..ApiSettings::default()
    }
}

pub(crate) fn probe(up: bool) -> BrokerProbe {
    BrokerProbe::new(move || async move { up })
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(settings()).await
    }

    pub(crate) async fn with(settings: ApiSettings) -> Self {
        let database = kontor_engines::testing::database().await;
        let pool = kontor_postgres::connect(&database.url, 8).await.unwrap();
        kontor_postgres::migrate(&pool).await.unwrap();
        let stop = CancellationToken::new();
        let (head_sender, head) = watch::channel(0);
        let vault = Vault::new(pool.clone(), MasterKeys::throwaway());
        let log = EventLog::start(pool.clone(), AppenderSettings::default(), head_sender)
            .sealed_by(vault.clone());
        for projection in kontor_projections::all() {
            let settings =
                FollowerSettings { vault: Some(vault.clone()), ..FollowerSettings::default() };
            let follower = Follower::projection(pool.clone(), projection, settings);
            tokio::spawn(follower.run(head.clone(), stop.clone()));
        }
        let router = CommandRouter::builder(Arc::new(log))
            .register::<Account>()
            .register::<Meter>()
            .register::<CreditLedger>()
            .register::<Product>()
            .register::<Payment>()
            .register::<Billing>()
            .register::<ProviderStatement>()
            .register::<Reconciliation>()
            .register::<AccountingPeriods>()
            .build();
        let sender: Arc<dyn CommandSender> = Arc::new(LocalSender::new(router));
        let folds = Folds::new()
            .register::<Account>()
            .register::<Meter>()
            .register::<CreditLedger>()
            .register::<Product>()
            .register::<Payment>()
            .register::<Billing>()
            .register::<ProviderStatement>()
            .register::<Reconciliation>()
            .register::<AccountingPeriods>();
        let state = ApiState::new(pool.clone(), Arc::clone(&sender), settings, probe(true))
            .folding(folds)
            .opening(vault)
            .exporting(|tenant, account| async move {
                let known = tenant.as_str() == "moscow" && account != Uuid::nil();
                Ok(known.then(|| json!({"tenant": tenant, "account_id": account})))
            });
        let mut world = Self {
            app: kontor_http::app(state),
            admin: key(&pool, None, Role::Admin).await,
            operator: key(&pool, Some("moscow"), Role::Operator).await,
            reader: key(&pool, Some("moscow"), Role::Reader).await,
            stranger: key(&pool, Some("salon"), Role::Operator).await,
            sender,
            pool,
            _stop: stop.drop_guard(),
            _database: database,
        };
        world.open_tenants().await;
        world
    }

    async fn open_tenants(&mut self) {
        for (id, name) in [("moscow", "Мосводоканал"), ("salon", "Salon")] {
            let body = json!({
                "id": id, "name": name, "kind": "utility", "time_zone": "Europe/Moscow",
                "meter_rules": {"window_first_day": 1, "window_last_day": 31},
            });
            let answer = self.post(&self.admin, "/v1/tenants", body).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
            let shown = self.read(&self.admin, &format!("/v1/tenants/{id}"), &answer).await;
            assert_eq!(shown.status, StatusCode::OK, "{shown}");
        }
    }

    /// Sends a request with a key, and a body when there is one.
    pub(crate) async fn send(
        &self,
        key: &str,
        (method, address): (&str, &str),
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(address);
        if !key.is_empty() {
            request = request.header("x-auth-key", key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.call(request.body(body).unwrap()).await
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        call(&self.app, request).await
    }

    pub(crate) async fn get(&self, key: &str, address: &str) -> Answer {
        self.send(key, ("GET", address), &[], None).await
    }

    pub(crate) async fn post(&self, key: &str, address: &str, body: Value) -> Answer {
        self.send(key, ("POST", address), &[], Some(body)).await
    }

    pub(crate) async fn patch(&self, key: &str, address: &str, body: Value) -> Answer {
        self.send(key, ("PATCH", address), &[], Some(body)).await
    }

    /// Reads what a command changed: waits for its position.
    pub(crate) async fn read(&self, key: &str, address: &str, after: &Answer) -> Answer {
        let position = after.headers["kontor-position"].to_str().unwrap();
        let sign = if address.contains('?') { '&' } else { '?' };
        self.get(key, &format!("{address}{sign}min_position={position}")).await
    }

    /// Opens an account of `moscow`.
    pub(crate) async fn account(&self) -> String {
        let body = json!({"display_name": "Анна Ёлкина"});
        let answer = self.post(&self.operator, "/v1/accounts", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
        answer.id()
    }

    /// Puts a meter with one zone into service at 1000 kWh.
    pub(crate) async fn meter(&self) -> String {
        let body = json!({
            "account_id": self.account().await, "kind": "electricity", "digits": 6,
            "serial_number": "№ 0012-АБ", "place": "Кухня", "initial_values": {"t1": "1000"},
        });
        let answer = self.post(&self.operator, "/v1/meters", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
        answer.id()
    }

    /// Opens the ledger of a new account of `moscow`, with 3 credits of welcome.
    pub(crate) async fn ledger(&self) -> String {
        // Nobody is warned, so that each booking is one event.
        let rules = json!({"credit_rules": {"enabled": true, "low_credits": 0}});
        let changed = self.patch(&self.operator, "/v1/tenants/moscow", rules).await;
        assert_eq!(changed.status, StatusCode::OK, "{changed}");
        self.open_ledger().await
    }

    /// The same by the rules that `moscow` has.
    pub(crate) async fn open_ledger(&self) -> String {
        let body = json!({"account_id": self.account().await});
        let answer = self.post(&self.operator, "/v1/ledgers", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
        answer.id()
    }

    /// Makes a product of `moscow`; it is not on sale.
    pub(crate) async fn product(&self) -> String {
        let body = json!({
            "name": {"ru": "Неделя", "en": "A week"}, "gives": {"pass": "week"}, "kind": "digital",
            "prices": [{"amount_minor": 300, "currency": "XTR"}],
        });
        let answer = self.post(&self.operator, "/v1/products", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
        answer.id()
    }

    /// The reasons of all denied attempts so far.
    pub(crate) async fn denied(&self) -> Vec<String> {
        sqlx::query_scalar("select reason from denied_attempts order by id")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }
}

pub(crate) async fn key(pool: &PgPool, tenant: Option<&str>, role: Role) -> String {
    let tenant: Option<TenantId> = tenant.map(|slug| slug.parse().unwrap());
    let (_, secret) = keys::create(pool, tenant.as_ref(), role, "test").await.unwrap();
    secret.expose_secret().to_owned()
}

pub(crate) async fn call(app: &Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// An answer; shown without what differs from run to run.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

const SHOWN: [&str; 6] =
    ["location", "kontor-position", "idempotent-replay", "retry-after", "etag", "www-authenticate"];

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for name in SHOWN {
            if let Some(value) = self.headers.get(name) {
                writeln!(f, "{name}: {}", without_ids(value.to_str().unwrap()))?;
            }
        }
        let mut json = self.json();
        steady(&mut json);
        write!(f, "{json:#}")
    }
}

fn steady(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => {
            let instant = text.len() > 18 && chrono::DateTime::parse_from_rfc3339(text).is_ok();
            *text = if instant { "[instant]".to_owned() } else { without_ids(text) };
        }
        Value::Array(items) => items.iter_mut().for_each(steady),
        Value::Object(fields) => fields.values_mut().for_each(steady),
    }
}

fn without_ids(text: &str) -> String {
    let words = text.split('/').map(|word| {
        if word.parse::<Uuid>().is_ok() { "[uuid]".to_owned() } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join("/")
}
