//! A database with a tenant, an account and a meter, for the verbs that look at the log.

use std::{path::Path, sync::Arc, time::Duration};

use kontor_commands::{CommandSender, Envelope, LocalSender, Outcome, Router, Sent, clock};
use kontor_domain::{
    Actor, TenantId, account::Account, accounting_period::AccountingPeriods,
    credit_ledger::CreditLedger, meter::Meter,
};
use kontor_engines::testing::{TestDatabase, database};
use kontor_postgres::{AppenderSettings, EventLog, MasterKeys, Vault};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{process::Command, sync::watch};
use uuid::Uuid;

use crate::program::{MASTER_KEY, command, run, text};

/// Far above what one command takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const ACCOUNT: Uuid = Uuid::from_u128(0xacc);
pub(crate) const METER: Uuid = Uuid::from_u128(0x3e7e4);
/// A name that must not be seen without being asked for.
pub(crate) const PERSON: &str = "Аделаида Ивановна";

/// A migrated database with a log, and the way into it.
pub(crate) struct Records {
    pub(crate) database: TestDatabase,
    pub(crate) pool: PgPool,
    /// Opens what was written about people.
    pub(crate) vault: Vault,
    sender: LocalSender,
}

/// The tenant's slug.
pub(crate) fn tenant() -> TenantId {
    "demo_utility".parse().unwrap()
}

impl Records {
    /// A migrated database with nothing in its log.
    pub(crate) async fn empty() -> Self {
        let database = database().await;
        let pool = kontor_postgres::connect(&database.url, 8).await.unwrap();
        kontor_postgres::migrate(&pool).await.unwrap();
        let vault = Vault::new(pool.clone(), MasterKeys::parse(MASTER_KEY).unwrap());
        let log = EventLog::start(pool.clone(), AppenderSettings::default(), watch::channel(0).0)
            .sealed_by(vault.clone());
        let router = Router::builder(Arc::new(log));
        let router = router.register::<Account>().register::<Meter>().register::<CreditLedger>();
        let router = router.register::<AccountingPeriods>().build();
        Self { database, pool, vault, sender: LocalSender::new(router) }
    }

    /// A tenant (position 1), an account that was renamed (2, 3), a meter (4) with a reading (5).
    pub(crate) async fn filled() -> Self {
        let records = Self::empty().await;
        let rules = json!({ "window_first_day": 1, "window_last_day": 31 });
        let create = json!({ "type": "create", "name": "Горэнерго", "kind": "utility",
            "language": "ru", "time_zone": "Europe/Moscow", "meter_rules": rules });
        records.send("tenant", tenant().stream_id(), create).await;
        let register = json!({ "type": "register", "display_name": PERSON, "language": "ru",
            "origin": { "kind": "api" } });
        records.send("account", ACCOUNT, register).await;
        records
            .send(
                "account",
                ACCOUNT,
                json!({ "type": "rename", "display_name": PERSON.to_uppercase() }),
            )
            .await;
        let register = json!({ "type": "register", "account_id": ACCOUNT, "kind": "cold_water",
            "zones": 1, "digits": 5, "serial_number": "7", "place": "Кухня" });
        records.send("meter", METER, register).await;
        let submit = json!({ "type": "submit_reading", "reading_id": Uuid::now_v7(),
            "values_milli": { "t1": 1_000 }, "source": "operator" });
        records.send("meter", METER, submit).await;
        records
    }

    /// Carries out a command under a fresh id, which it returns with the outcome.
    pub(crate) async fn send(&self, aggregate: &str, id: Uuid, order: Value) -> (Uuid, Outcome) {
        let command_id = Uuid::now_v7();
        self.send_as(command_id, None, (aggregate, id), order).await
    }

    /// As [`Self::send`], under an id and with a cause: the event or command, and its conversation.
    pub(crate) async fn send_as(
        &self,
        command_id: Uuid,
        cause: Option<(Uuid, Uuid)>,
        (aggregate, id): (&str, Uuid),
        order: Value,
    ) -> (Uuid, Outcome) {
        let actor = Actor::Operator { name: "billing".to_owned() };
        let address = (tenant(), aggregate, id);
        let mut envelope = Envelope::new(command_id, address, order.clone(), actor, clock::now());
        if let Some((cause, conversation)) = cause {
            envelope.causation_id = Some(cause);
            envelope.correlation_id = conversation;
        }
        let sent = self.sender.send(envelope, PATIENCE).await.unwrap();
        let Sent::Done { outcome, .. } = sent else { panic!("{order}: no outcome") };
        (command_id, outcome)
    }

    /// The program on this database.
    pub(crate) fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = command(folder, arguments);
        command
            .env("DATABASE_URL", &self.database.url)
            .env("NATS_URL", "nats://127.0.0.1:1")
            .env("KONTOR_MASTER_KEY", MASTER_KEY);
        command
    }

    /// Runs the program; exit code, standard output, standard error.
    pub(crate) async fn kontor(&self, arguments: &[&str]) -> (i32, String, String) {
        self.kontor_with(&[], arguments).await
    }

    /// The same with more in its environment.
    pub(crate) async fn kontor_with(
        &self,
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> (i32, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = self.command(folder.path(), arguments);
        command.envs(environment.iter().copied());
        let output = run(command).await;
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// Runs the program, which must succeed, and reads its lines of JSON.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let (code, output, errors) = self.kontor(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {errors}");
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) async fn execute(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.pool).await.unwrap();
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }
}
