//! One test's world: a database with its followers, a tenant that sells, the stand-in for Stripe, and
//! the accounts between them.

use std::{sync::Arc, time::Duration};

use kontor_commands::{
    CommandSender, Envelope, EventStore, LocalSender, Outcome, Router, Sent, clock,
    policies::{AutoRecharge, FulfilPayments, RechargeOutcomes},
    policy::AnyPolicy,
};
use kontor_domain::{
    Actor, Language, Money, TenantId,
    account::Account as AccountAggregate,
    billing::Billing,
    credit_ledger::{
        CorrectionReason, CreditLedger, CreditLedgerCommand, CreditRules, Open, PaymentProvider,
        Spend, credit_ledger_id,
    },
    meter::MeterRules,
    payment::{Begin, Payment, PaymentCommand, ProductSold, RequestRefund, Standing},
    product::{Gives, Product},
    provider_statement::ProviderStatement,
    tenant::{ChangeCreditRules, Create, TenantCommand, TenantKind},
};
use kontor_payments::{Account, Cashiers, PaymentsSettings, Stripe, StripeSettings};
use kontor_postgres::{
    AppenderSettings, DispatchSettings, Dispatcher, EventLog, Follower, FollowerSettings,
    MasterKeys, PolicyEffect, Step, Vault,
    checkouts::{self, Asked, CheckoutRow, CheckoutState},
};
use kontor_projections::Projection;
use kontor_sandbox::{Sandbox, SandboxSettings, SandboxShop};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

pub(crate) const PAID: &str = "4242424242424242";
pub(crate) const CHALLENGE: &str = "4000000000003220";
pub(crate) const POOR: &str = "4000000000009995";
pub(crate) const LATE: &str = "4000000000000085";
pub(crate) const LATE_REFUSED: &str = "4000000000000093";

/// How long a test waits for something that must happen. Far more than it takes, because tests share
/// the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The accounts: two with Stripe, and a second door to the first of them, of another tenant.
const ACCOUNTS: [(&str, &str, &str); 3] = [
    ("shop", "shop", "sk_test_of_the_shop"),
    ("other", "other", "sk_test_of_the_other"),
    ("twin", "other", "sk_test_of_the_shop"),
];

pub(crate) fn secret(account: &str) -> String {
    format!("whsec_0123456789_{account}")
}

pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) tenant: TenantId,
    pub(crate) account_id: Uuid,
    /// Where the stand-in is.
    pub(crate) stripe: String,
    /// Where notifications go.
    pub(crate) door: String,
    pub(crate) client: reqwest::Client,
    sender: LocalSender,
    _tasks: Vec<AbortOnDropHandle<()>>,
    _log: Arc<EventLog>,
}

impl World {
    pub(crate) async fn open() -> Self {
        let database = kontor_engines::testing::database().await;
        let pool = kontor_postgres::connect(&database.url, 40).await.unwrap();
        kontor_postgres::migrate(&pool).await.unwrap();
        let (head, heads) = watch::channel(0);
        let vault = Vault::new(pool.clone(), MasterKeys::throwaway());
        let log = EventLog::start(pool.clone(), AppenderSettings::default(), head);
        let log = Arc::new(log.sealed_by(vault.clone()));
        let store: Arc<dyn EventStore> = Arc::<EventLog>::clone(&log);
        let router = Router::builder(store)
            .register::<AccountAggregate>()
            .register::<CreditLedger>()
            .register::<Payment>()
            .register::<Product>()
            .register::<ProviderStatement>()
            .register::<Billing>()
            .build();
        let sender = LocalSender::new(router);
        let mut tasks = follow(&pool, &vault, &heads);
        tasks.push(spawn(fulfil(pool.clone(), vault, sender.clone())));
        let (stripe, door) = (listener().await, listener().await);
        let mut world = Self {
            pool,
            tenant: "shop".parse().unwrap(),
            account_id: Uuid::now_v7(),
            stripe: format!("http://{}", stripe.local_addr().unwrap()),
            door: format!("http://{}", door.local_addr().unwrap()),
            client: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            sender,
            _tasks: Vec::new(),
            _log: log,
        };
        let sandbox = world.sandbox();
        let router = sandbox.router();
        tasks.push(spawn(async move { axum::serve(stripe, router).await.unwrap() }));
        tasks.push(spawn(sandbox.run(CancellationToken::new())));
        world.create_tenant().await;
        let cashiers = Arc::new(world.cashiers());
        let router = cashiers.webhook_router();
        tasks.push(spawn(async move { axum::serve(door, router).await.unwrap() }));
        tasks.push(spawn(async move { cashiers.run(CancellationToken::new()).await }));
        world._tasks = tasks;
        world
    }

