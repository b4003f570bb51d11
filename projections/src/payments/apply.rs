//! Events in, rows out.

use async_trait::async_trait;
use kontor_domain::{
    Recorded,
    payment::{Begun, PaymentEvent, ReceiptOf, ReceiptStanding, RefundStanding, Standing},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{DisputePart, PaymentRow, Payments, ReceiptPart, RefundPart, select_payments};
use crate::{
    ApplyError, Projection,
    columns::{column, json_of, name_of},
    streams::{StreamRow, continued, fold},
};

#[async_trait]
impl Projection for Payments {
    fn name(&self) -> &'static str {
        "payments"
    }

    fn version(&self) -> i32 {
        3
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "payment.begun",
            "payment.pending",
            "payment.succeeded",
            "payment.failed",
            "payment.expired",
            "payment.outcome_unknown",
            "payment.surplus_paid",
            "payment.refund_requested",
            "payment.refunded",
            "payment.refund_failed",
            "payment.dispute_opened",
            "payment.dispute_closed",
            "payment.contradicted",
            "payment.receipt_requested",
            "payment.receipt_failed",
            "payment.receipt_registered",
        ]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["payment_directory"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let streams = continued(events);
        let loaded = if streams.is_empty() {
            Vec::new()
        } else {
            let rows = sqlx::query_as(select_payments!("where id = any($1)")).bind(streams);
            rows.fetch_all(&mut *db).await?
        };
        write(db, &fold(loaded, events)?).await
    }
}

impl StreamRow for PaymentRow {
    type Fact = PaymentEvent;

    fn stream_id(&self) -> Uuid {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn after(row: Option<Self>, event: &Recorded, fact: PaymentEvent) -> Option<Self> {
        let mut row = if let PaymentEvent::Begun(begun) = fact {
            made(event, begun)
        } else {
            row?.with(event, fact)
        };
        row.position = event.position;
        row.version = event.version;
        Some(row)
    }
}

impl PaymentRow {
    fn with(mut self, event: &Recorded, fact: PaymentEvent) -> Self {
        use PaymentEvent as E;
        match fact {
            E::Begun(_) | E::SurplusPaid(_) => {}
            E::Pending(_) => self.standing = Standing::Pending,
            E::Expired(_) => self.standing = Standing::Expired,
            E::OutcomeUnknown(_) => self.standing = Standing::Unknown,
            E::Failed(failed) => {
                self.standing = Standing::Failed;
                self.failure = Some(failed.reason);
            }
            E::Succeeded(succeeded) => {
                self.standing = Standing::Succeeded;
                self.provider_ref = Some(succeeded.provider_ref);
                self.paid_at = Some(event.occurred_at);
                self.failure = None;
            }
            E::RefundRequested(asked) => self.refund(RefundPart {
                refund_id: asked.refund_id,
                provider_ref: asked.provider_ref,
                amount: asked.amount,
                standing: RefundStanding::Requested,
                surplus: asked.surplus,
                part: asked.part,
                failure: None,
            }),
            E::Refunded(refunded) => self.refund(RefundPart {
                refund_id: refunded.refund_id,
                provider_ref: refunded.provider_ref,
                amount: refunded.amount,
                standing: RefundStanding::Refunded,
                surplus: refunded.surplus,
                part: refunded.part,
                failure: None,
            }),
            E::RefundFailed(failed) => self.refund(RefundPart {
                refund_id: failed.refund_id,
                provider_ref: failed.provider_ref,
                amount: failed.amount,
                standing: RefundStanding::Failed,
                surplus: failed.surplus,
                part: None,
                failure: Some(failed.reason),
            }),
            E::DisputeOpened(opened) => self.disputes.push(DisputePart {
                dispute_id: opened.dispute_id,
                dispute_ref: opened.dispute_ref,
                amount: opened.amount,
                outcome: None,
            }),
            E::DisputeClosed(closed) => {
                let mut disputes = self.disputes.iter_mut();
                if let Some(one) = disputes.find(|one| one.dispute_id == closed.dispute_id) {
                    one.outcome = Some(closed.outcome);
                }
            }
            E::Contradicted(_) => self.contradictions = self.contradictions.saturating_add(1),
            E::ReceiptRequested(one) => {
                self.receipt(one.of, one.provider_ref, ReceiptStanding::Requested);
            }
            E::ReceiptFailed(one) => {
                self.receipt(one.of, one.provider_ref, ReceiptStanding::Failed);
            }
            E::ReceiptRegistered(one) => {
                self.receipt(one.of, one.provider_ref, ReceiptStanding::Registered);
            }
        }
        self
    }

