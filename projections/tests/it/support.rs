//! A fresh database, events made by hand, and a look at whole tables.

pub(crate) mod till;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use kontor_domain::{
    Actor, DisplayName, EventBody, Metadata, Money, Quantity, Recorded, TenantId,
    account::{self, AccountEvent, Origin},
    credit_ledger::{CreditLedgerCommand, Grant, GrantSource, Payment, PaymentProvider},
    meter::{self, MeterEvent, MeterKind, ReadingSource, Zone},
    product::{Gives, ProductKind, ProductName, ProductTerms},
};
use kontor_engines::testing::TestDatabase;
use kontor_projections::Projection;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

pub(crate) const TABLES: [&str; 19] = [
    "tenant_directory",
    "account_directory",
    "account_erasures",
    "meter_directory",
    "reading_history",
    "credit_balances",
    "credit_history",
    "ledger_entries",
    "book_lines",
    "book_days",
    "product_directory",
    "payment_directory",
    "billing_directory",
    "recon_items",
    "recon_refs",
    "recon_files",
    "recon_work",
    "recon_payments",
    "period_closes",
];

pub(crate) struct World {
    pub(crate) pool: PgPool,
    _database: TestDatabase,
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = kontor_engines::testing::database().await;
        let pool = kontor_postgres::connect(&database.url, 5).await.unwrap();
        kontor_postgres::migrate(&pool).await.unwrap();
        Self { pool, _database: database }
    }

    /// Applies one page in a transaction, as the runtime does; the first generation's tables are the
    /// active ones.
    pub(crate) async fn apply(&self, projection: &dyn Projection, page: &[Recorded]) {
        let wanted: Vec<Recorded> = page
            .iter()
            .filter(|event| projection.event_types().contains(&event.event_type.as_str()))
            .cloned()
            .collect();
        let mut tx = self.pool.begin().await.unwrap();
        let path = format!("rm_{}_1, public", projection.name());
        sqlx::query("select set_config('search_path', $1, true)")
            .bind(path)
            .execute(&mut *tx)
            .await
            .unwrap();
        projection.apply(&mut tx, &wanted).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Empties all read models.
    pub(crate) async fn clear(&self) {
        for projection in kontor_projections::all() {
            for table in projection.tables() {
                let sql = format!("truncate table rm_{}_1.{table}", projection.name());
                sqlx::query(AssertSqlSafe(sql)).execute(&self.pool).await.unwrap();
            }
        }
    }

    /// One hash over every column of every row of all read models.
    pub(crate) async fn hash(&self) -> String {
        let mut hashes = String::new();
        for table in TABLES {
            let sql = format!(
                "select count(*) || ' ' || md5(coalesce(string_agg(t::text, '|' order by t::text), '')) \
                 from {table} as t"
            );
            let hash: String =
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.pool).await.unwrap();
            writeln!(hashes, "{table} {hash}").unwrap();
        }
        hashes
    }
}

/// Gives events their places, as the log would.
#[derive(Default)]
pub(crate) struct Places {
    position: i64,
    versions: HashMap<Uuid, i64>,
}

impl Places {
    pub(crate) fn record<E: EventBody>(
        &mut self,
        tenant: &TenantId,
        stream_id: Uuid,
        fact: &E,
    ) -> Recorded {
        self.position += 1;
        let version = self.versions.entry(stream_id).or_default();
        *version += 1;
        let command_id = id(&format!("command {}", self.position));
        let at = instant() + Duration::seconds(self.position);
        Recorded {
            position: self.position,
            tenant: tenant.clone(),
            stream_type: fact.wire_type().split('.').next().unwrap().to_owned(),
            stream_id,
            version: *version,
            event_id: id(&format!("event {}", self.position)),
            event_type: fact.wire_type().to_owned(),
            schema_version: fact.schema_version(),
            payload: fact.to_payload().unwrap(),
            metadata: Metadata {
                actor: Actor::System { name: "test".to_owned() },
                command_id,
                correlation_id: command_id,
                causation_id: None,
                trace: None,
            },
            occurred_at: at,
            recorded_at: at,
        }
    }
}

