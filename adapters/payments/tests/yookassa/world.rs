//! A shop that sells 25 credits for 229 roubles.

use std::{sync::Arc, time::Duration};

use axum::{Router as Routes, body::Body, extract::Request, http::StatusCode};
use chrono::TimeDelta;
use kontor_commands::{CommandSender, Envelope, LocalSender, Outcome, Router, Sent, clock};
use kontor_domain::{
    Actor, Language, Money, TenantId,
    account::{Account, AccountCommand, Origin, Register},
    credit_ledger::{
        CorrectionReason, CreditLedger, CreditLedgerCommand, CreditRules, Open, PaymentProvider,
        credit_ledger_id,
    },
    meter::MeterRules,
    payment::{
        Begin, Payment, PaymentCommand, ProductSold, RefundStanding, RequestRefund, Standing,
    },
    product::{Gives, Product},
    tenant::{ChangeCreditRules, Create, TenantCommand, TenantKind},
};
use kontor_payments::{
    Account as Till, Cashiers, Network, PaymentsSettings, ReceiptSettings, Wire, YooKassa,
    YooKassaSettings,
};
use kontor_postgres::{
    AppenderSettings, EventLog, MasterKeys, Vault,
    checkouts::{self, Asked, CheckoutState},
};
use kontor_projections::{
    credits,
    payments::{self, PaymentRow},
};
use reqwest::{Client, Method};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tower::ServiceExt;
use uuid::Uuid;

use crate::around::{follow, fulfil, play, seen_from, until};

/// How long a test waits for something that must happen. Far more than it takes, because tests share
/// the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const SHOP: (&str, &str) = ("54401", "test_secret");
/// Another shop at the same provider.
pub(crate) const OTHER: (&str, &str) = ("54402", "test_other");
pub(crate) const PRICE_MINOR: i64 = 22_900;

pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) tenant: TenantId,
    /// The stand-in.
    pub(crate) base: String,
    pub(crate) client: Client,
    sender: LocalSender,
    routes: Routes,
    _tasks: Vec<AbortOnDropHandle<()>>,
    _log: Arc<EventLog>,
}

/// A page on which a payment can be made.
pub(crate) struct Page {
    pub(crate) payment_id: Uuid,
    /// YooKassa's id of it.
    pub(crate) charge: String,
    pub(crate) account_id: Uuid,
}

pub(crate) fn price() -> Money {
    Money::new(PRICE_MINOR, "RUB".parse().unwrap())
}

/// Pages are never looked at in a test, so that only notifications and sweeps tell anything.
pub(crate) fn settings() -> PaymentsSettings {
    PaymentsSettings {
        lease_ttl: Duration::from_secs(2),
        look_every: Duration::from_millis(30),
        look_up_after: Duration::from_secs(3_600),
        retry_pause_first: Duration::from_millis(50),
        retry_pause_max: Duration::from_millis(400),
        sweep_every: Duration::from_secs(3_600),
        ..PaymentsSettings::default()
    }
}

pub(crate) fn sweeping() -> PaymentsSettings {
    PaymentsSettings { sweep_every: Duration::from_millis(200), ..settings() }
}

pub(crate) fn receipts(fallback_email: Option<&str>) -> ReceiptSettings {
    ReceiptSettings {
        vat_code: 1,
        payment_subject: "service".to_owned(),
        payment_mode: "full_payment".to_owned(),
        tax_system_code: None,
        fallback_email: fallback_email.map(str::to_owned),
    }
}

impl World {
    pub(crate) async fn new(settings: PaymentsSettings) -> Self {
        Self::with(settings, None).await
    }