    fn receipt(&mut self, of: ReceiptOf, provider_ref: String, standing: ReceiptStanding) {
        let mut receipts = self.receipts.iter_mut();
        match receipts.find(|known| known.of == of && known.provider_ref == provider_ref) {
            Some(known) => known.standing = standing,
            None => self.receipts.push(ReceiptPart { of, provider_ref, standing }),
        }
    }

    fn refund(&mut self, part: RefundPart) {
        match self.refunds.iter_mut().find(|known| known.refund_id == part.refund_id) {
            // A failure does not repeat what part it was.
            Some(known) => *known = RefundPart { part: part.part.or(known.part), ..part },
            None => self.refunds.push(part),
        }
    }
}

fn made(event: &Recorded, begun: Begun) -> PaymentRow {
    let Begun { account_id, product, price, provider, channel, expires_at } = begun;
    PaymentRow {
        id: event.stream_id,
        tenant: event.tenant.clone(),
        account_id,
        product,
        price,
        provider,
        channel,
        standing: Standing::Intent,
        provider_ref: None,
        failure: None,
        expires_at,
        begun_at: event.occurred_at,
        paid_at: None,
        refunds: Vec::new(),
        disputes: Vec::new(),
        contradictions: 0,
        receipts: Vec::new(),
        created_position: event.position,
        position: event.position,
        version: event.version,
    }
}

async fn write(db: &mut PgConnection, rows: &[PaymentRow]) -> Result<(), ApplyError> {
    let products: Result<Vec<_>, _> = rows.iter().map(|row| json_of(&row.product)).collect();
    let providers: Result<Vec<_>, _> = rows.iter().map(|row| name_of(&row.provider)).collect();
    let standings: Result<Vec<_>, _> = rows.iter().map(|row| name_of(&row.standing)).collect();
    let refunds: Result<Vec<_>, _> = rows.iter().map(|row| json_of(&row.refunds)).collect();
    let disputes: Result<Vec<_>, _> = rows.iter().map(|row| json_of(&row.disputes)).collect();
    let receipts: Result<Vec<_>, _> = rows.iter().map(|row| json_of(&row.receipts)).collect();
    sqlx::query(
        "insert into payment_directory as row (id, tenant, account_id, product, price_minor, \
             currency, provider, channel, standing, provider_ref, failure, expires_at, begun_at, \
             paid_at, refunds, disputes, contradictions, refund_open, created_position, position, \
             version, receipts) \
         select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::jsonb[], $5::bigint[], \
             $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], \
             $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::jsonb[], \
             $16::jsonb[], $17::bigint[], $18::boolean[], $19::bigint[], $20::bigint[], \
             $21::bigint[], $22::jsonb[]) \
         on conflict (id) do update set standing = excluded.standing, \
             provider_ref = excluded.provider_ref, failure = excluded.failure, \
             paid_at = excluded.paid_at, refunds = excluded.refunds, \
             disputes = excluded.disputes, contradictions = excluded.contradictions, \
             refund_open = excluded.refund_open, position = excluded.position, \
             version = excluded.version, receipts = excluded.receipts \
         where row.version < excluded.version",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.account_id))
    .bind(products?)
    .bind(column(rows, |row| row.price.amount_minor))
    .bind(column(rows, |row| row.price.currency.code()))
    .bind(providers?)
    .bind(column(rows, |row| row.channel.as_str()))
    .bind(standings?)
    .bind(column(rows, |row| row.provider_ref.as_deref()))
    .bind(column(rows, |row| row.failure.as_deref()))
    .bind(column(rows, |row| row.expires_at))
    .bind(column(rows, |row| row.begun_at))
    .bind(column(rows, |row| row.paid_at))
    .bind(refunds?)
    .bind(disputes?)
    .bind(column(rows, |row| row.contradictions))
    .bind(column(rows, PaymentRow::refund_is_open))
    .bind(column(rows, |row| row.created_position))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.version))
    .bind(receipts?)
    .execute(db)
    .await?;
    Ok(())
}
