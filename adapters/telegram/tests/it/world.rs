//! One test's world: a database with its followers, a router, the stand-in, the bots, and people
//! who write to them.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use kontor_commands::{CommandSender, Envelope, LocalSender, Outcome, Router, Sent, clock};
use kontor_domain::{
    Actor, Language, TenantId,
    account::{Account, telegram_account_id},
    billing::Billing,
    credit_ledger::{CreditLedger, CreditRules},
    meter::{Meter, MeterRules},
    payment::Payment,
    product::Product,
    tenant::{ChangeCreditRules, ChangeMeterRules, Create, TenantCommand, TenantKind},
};
use kontor_postgres::{AppenderSettings, EventLog, Follower, FollowerSettings, MasterKeys, Vault};
use kontor_projections::{
    PageRequest, accounts, checkpoints,
    meters::{self, MeterRow},
    readings::{self, ReadingRow},
};
use kontor_telegram::{BotSettings, Bots, CardAccount, Mode, TelegramSettings};
use serde::Serialize;
use sqlx::PgPool;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

use crate::{person::Person, stand_in::StandIn};

pub(crate) const TOKEN: &str = "1000001:SANDBOX-demo-bot-token";
pub(crate) const BOT: &str = "demo";

/// How long a test waits for something that must happen. Far more than it takes, because tests
/// share the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) telegram: StandIn,
    pub(crate) address: String,
    pub(crate) sender: LocalSender,
    pub(crate) tenant: TenantId,
    pub(crate) vault: Vault,
    _followers: Vec<AbortOnDropHandle<()>>,
    _log: Arc<EventLog>,
}

/// Bots at work; they stop when this goes.
pub(crate) struct Working {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Working {
    /// Ends them as a crash does: nothing is finished, no lease is given back.
    pub(crate) async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.is_err());
    }

    /// Ends them in order.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

impl World {
    /// A world with the tenant `demo_utility` that takes readings on every day.
    pub(crate) async fn new() -> Self {
        let rules =
            MeterRules { window_first_day: 1, window_last_day: 31, ..MeterRules::default() };
        Self::with_rules(rules).await
    }

    pub(crate) async fn with_rules(rules: MeterRules) -> Self {
        Self::start(TenantKind::Utility, rules).await
    }

    /// A world whose tenant has this line of business.
    pub(crate) async fn of(kind: TenantKind) -> Self {
        Self::start(kind, MeterRules::default()).await
    }

    async fn start(kind: TenantKind, rules: MeterRules) -> Self {
        let database = kontor_engines::testing::database().await;
        let pool = kontor_postgres::connect(&database.url, 20).await.unwrap();
        kontor_postgres::migrate(&pool).await.unwrap();
        let (head, heads) = watch::channel(0);
        let vault = Vault::new(pool.clone(), MasterKeys::throwaway());
        let log = EventLog::start(pool.clone(), AppenderSettings::default(), head);
        let log = Arc::new(log.sealed_by(vault.clone()));
        let store: Arc<dyn kontor_commands::EventStore> = Arc::<EventLog>::clone(&log);
        let router = Router::builder(store)
            .register::<Account>()
            .register::<Meter>()
            .register::<CreditLedger>()
            .register::<Payment>()
            .register::<Billing>()
            .register::<Product>()
            .build();
        let followers = kontor_projections::all()
            .into_iter()
            .map(|projection| {
                let settings =
                    FollowerSettings { vault: Some(vault.clone()), ..FollowerSettings::default() };
                let follower = Follower::projection(pool.clone(), projection, settings);
                let heads = heads.clone();
                AbortOnDropHandle::new(tokio::spawn(async move {
                    follower.run(heads, CancellationToken::new()).await;
                }))
            })
            .collect();
        let (telegram, address) = StandIn::start().await;
        let world = Self {
            pool,
            telegram,
            address,
            sender: LocalSender::new(router),
            tenant: "demo_utility".parse().unwrap(),
            vault,
            _followers: followers,
            _log: log,
        };
        world.create_tenant(&world.tenant, kind, rules).await;
        world
    }

    async fn create_tenant(&self, tenant: &TenantId, kind: TenantKind, meter_rules: MeterRules) {
        let create = TenantCommand::Create(Create {
            name: "Горводоканал".parse().unwrap(),
            kind,
            language: Language::Ru,
            time_zone: "Europe/Moscow".parse().unwrap(),
            meter_rules,
        });
        let address = (tenant, "tenant", tenant.stream_id());
        self.command(address, &create, clock::now()).await;
        until("the tenant is known", || async {
            kontor_projections::tenants::find(&self.pool, tenant).await.unwrap()
        })
        .await;
    }

    /// Gives the tenant these rules for credits, and waits until the bot knows them.
    pub(crate) async fn deal_with_credits(&self, credit_rules: CreditRules) {
        let change = ChangeCreditRules { credit_rules: credit_rules.clone() };
        let command = TenantCommand::ChangeCreditRules(change);
        let address = (&self.tenant, "tenant", self.tenant.stream_id());
        self.command(address, &command, clock::now()).await;
        until("the rules are known", || async {
            let tenant = kontor_projections::tenants::find(&self.pool, &self.tenant).await;
            (tenant.unwrap().unwrap().credit_rules == credit_rules).then_some(())
        })
        .await;
    }

    /// Gives the tenant these rules for readings, and waits until the bot knows them.
    pub(crate) async fn take_readings_by(&self, meter_rules: MeterRules) {
        let change = ChangeMeterRules { meter_rules: meter_rules.clone() };
        let command = TenantCommand::ChangeMeterRules(change);
        let address = (&self.tenant, "tenant", self.tenant.stream_id());
        self.command(address, &command, clock::now()).await;
        until("the rules are known", || async {
            let tenant = kontor_projections::tenants::find(&self.pool, &self.tenant).await;
            (tenant.unwrap().unwrap().meter_rules == meter_rules).then_some(())
        })
        .await;
    }