    pub(crate) async fn with(
        settings: PaymentsSettings,
        receipts: Option<ReceiptSettings>,
    ) -> Self {
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
            .register::<CreditLedger>()
            .register::<Payment>()
            .register::<Product>()
            .build();
        let sender = LocalSender::new(router);
        let mut tasks = follow(&pool, &vault, &heads);
        tasks.push(AbortOnDropHandle::new(tokio::spawn(fulfil(&pool, &vault, &sender))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hooks = format!("http://{}/webhooks/yookassa", listener.local_addr().unwrap());
        let base = play(&hooks, &mut tasks).await;
        let tenant: TenantId = "shop".parse().unwrap();
        let yookassa = YooKassaSettings {
            tenant: tenant.clone(),
            channel: "yookassa/main".to_owned(),
            shop_id: SHOP.0.to_owned(),
            secret_key: SHOP.1.into(),
            api_url: format!("{base}/yookassa/v3/"),
            networks: Network::list("127.0.0.0/8").unwrap(),
            receipts,
        };
        let provider = Arc::new(YooKassa::new(Wire::new().unwrap(), yookassa, pool.clone()));
        let return_url = "https://example.org/".to_owned();
        let till = Till { name: "main".to_owned(), tenant: tenant.clone(), return_url, provider };
        let seller = Arc::new(sender.clone());
        let cashiers = Cashiers::new(pool.clone(), seller, vec![till], settings).unwrap();
        let routes = cashiers.webhook_router();
        let served = seen_from(routes.clone(), "127.0.0.1");
        tasks.push(AbortOnDropHandle::new(tokio::spawn(async move {
            axum::serve(listener, served).await.unwrap();
        })));
        tasks.push(AbortOnDropHandle::new(tokio::spawn(async move {
            cashiers.run(CancellationToken::new()).await;
        })));
        let client = Client::builder().no_proxy().build().unwrap();
        let world = Self { pool, tenant, base, client, sender, routes, _tasks: tasks, _log: log };
        world.open_shop().await;
        world
    }

    async fn open_shop(&self) {
        let create = TenantCommand::Create(Create {
            name: "Магазин".parse().unwrap(),
            kind: TenantKind::Enterprise,
            language: Language::Ru,
            time_zone: "Europe/Moscow".parse().unwrap(),
            meter_rules: MeterRules::default(),
        });
        self.send(("tenant", self.tenant.stream_id()), kontor(), &create).await;
        let credit_rules = CreditRules { enabled: true, ..CreditRules::default() };
        let change = TenantCommand::ChangeCreditRules(ChangeCreditRules { credit_rules });
        self.send(("tenant", self.tenant.stream_id()), kontor(), &change).await;
    }

    pub(crate) async fn send(
        &self,
        (aggregate, id): (&str, Uuid),
        actor: Actor,
        command: &impl Serialize,
    ) {
        let address = (self.tenant.clone(), aggregate, id);
        let command = serde_json::to_value(command).unwrap();
        let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
        let sent = self.sender.send(envelope, PATIENCE).await.unwrap();
        assert!(matches!(&sent, Sent::Done { outcome: Outcome::Accepted(_), .. }), "{sent:?}");
    }

    /// A customer with a telephone number or without one.
    pub(crate) async fn customer(&self, phone: Option<&str>) -> Uuid {
        let account_id = Uuid::now_v7();
        let register = AccountCommand::Register(Register {
            display_name: "Анна".parse().unwrap(),
            language: Language::Ru,
            origin: Origin::Api { external_id: None },
            phone: phone.map(|phone| phone.parse().unwrap()),
        });
        self.send(("account", account_id), kontor(), &register).await;
        // As the bot does before it sells anything.
        let open = CreditLedgerCommand::Open(Open { account_id });
        self.send(("credit_ledger", credit_ledger_id(account_id)), kontor(), &open).await;
        account_id
    }

    /// Begins a purchase and wants a page for it, which may not be open yet.
    pub(crate) async fn offer(&self, account_id: Uuid) -> Uuid {
        let (payment_id, expires_at) = (Uuid::now_v7(), clock::now() + TimeDelta::hours(1));
        let product =
            ProductSold { product_id: Uuid::from_u128(25), version: 1, gives: Gives::Credits(25) };
        let begin = PaymentCommand::Begin(Begin {
            account_id,
            product,
            price: price(),
            provider: PaymentProvider::Yookassa,
            channel: "yookassa/main".to_owned(),
            expires_at,
        });
        self.send(("payment", payment_id), kontor(), &begin).await;
        let asked = Asked {
            title: "25 кредитов".to_owned(),
            price: price(),
            language: Language::Ru,
            expires_at,
            return_url: "https://t.me/shop_bot".to_owned(),
        };
        let door = (&self.tenant, "yookassa/main");
        checkouts::want(&self.pool, door, payment_id, &asked).await.unwrap();
        payment_id
    }

    /// A page that is open.
    pub(crate) async fn page_for(&self, account_id: Uuid) -> Page {
        let payment_id = self.offer(account_id).await;
        let charge = until("the page is open", || async {
            let row = checkouts::find(&self.pool, payment_id).await.unwrap().unwrap();
            assert_ne!(row.state, CheckoutState::Refused, "{row:?}");
            row.provider_ref
        })
        .await;
        Page { payment_id, charge, account_id }
    }

    pub(crate) async fn page_state(&self, page: &Page) -> CheckoutState {
        checkouts::find(&self.pool, page.payment_id).await.unwrap().unwrap().state
    }

    pub(crate) async fn page(&self) -> Page {
        self.page_for(self.customer(None).await).await
    }

    /// A purchase that was paid, and has arrived.
    pub(crate) async fn bought(&self) -> Page {
        let page = self.page().await;
        self.pay(&page.charge, &[("card", "0")]).await;
        self.until_standing(page.payment_id, Standing::Succeeded).await;
        self.until_available(page.account_id, 28).await;
        page
    }

    /// The person presses the button on the page, with a card of that number in the list.
    pub(crate) async fn pay(&self, charge: &str, form: &[(&str, &str)]) {
        let url = format!("{}/yookassa/checkout/{charge}", self.base);
        let form: Vec<_> = form.iter().copied().chain([("act", "pay")]).collect();
        let answer = self.client.post(url).form(&form).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }

    /// Steers the stand-in.
    pub(crate) async fn steer(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/sandbox/yookassa/{path}", self.base);
        let answer = self.client.request(method, url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap_or_default()
    }

    pub(crate) async fn weather(&self, kind: &str, method: &str, count: u32) {
        let rule = json!({ "kind": kind, "method": method, "count": count, "retry_after": 1 });
        self.steer(Method::POST, "faults", rule).await;
    }

    /// Everything that the provider knows.
    pub(crate) async fn state(&self) -> Value {
        self.steer(Method::GET, "state", Value::Null).await
    }

    /// A call that is made by somebody else with the keys of a shop, as in YooKassa's cabinet.
    pub(crate) async fn in_cabinet(&self, other: bool, path: &str, body: Value) -> String {
        let (shop, secret) = if other { OTHER } else { SHOP };
        let url = format!("{}/yookassa/v3/{path}", self.base);
        let request = self.client.post(url).basic_auth(shop, Some(secret));
        let key = Uuid::now_v7().to_string();
        let answer = request.header("Idempotence-Key", key).json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        let made: Value = answer.json().await.unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    /// A notification from that address.
    pub(crate) async fn notify_from(&self, address: &str, body: &str) -> StatusCode {
        let request = Request::post("/webhooks/yookassa/main").body(Body::from(body.to_owned()));
        let routes = seen_from(self.routes.clone(), address);
        routes.oneshot(request.unwrap()).await.unwrap().status()
    }

    pub(crate) async fn notify(&self, event: &str, id: &str) -> StatusCode {
        let object = json!({ "id": id, "status": "succeeded", "paid": true });
        let body = json!({ "type": "notification", "event": event, "object": object });
        self.notify_from("127.0.0.1", &body.to_string()).await
    }

    pub(crate) async fn payment(&self, id: Uuid) -> PaymentRow {
        until("the payment shows", || async {
            payments::find(&self.pool, &self.tenant, id).await.unwrap()
        })
        .await
    }

    pub(crate) async fn until_standing(&self, id: Uuid, standing: Standing) -> PaymentRow {
        until(&format!("the payment is {standing:?}"), || async {
            Some(self.payment(id).await).filter(|row| row.standing == standing)
        })
        .await
    }

    pub(crate) async fn until_refund(&self, id: Uuid, standing: RefundStanding) -> PaymentRow {
        until(&format!("the refund is {standing:?}"), || async {
            let row = self.payment(id).await;
            row.refunds.iter().any(|refund| refund.standing == standing).then_some(row)
        })
        .await
    }

    pub(crate) async fn refund(&self, page: &Page) {
        let (refund_id, reason) = (Uuid::now_v7(), CorrectionReason::CustomerAsked);
        let command = PaymentCommand::RequestRefund(RequestRefund {
            refund_id,
            reason,
            amount: None,
            credits: None,
        });
        let actor = Actor::Operator { name: "desk".into() };
        self.send(("payment", page.payment_id), actor, &command).await;
    }

    pub(crate) async fn until_available(&self, account_id: Uuid, credits: i64) {
        let ledger_id = credit_ledger_id(account_id);
        until(&format!("{credits} credits are there"), || async {
            let row = credits::find(&self.pool, &self.tenant, ledger_id).await.unwrap();
            row.filter(|row| row.available == credits).map(|_| ())
        })
        .await;
    }

    /// What the books say that YooKassa has for the shop, once it is that.
    pub(crate) async fn until_clearing(&self, amount: i64) {
        until(&format!("YooKassa has {amount}"), || async {
            let sum: i64 = sqlx::query_scalar(
                "select coalesce(sum(amount), 0)::bigint from ledger_entries \
                 where account in ('assets:clearing:yookassa', 'assets:dispute_reserve')",
            )
            .fetch_one(&self.pool)
            .await
            .unwrap();
            (sum == amount).then_some(())
        })
        .await;
    }

    /// How many grants there are of what was paid for.
    pub(crate) async fn grants(&self) -> i64 {
        self.count("events where event_type = 'credit_ledger.granted' and payload ? 'payment'")
            .await
    }

    pub(crate) async fn count(&self, of: &str) -> i64 {
        let query = sqlx::AssertSqlSafe(format!("select count(*) from {of}"));
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }

    /// Waits until the provider has nothing more to say and all of it was worked on.
    pub(crate) async fn settled(&self) {
        until("everything is settled", || async {
            let waiting = self.state().await["notifications_waiting"].as_i64().unwrap();
            let pending = self.count("inbox where state = 'pending'").await;
            (waiting + pending == 0).then_some(())
        })
        .await;
    }

    pub(crate) async fn denied(&self) -> Vec<String> {
        let query = "select reason from denied_attempts order by at";
        sqlx::query_scalar(query).fetch_all(&self.pool).await.unwrap()
    }
}

fn kontor() -> Actor {
    Actor::System { name: "test".into() }
}