    fn sandbox(&self) -> Sandbox {
        let shop = |(name, _, key): (&str, &str, &str)| SandboxShop {
            name: name.to_owned(),
            secret_key: key.to_owned(),
            webhook_secret: secret(name),
            webhook_url: format!("{}/webhooks/stripe/{name}", self.door),
        };
        Sandbox::new(SandboxSettings {
            bots: Vec::new(),
            people: Vec::new(),
            state_file: None,
            public_url: self.stripe.clone(),
            shops: ACCOUNTS.into_iter().take(2).map(shop).collect(),
        })
        .unwrap()
    }

    fn cashiers(&self) -> Cashiers {
        let account = |(name, tenant, key): (&str, &str, &str)| Account {
            name: name.to_owned(),
            tenant: tenant.parse().unwrap(),
            return_url: "https://example.org/".to_owned(),
            provider: Arc::new(
                Stripe::new(StripeSettings {
                    api_url: format!("{}/stripe", self.stripe),
                    secret_key: key.into(),
                    webhook_secrets: vec![
                        "whsec_before_it_was_exchanged".into(),
                        secret(name).into(),
                    ],
                    // The twin's is the shop's.
                    draws_statement: name == "shop",
                })
                .unwrap(),
            ),
        };
        let settings = PaymentsSettings {
            look_every: Duration::from_millis(20),
            look_up_after: Duration::from_millis(500),
            look_up_max: Duration::from_secs(2),
            retry_pause_first: Duration::from_millis(100),
            retry_pause_max: Duration::from_secs(1),
            sweep_every: Duration::from_millis(700),
            statement_every: Duration::from_millis(500),
            ..PaymentsSettings::default()
        };
        let accounts = ACCOUNTS.into_iter().map(account).collect();
        Cashiers::new(self.pool.clone(), Arc::new(self.sender.clone()), accounts, settings).unwrap()
    }

    async fn create_tenant(&self) {
        let create = TenantCommand::Create(Create {
            name: "Лавка".parse().unwrap(),
            kind: TenantKind::Enterprise,
            language: Language::Ru,
            time_zone: "Europe/Moscow".parse().unwrap(),
            meter_rules: MeterRules::default(),
        });
        let credit_rules = CreditRules { enabled: true, ..CreditRules::default() };
        let rules = TenantCommand::ChangeCreditRules(ChangeCreditRules { credit_rules });
        let staff = || Actor::Operator { name: "desk".into() };
        for command in [&create, &rules] {
            self.send("tenant", self.tenant.stream_id(), staff(), command).await;
        }
        // What a router knows of a tenant is at most a second old.
        sleep(Duration::from_millis(1_100)).await;
        // A policy begins to act behind the first event that it sees, so the ledger is opened here.
        let account_id = self.account_id;
        let open = CreditLedgerCommand::Open(Open { account_id });
        let ledger_id = credit_ledger_id(account_id);
        self.send("credit_ledger", ledger_id, Actor::Customer { account_id }, &open).await;
    }

    /// Carries a command out.
    pub(crate) async fn send(
        &self,
        aggregate: &str,
        id: Uuid,
        actor: Actor,
        command: &impl serde::Serialize,
    ) {
        let address = (self.tenant.clone(), aggregate, id);
        let command = serde_json::to_value(command).unwrap();
        let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
        let sent = self.sender.send(envelope, PATIENCE).await.unwrap();
        let accepted = matches!(&sent, Sent::Done { outcome: Outcome::Accepted(_), .. });
        assert!(accepted, "{sent:?}");
    }

    /// Begins to buy 30 credits for 4.99 USD; the payment.
    pub(crate) async fn begin(&self) -> Uuid {
        let payment_id = Uuid::now_v7();
        let price = Money::new(499, "USD".parse().unwrap());
        let expires_at = clock::now() + chrono::Duration::hours(1);
        let product =
            ProductSold { product_id: Uuid::now_v7(), version: 2, gives: Gives::Credits(30) };
        let begin = PaymentCommand::Begin(Begin {
            account_id: self.account_id,
            product,
            price,
            provider: PaymentProvider::Stripe,
            channel: "stripe/shop".to_owned(),
            expires_at,
        });
        let actor = Actor::Customer { account_id: self.account_id };
        self.send("payment", payment_id, actor, &begin).await;
        let asked = Asked {
            title: "Консультация <30> & «друзья»".to_owned(),
            price,
            language: Language::Ru,
            expires_at,
            return_url: "https://example.org/".to_owned(),
        };
        let door = (&self.tenant, "stripe/shop");
        // Wanted twice, as by an update that is handled again.
        for _ in 0..2 {
            checkouts::want(&self.pool, door, payment_id, &asked).await.unwrap();
        }
        payment_id
    }

