//! Events in, rows out.

use async_trait::async_trait;
use kontor_domain::{
    Personal, Recorded,
    billing::{BillingEvent, MethodSaved, RechargeRequested},
};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    AgreementPart, BillingRow, Billings, ChargePart, ChargeStage, MethodPart, select_billings,
};
use crate::{
    ApplyError, Projection,
    columns::{column, json_of, name_of},
    streams::{StreamRow, continued, fold},
};

/// How many removed cards are remembered: far more than wait for their provider at one time.
const REMOVED_MAX: usize = 32;

#[async_trait]
impl Projection for Billings {
    fn name(&self) -> &'static str {
        "billing"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "billing.method_saved",
            "billing.method_removed",
            "billing.recharge_enabled",
            "billing.recharge_disabled",
            "billing.recharge_requested",
            "billing.charge_begun",
            "billing.recharge_succeeded",
            "billing.recharge_failed",
            "billing.cap_reached",
            "billing.closed",
            "account.erased",
        ]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["billing_directory"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let is_billed = |event: &&Recorded| event.stream_type == "billing";
        let billed: Vec<Recorded> = events.iter().filter(is_billed).cloned().collect();
        let streams = continued(&billed);
        let loaded = if streams.is_empty() {
            Vec::new()
        } else {
            let rows = sqlx::query_as(select_billings!("where id = any($1)")).bind(streams);
            rows.fetch_all(&mut *db).await?
        };
        write(db, &fold(loaded, &billed)?).await?;
        let erased = events.iter().filter(|event| event.stream_type == "account");
        forget_cards(db, &erased.map(|event| event.stream_id).collect::<Vec<_>>()).await
    }
}

impl StreamRow for BillingRow {
    type Fact = BillingEvent;

    fn stream_id(&self) -> Uuid {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn after(row: Option<Self>, event: &Recorded, fact: BillingEvent) -> Option<Self> {
        let row = row.unwrap_or_else(|| made(event, &fact)).with(event, fact);
        Some(Self { position: event.position, version: event.version, ..row })
    }
}

impl BillingRow {
    fn with(mut self, event: &Recorded, fact: BillingEvent) -> Self {
        use BillingEvent as E;
        match fact {
            E::MethodSaved(saved) => self.save(event, saved),
            E::MethodRemoved(removed) => {
                self.method = self.method.filter(|it| it.method_id != removed.method_id);
                self.removed.push(removed.method_id);
                let too_many = self.removed.len().saturating_sub(REMOVED_MAX);
                self.removed.drain(..too_many);
            }
            E::RechargeEnabled(enabled) => {
                let (terms, agreed_at) = (enabled.terms, event.occurred_at);
                self.agreement = Some(AgreementPart { terms, agreed_at });
                (self.disabled, self.retry_at) = (None, None);
            }
            E::RechargeDisabled(disabled) => {
                self.agreement = None;
                self.disabled = Some(disabled.reason);
            }
            E::RechargeRequested(requested) => self.request(event, requested),
            E::ChargeBegun(begun) => self.mark(begun.payment_id, ChargeStage::Begun, None),
            E::RechargeSucceeded(succeeded) => {
                self.mark(succeeded.payment_id, ChargeStage::Succeeded, None);
                self.retry_at = None;
            }
            E::RechargeFailed(failed) => {
                self.mark(failed.payment_id, ChargeStage::Failed, Some(failed.reason));
                self.retry_at = failed.retry_at.or(self.retry_at);
            }
            E::CapReached(_) | E::Closed(_) => {}
        }
        self
    }

    fn save(&mut self, event: &Recorded, saved: MethodSaved) {
        let MethodSaved { method_id, provider, channel, card, .. } = saved;
        let (card, saved_at) = (card.and_then(Personal::into_known), event.occurred_at);
        self.method = Some(MethodPart { method_id, provider, channel, card, saved_at });
        self.removed.retain(|removed| *removed != method_id);
        self.retry_at = None;
    }

    fn request(&mut self, event: &Recorded, requested: RechargeRequested) {
        let RechargeRequested { payment_id, channel, product, price, month, .. } = requested;
        self.charges.retain(|it| it.month == month || it.stage.is_open());
        let (stage, failure) = (ChargeStage::Requested, None);
        let requested_at = event.occurred_at;
        self.charges.push(ChargePart {
            payment_id,
            channel,
            product,
            price,
            month,
            stage,
            failure,
            requested_at,
        });
    }

    fn mark(&mut self, payment_id: Uuid, stage: ChargeStage, failure: Option<String>) {
        if let Some(charge) = self.charges.iter_mut().find(|it| it.payment_id == payment_id) {
            (charge.stage, charge.failure) = (stage, failure);
        }
    }
}

fn made(event: &Recorded, fact: &BillingEvent) -> BillingRow {
    BillingRow {
        id: event.stream_id,
        tenant: event.tenant.clone(),
        account_id: fact.account_id(),
        method: None,
        removed: Vec::new(),
        agreement: None,
        disabled: None,
        charges: Vec::new(),
        retry_at: None,
        position: event.position,
        version: event.version,
    }
}

fn maybe<T: Serialize>(value: Option<&T>) -> Result<Option<serde_json::Value>, ApplyError> {
    value.map(json_of).transpose()
}

async fn write(db: &mut PgConnection, rows: &[BillingRow]) -> Result<(), ApplyError> {
    let methods: Result<Vec<_>, _> = rows.iter().map(|row| maybe(row.method.as_ref())).collect();
    let removed: Result<Vec<_>, _> = rows.iter().map(|row| json_of(&row.removed)).collect();
    let agreed: Result<Vec<_>, _> = rows.iter().map(|row| maybe(row.agreement.as_ref())).collect();
    let charges: Result<Vec<_>, _> = rows.iter().map(|row| json_of(&row.charges)).collect();
    let reason = |row: &BillingRow| row.disabled.as_ref().map(name_of).transpose();
    let disabled: Result<Vec<_>, _> = rows.iter().map(reason).collect();
    sqlx::query(
        "insert into billing_directory as row (id, tenant, account_id, method, removed, \
             agreement, disabled, charges, charging_channel, retry_at, position, version) \
         select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::jsonb[], $5::jsonb[], \
             $6::jsonb[], $7::text[], $8::jsonb[], $9::text[], $10::timestamptz[], \
             $11::bigint[], $12::bigint[]) \
         on conflict (id) do update set method = excluded.method, removed = excluded.removed, \
             agreement = excluded.agreement, disabled = excluded.disabled, \
             charges = excluded.charges, charging_channel = excluded.charging_channel, \
             retry_at = excluded.retry_at, position = excluded.position, \
             version = excluded.version \
         where row.version < excluded.version",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.account_id))
    .bind(methods?)
    .bind(removed?)
    .bind(agreed?)
    .bind(disabled?)
    .bind(charges?)
    .bind(column(rows, |row| row.under_way().map(|charge| charge.channel.as_str())))
    .bind(column(rows, |row| row.retry_at))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.version))
    .execute(db)
    .await?;
    Ok(())
}

/// What is shown of the cards of people who were erased goes with them.
async fn forget_cards(db: &mut PgConnection, accounts: &[Uuid]) -> Result<(), ApplyError> {
    if accounts.is_empty() {
        return Ok(());
    }
    sqlx::query("update billing_directory set method = method - 'card' where account_id = any($1)")
        .bind(accounts)
        .execute(db)
        .await?;
    Ok(())
}