pub(crate) fn instant() -> DateTime<Utc> {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn tenant(slug: &str) -> TenantId {
    slug.parse().unwrap()
}

pub(crate) fn name(text: &str) -> DisplayName {
    text.parse().unwrap()
}

/// A fixed id for a word.
pub(crate) fn id(word: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, word.as_bytes())
}

pub(crate) fn zones(values: &[i64]) -> BTreeMap<Zone, Quantity> {
    Zone::ALL.into_iter().zip(values.iter().copied().map(Quantity)).collect()
}

pub(crate) fn registered_account(display_name: &str, user_id: i64) -> AccountEvent {
    AccountEvent::Registered(account::Registered {
        display_name: name(display_name).into(),
        language: kontor_domain::Language::Ru,
        origin: Origin::Telegram {
            bot: "demo".to_owned(),
            user_id,
            username: Some("anna".to_owned()),
        }
        .into(),
        phone: None,
    })
}

pub(crate) fn registered_meter(account_id: Uuid, zone_count: u8) -> MeterEvent {
    MeterEvent::Registered(meter::Registered {
        account_id,
        kind: MeterKind::Electricity,
        zones: zone_count,
        digits: 6,
        serial_number: "№ 0012-АБ".to_owned(),
        place: "Кухня, у окна".to_owned().into(),
        verification_due_on: Some(day("2030-01-31")),
        registered_on: day("2026-01-10"),
        initial_values_milli: zones(&[1_000_000, 500_000, 0][..usize::from(zone_count)]),
    })
}

pub(crate) fn submitted(reading: &str, values: &[i64], taken_on: &str) -> MeterEvent {
    let taken_on = day(taken_on);
    MeterEvent::ReadingSubmitted(meter::ReadingSubmitted {
        reading_id: id(reading),
        account_id: id("account"),
        values_milli: zones(values),
        consumption_milli: zones(&vec![87_500; values.len()]),
        usual_milli: Some(Quantity(90_000)),
        taken_on,
        period: chrono::Datelike::with_day(&taken_on, 1).unwrap(),
        source: ReadingSource::Telegram,
        confirmed: false,
        rolled_over: Vec::new(),
        warnings: Vec::new(),
        photo: None,
    })
}

/// Credits that were bought for US cents.
pub(crate) fn purchase(word: &str, credits: i64, price_minor: i64) -> CreditLedgerCommand {
    let price = Money::new(price_minor, "USD".parse().unwrap());
    let payment_id = id(&format!("payment {word}"));
    CreditLedgerCommand::Grant(Grant {
        grant_id: id(&format!("grant {word}")),
        source: GrantSource::Purchase,
        credits,
        payment: Some(Payment { payment_id, provider: PaymentProvider::Stripe, price }),
        expires_at: None,
        priority: None,
    })
}

pub(crate) fn corrected(reading: &str, values: &[i64], reason: &str) -> MeterEvent {
    MeterEvent::ReadingCorrected(meter::ReadingCorrected {
        reading_id: id(reading),
        account_id: id("account"),
        values_milli: zones(values),
        consumption_milli: zones(&vec![12_345; values.len()]),
        usual_milli: None,
        previous_values_milli: zones(&vec![0; values.len()]),
        period: day("2026-11-01"),
        source: ReadingSource::Operator,
        confirmed: true,
        rolled_over: vec![Zone::T1],
        warnings: vec![meter::ReadingWarning::RolledOver, meter::ReadingWarning::Unusual],
        reason: reason.to_owned().into(),
    })
}

/// What a digital product may say of itself.
pub(crate) fn terms(gives: Gives, ordinal: i64) -> ProductTerms {
    let stars = Money::new(250, "XTR".parse().unwrap());
    ProductTerms {
        name: ProductName { ru: "Пачка «Ёж»".to_owned(), en: "A pack".to_owned() },
        gives,
        kind: ProductKind::Digital,
        prices: vec![Money::new(49_900, "RUB".parse().unwrap()), stars],
        ordinal,
    }
}