    /// Waits until a read model has reached a position.
    pub(crate) async fn reached(&self, view: &str, position: i64) {
        let reached = checkpoints::wait_for(&self.pool, &[view], position, PATIENCE).await;
        assert!(reached.unwrap(), "`{view}` did not reach {position}");
    }

    /// A command of the tenant's own system, issued at an instant that may lie in the past.
    pub(crate) async fn command(
        &self,
        (tenant, aggregate, id): (&TenantId, &str, Uuid),
        command: &impl Serialize,
        issued_at: DateTime<Utc>,
    ) {
        let mut envelope = Envelope::new(
            Uuid::now_v7(),
            (tenant.clone(), aggregate, id),
            serde_json::to_value(command).unwrap(),
            Actor::System { name: "test".into() },
            issued_at,
        );
        envelope.deadline = clock::now() + chrono::Duration::hours(1);
        let sent = self.sender.send(envelope, PATIENCE).await.unwrap();
        assert!(matches!(&sent, Sent::Done { outcome: Outcome::Accepted(_), .. }), "{sent:?}");
    }

    pub(crate) fn bot(&self, name: &str, token: &str, mode: Mode) -> BotSettings {
        BotSettings {
            name: name.into(),
            tenant: self.tenant.clone(),
            token: token.into(),
            api_url: self.address.parse().unwrap(),
            cards: Vec::new(),
            mode,
        }
    }

    /// Settings for tests: short pauses, so that nothing takes longer than it must.
    pub(crate) fn settings() -> TelegramSettings {
        TelegramSettings {
            lease_ttl: Duration::from_millis(1500),
            poll_timeout: Duration::from_secs(1),
            idle_pause: Duration::from_millis(20),
            commands_look_every: Duration::from_millis(50),
            retry_pause_first: Duration::from_millis(50),
            retry_pause_max: Duration::from_millis(200),
            suspended_for: Duration::from_millis(300),
            view_wait: Duration::from_secs(20),
            ..TelegramSettings::default()
        }
    }

    /// Starts the demo bot, polling.
    pub(crate) fn work(&self) -> Working {
        self.work_with(Arc::new(self.sender.clone()), Self::settings())
    }

    pub(crate) fn work_with(
        &self,
        sender: Arc<dyn CommandSender>,
        settings: TelegramSettings,
    ) -> Working {
        let bot = self.bot(BOT, TOKEN, Mode::Polling);
        run(Bots::new(self.pool.clone(), sender, vec![bot], settings).unwrap())
    }

    /// The demo bot of a tenant whose customers can pay by card.
    pub(crate) fn work_with_cards(&self, cards: Vec<CardAccount>) -> Working {
        let bot = BotSettings { cards, ..self.bot(BOT, TOKEN, Mode::Polling) };
        let sender = Arc::new(self.sender.clone());
        run(Bots::new(self.pool.clone(), sender, vec![bot], Self::settings()).unwrap())
    }

    /// A person who writes to the demo bot.
    pub(crate) fn person(&self, id: i64, first_name: &str, language: &str) -> Person<'_> {
        Person {
            world: self,
            token: TOKEN.into(),
            id,
            first_name: first_name.into(),
            language: language.into(),
        }
    }

    pub(crate) async fn account(&self, user_id: i64) -> Option<accounts::AccountRow> {
        let id = telegram_account_id(&self.tenant, user_id);
        accounts::find(&self.pool, &self.tenant, id).await.unwrap()
    }

    pub(crate) async fn meters(&self, user_id: i64) -> Vec<MeterRow> {
        let id = telegram_account_id(&self.tenant, user_id);
        meters::of_account(&self.pool, &self.tenant, id).await.unwrap()
    }

    pub(crate) async fn readings(&self, meter_id: Uuid) -> Vec<ReadingRow> {
        let page = PageRequest::first(100);
        readings::history(&self.pool, &self.tenant, meter_id, &page).await.unwrap().items
    }

    /// The newest reading, once the history knows `count` readings with `corrections` on the newest:
    /// its follower may still be on its way when the bot has answered.
    pub(crate) async fn newest_reading(
        &self,
        meter_id: Uuid,
        count: usize,
        corrections: i32,
    ) -> ReadingRow {
        until("the history holds the readings", || async {
            let mut rows = self.readings(meter_id).await;
            let known = rows.len() == count && rows[0].corrections == corrections;
            known.then(|| rows.remove(0))
        })
        .await
    }

    /// How many updates are not handled yet.
    pub(crate) async fn pending(&self) -> i64 {
        sqlx::query_scalar("select count(*) from inbox where state = 'pending'")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Waits until every update was handled and every message was sent.
    pub(crate) async fn settled(&self) {
        until("everything is settled", || async {
            let open: i64 = sqlx::query_scalar(
                "select (select count(*) from inbox where state = 'pending') \
                     + (select count(*) from telegram_outbox where state in ('pending', 'sending'))",
            )
            .fetch_one(&self.pool)
            .await
            .unwrap();
            (open == 0).then_some(())
        })
        .await;
    }
}

pub(crate) fn run(bots: Bots) -> Working {
    let stop = CancellationToken::new();
    let token = stop.clone();
    let task = tokio::spawn(async move { bots.run(token).await });
    Working { stop, task }
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none in time.
pub(crate) async fn until<T, F, Fut>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
