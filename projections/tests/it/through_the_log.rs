//! Commands in, rows out: the real router, log and followers.

use std::{sync::Arc, time::Duration};

use kontor_commands::{Envelope, Outcome, Router, clock};
use kontor_domain::{
    Actor,
    account::Account,
    accounting_period::{AccountingPeriods, accounting_period_id},
    billing::{Billing, billing_id},
    credit_ledger::{CreditLedger, credit_ledger_id},
    meter::Meter,
    payment::Payment,
    product::Product,
    provider_statement::{ProviderStatement, StatementSource, provider_statement_id},
    reconciliation::Reconciliation,
};
use kontor_postgres::{
    AppenderSettings, EventLog, Follower, FollowerSettings, MasterKeys, Step, Vault,
    generations::{PromotionTerms, TableHash, begin, hash_tables, newest, promote, replay_into},
};
use kontor_projections::{
    PageRequest, accounts, checkpoints, credits, meters, payments, personal, products, readings,
    tenants,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::watch;
use uuid::Uuid;

use crate::support::{World, id, tenant};

struct Running {
    world: World,
    router: Router,
    log: EventLog,
    followers: Vec<Follower>,
    vault: Vault,
}

impl Running {
    async fn new() -> Self {
        let world = World::new().await;
        let (head, _) = watch::channel(0);
        let vault = Vault::new(world.pool.clone(), MasterKeys::throwaway());
        let log = EventLog::start(world.pool.clone(), AppenderSettings::default(), head)
            .sealed_by(vault.clone());
        let router = Router::builder(Arc::new(log.clone()))
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
        let followers = kontor_projections::all().into_iter().map(|projection| {
            // Small pages, and a look at the fence in every step.
            let settings = FollowerSettings {
                page_live: 2,
                heartbeat_every: Duration::ZERO,
                vault: Some(vault.clone()),
                ..FollowerSettings::default()
            };
            Follower::projection(world.pool.clone(), projection, settings)
        });
        let followers = followers.collect();
        Self { router, log, followers, world, vault }
    }

    async fn accept(&self, aggregate: &str, stream: Uuid, command: Value) -> i64 {
        let address = (tenant("moscow"), aggregate, stream);
        // What concerns payments Kontor says itself.
        let actor = match aggregate {
            "payment" | "billing" => Actor::System { name: "test".to_owned() },
            _ => Actor::Operator { name: "test".to_owned() },
        };
        let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
        match self.router.route(envelope).await.unwrap().outcome {
            Outcome::Accepted(accepted) => accepted.last_position.unwrap(),
            Outcome::Refused { refusal } => panic!("refused: {refusal:?}"),
        }
    }

    /// Runs all followers until they have nothing to do.
    async fn follow(&mut self) {
        for follower in &mut self.followers {
            let mut idle = false;
            for _ in 0..1_000 {
                idle = match follower.step().await.unwrap() {
                    Step::Idle => true,
                    Step::Standby | Step::Lost | Step::Paused | Step::Advanced { .. } => false,
                };
                if idle {
                    break;
                }
            }
            assert!(idle, "{} does not arrive", follower.name());
        }
    }

    /// A charge that Telegram says and nobody knows, and somebody who takes care of it.
    async fn statement(&self) {
        let (source, month) = (StatementSource::TelegramStars, "2026-11-01".parse().unwrap());
        let statement = provider_statement_id(&tenant("moscow"), source, month);
        let record = json!({
            "type": "record", "source": "telegram_stars", "month": "2026-11-01",
            "file": {"sha256": "ab".repeat(32), "lines": 1},
            "lines": [{
                "kind": "charge", "external_id": "stx-9", "at": "2026-11-20T10:00:00Z",
                "amount_minor": 250, "fee_minor": 0, "net_minor": 250, "currency": "XTR",
                "references": ["stx-9"],
            }],
        });
        self.accept("provider_statement", statement, record).await;
        self.accept("reconciliation", id("difference"), json!({"type": "assign"})).await;
        let nothing = json!({"accounts": [], "payments": [], "bookings": 0, "late_bookings": 0});
        let close = json!({
            "type": "close", "month": "2026-01", "starts_at": "2025-12-31T21:00:00Z",
            "ends_at": "2026-01-31T21:00:00Z", "position": 1, "figures": nothing,
            "ledgers": {"count": 0, "bookings": 0, "root": "ab".repeat(32)},
        });
        self.accept("accounting_period", accounting_period_id(&tenant("moscow")), close).await;
    }

    async fn card(&self) {
        let save = json!({
            "type": "save_method", "account_id": id("anna"), "method_id": id("card"),
            "provider": "stripe", "channel": "stripe/shop",
            "card": {"brand": "visa", "last4": "4242"},
        });
        self.accept("billing", billing_id(id("anna")), save).await;
    }

    async fn utility(&self) -> i64 {
        let slug = tenant("moscow");
        let rules = json!({"window_first_day": 1, "window_last_day": 31});
        let create = json!({
            "type": "create", "name": "Мосводоканал", "kind": "utility", "language": "ru",
            "time_zone": "Europe/Moscow", "meter_rules": rules,
        });
        self.accept("tenant", slug.stream_id(), create).await;
        let register = json!({
            "type": "register", "display_name": "Анна Ёлкина", "language": "ru",
            "origin": {"kind": "telegram", "bot": "demo", "user_id": 1001},
        });
        self.accept("account", id("anna"), register).await;
        let rules = json!({"type": "change_credit_rules", "credit_rules": {"enabled": true}});
        self.accept("tenant", tenant("moscow").stream_id(), rules).await;
        let ledger = credit_ledger_id(id("anna"));
        let open = json!({"type": "open", "account_id": id("anna")});
        self.accept("credit_ledger", ledger, open).await;
        let spend = json!({"type": "spend", "spend_id": id("spend"), "messages": 2});
        self.accept("credit_ledger", ledger, spend).await;
        let create = json!({
            "type": "create", "name": {"ru": "25 сообщений", "en": "25 messages"},
            "gives": {"credits": 25}, "kind": "digital",
            "prices": [{"amount_minor": 250, "currency": "XTR"}],
        });
        self.accept("product", id("pack"), create).await;
        self.accept("product", id("pack"), json!({"type": "activate"})).await;
        let begin = json!({
            "type": "begin", "account_id": id("anna"), "price": {"amount_minor": 250, "currency": "XTR"},
            "product": {"product_id": id("pack"), "version": 2, "gives": {"credits": 25}},
            "provider": "telegram_stars", "channel": "telegram/shop",
            "expires_at": kontor_commands::clock::now() + chrono::Duration::days(1),
        });
        self.accept("payment", id("payment"), begin).await;
        self.card().await;
        self.statement().await;
        let register = json!({
            "type": "register", "account_id": id("anna"), "kind": "electricity", "zones": 2,
            "digits": 6, "serial_number": "№ 7", "place": "Кухня",
            "initial_values_milli": {"t1": 1_000_000, "t2": 500_000},
        });
        self.accept("meter", id("meter"), register).await;
        let submit = json!({
            "type": "submit_reading", "reading_id": id("r1"), "source": "operator",
            "values_milli": {"t1": 1_087_500, "t2": 520_250},
        });
        self.accept("meter", id("meter"), submit).await;
        let correct = json!({
            "type": "correct_reading", "reading_id": id("r1"), "source": "operator",
            "values_milli": {"t1": 1_086_500, "t2": 520_250}, "reason": "опечатка",
        });
        self.accept("meter", id("meter"), correct).await
    }
}

#[tokio::test]
async fn commands_show_in_all_read_models_and_a_rebuild_gives_the_same_rows() {
    let mut running = Running::new().await;
    let pool = &running.world.pool.clone();
    let last_position = running.utility().await;
    running.follow().await;

    let slug = tenant("moscow");
    let row = tenants::find(pool, &slug).await.unwrap().unwrap();
    assert_eq!(row.name.as_str(), "Мосводоканал");
    let anna = accounts::find_by_telegram(pool, &slug, 1001).await.unwrap().unwrap();
    assert_eq!(anna.display_name.as_str(), "Анна Ёлкина");
    let meter = meters::of_account(pool, &slug, anna.id).await.unwrap().remove(0);
    assert_eq!(meter.position, last_position);
    let history = readings::history(pool, &slug, meter.id, &PageRequest::default()).await.unwrap();
    assert_eq!(history.items[0].consumption_total().to_string(), "106.75");
    assert_eq!(history.items[0].corrections, 1);
    let ledger = credit_ledger_id(anna.id);
    let balance = credits::find(pool, &slug, ledger).await.unwrap().unwrap();
    assert_eq!((balance.available, balance.spent, balance.messages), (1, 2, 2));
    let on_sale = products::active(pool, &slug).await.unwrap();
    assert_eq!((on_sale[0].name_ru.as_str(), on_sale[0].credits), ("25 сообщений", Some(25)));
    let paid = payments::find(pool, &slug, id("payment")).await.unwrap().unwrap();
    assert_eq!((paid.account_id, paid.price.amount_minor), (anna.id, 250));
    let exported = personal::export(pool, &slug, anna.id).await.unwrap();
    assert_eq!(exported["credits"]["balance"]["available"], 1);
    assert_eq!(exported["credits"]["history"][2]["kind"], "spent");
    assert_eq!(exported["payments"][0]["price_minor"], 250);
    assert_eq!(checkpoints::position(pool, "readings").await.unwrap(), last_position);

    for projection in kontor_projections::all() {
        let (scratch, tables) = (format!("scratch_{}", projection.name()), projection.tables());
        replay_into((pool, &running.vault), &*projection, &scratch, last_position).await.unwrap();
        let mut db = pool.acquire().await.unwrap();
        let active = newest(pool, &*projection).await.unwrap().schema();
        let rows = hash_tables(&mut db, &active, tables).await.unwrap();
        // Nobody was erased; every other table has rows.
        let filled = |table: &&TableHash| table.table != "account_erasures";
        assert!(rows.iter().filter(filled).all(|table| table.rows > 0), "{rows:?}");
        assert_eq!(rows, hash_tables(&mut db, &scratch, tables).await.unwrap());
    }

    // Built once more beside it, and switched: the same rows.
    let before = running.world.hash().await;
    for projection in kontor_projections::all() {
        let made = begin(pool, &*projection, 1, false).await.unwrap();
        let vault = Some(running.vault.clone());
        let settings = FollowerSettings { page_live: 2, vault, ..FollowerSettings::default() };
        let follower = Follower::projection(pool.clone(), Arc::clone(&projection), settings);
        running.followers = vec![follower];
        running.follow().await;
        let terms = PromotionTerms::default();
        let promoted = promote(pool, projection.name(), made.number, &terms).await.unwrap();
        assert_eq!((promoted.before, promoted.generation), (Some(1), 2));
        assert_eq!(checkpoints::position(pool, projection.name()).await.unwrap(), last_position);
    }
    assert_eq!(running.world.hash().await, before);
    running.log.shutdown().await;
}

/// Columns, constraints and indexes of a schema's tables, without the schema's name.
async fn shape(pool: &PgPool, schema: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select format('%s %s %s %s %s', table_name, ordinal_position, column_name, data_type, \
             is_nullable) \
         from information_schema.columns where table_schema = $1 \
         union all \
         select replace(indexdef, $1, '') from pg_indexes where schemaname = $1 \
         order by 1",
    )
    .bind(schema)
    .fetch_all(pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn the_first_generations_have_the_tables_that_the_projections_would_make() {
    let world = World::new().await;
    for projection in kontor_projections::all() {
        let scratch = format!("scratch_{}", projection.name());
        replay_into((&world.pool, &Vault::locked()), &*projection, &scratch, 0).await.unwrap();
        let made = shape(&world.pool, &scratch).await;
        assert!(made.len() > 5, "{made:?}");
        assert_eq!(shape(&world.pool, &format!("rm_{}_1", projection.name())).await, made);
    }
}