    /// The page of a payment, once it is open.
    pub(crate) async fn page(&self, payment_id: Uuid) -> CheckoutRow {
        until("the page is open", || async {
            let row = checkouts::find(&self.pool, payment_id).await.unwrap().unwrap();
            (row.state != CheckoutState::Wanted).then_some(row)
        })
        .await
    }

    /// Chooses a card on the page; what the page says then.
    pub(crate) async fn pay(&self, payment_id: Uuid, card: &str) -> String {
        let url = self.page(payment_id).await.url.unwrap();
        self.post_form(&url, &[("card", card)]).await
    }

    /// Answers the bank on the page.
    pub(crate) async fn confirm(&self, payment_id: Uuid, answer: &str) -> String {
        let url = self.page(payment_id).await.url.unwrap();
        self.post_form(&format!("{url}/confirm"), &[("answer", answer)]).await
    }

    async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> String {
        let answer = self.client.post(url).form(form).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// Makes the stand-in misbehave.
    pub(crate) async fn weather(&self, rule: Value) {
        let url = format!("{}/sandbox/faults", self.stripe);
        let answer = self.client.post(url).json(&rule).send().await.unwrap();
        assert!(answer.status().is_success(), "{rule}");
    }

    /// Buys, and has what was bought.
    pub(crate) async fn buy(&self) -> Uuid {
        let payment_id = self.begin().await;
        self.pay(payment_id, PAID).await;
        self.until_standing(payment_id, Standing::Succeeded).await;
        self.until_available(33).await;
        payment_id
    }

    pub(crate) async fn refund(&self, payment_id: Uuid) {
        self.ask_back(payment_id, None).await;
    }

    /// Asks the price of some of the credits back.
    pub(crate) async fn refund_credits(&self, payment_id: Uuid, credits: i64) {
        self.ask_back(payment_id, Some(credits)).await;
    }

    async fn ask_back(&self, payment_id: Uuid, credits: Option<i64>) {
        let (refund_id, reason) = (Uuid::now_v7(), CorrectionReason::CustomerAsked);
        let command = PaymentCommand::RequestRefund(RequestRefund {
            refund_id,
            reason,
            amount: None,
            credits,
        });
        let actor = Actor::Operator { name: "desk".into() };
        self.send("payment", payment_id, actor, &command).await;
    }

    pub(crate) async fn spend(&self, messages: i64) {
        let spend = CreditLedgerCommand::Spend(Spend { spend_id: Uuid::now_v7(), messages });
        let actor = Actor::Customer { account_id: self.account_id };
        self.send("credit_ledger", credit_ledger_id(self.account_id), actor, &spend).await;
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

fn follow(
    pool: &PgPool,
    vault: &Vault,
    heads: &watch::Receiver<i64>,
) -> Vec<AbortOnDropHandle<()>> {
    let follower = |projection| {
        let settings =
            FollowerSettings { vault: Some(vault.clone()), ..FollowerSettings::default() };
        let follower = Follower::projection(pool.clone(), projection, settings);
        let heads = heads.clone();
        spawn(async move { follower.run(heads, CancellationToken::new()).await })
    };
    kontor_projections::all().into_iter().map(follower).collect()
}

/// The policies of payments with their dispatcher, over and over.
async fn fulfil(pool: PgPool, vault: Vault, sender: LocalSender) {
    let policies: [Arc<dyn AnyPolicy>; 3] =
        [Arc::new(FulfilPayments), Arc::new(AutoRecharge), Arc::new(RechargeOutcomes)];
    let mut followers = policies.map(|policy| {
        let policy: Arc<dyn Projection> = Arc::new(PolicyEffect::new(policy));
        let vault = Some(vault.clone());
        let settings = FollowerSettings { vault, ..FollowerSettings::default() };
        Follower::projection(pool.clone(), policy, settings)
    });
    let dispatcher = Dispatcher::new(pool, Arc::new(sender), DispatchSettings::default());
    loop {
        for follower in &mut followers {
            while follower.step().await.unwrap() != Step::Idle {}
        }
        dispatcher.step(clock::now()).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(25)).await;
    }
}

/// A rule for as many webhooks as there are.
pub(crate) fn always(kind: &str, name: &str) -> Value {
    json!({"kind": kind, "method": name, "count": 1_000})
}
