//! A provider's file of the largest size, held against as many payments: from its bytes to the match.

use std::{fmt::Write, time::Instant};

use anyhow::{Context, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use kontor_commands::clock;
use kontor_domain::{
    Money,
    credit_ledger::PaymentProvider,
    payment::{Begun, PaymentEvent, ProductSold, Succeeded},
    product::Gives,
    provider_statement::{ProviderStatementCommand, StatementSource},
};
use kontor_projections::reconciliation::Reconciliations;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    appends::{Stream, append, new_event},
    in_process::Kontor,
    rebuild::follow,
    report::Reconciled,
};

/// How many payments are written at the same time.
const WRITERS: usize = 32;
/// What each payment is about, and what the provider keeps of it, in cents.
const PRICE_MINOR: i64 = 500;
const FEE: &str = "0.45";
const REST: &str = "4.55";

/// Writes the payments, which the read model sees before the file comes, and measures the rest.
pub(crate) async fn reconcile(kontor: &Kontor, lines: usize) -> anyhow::Result<Reconciled> {
    let paid_at = clock::now() - TimeDelta::hours(1);
    preload(kontor, lines, paid_at).await?;
    follow(kontor, Reconciliations).await?;
    let bytes = file(lines, paid_at)?;
    let began = Instant::now();
    let read =
        kontor_statements::read(StatementSource::Stripe, "bench.csv", &bytes, chrono_tz::UTC)?;
    let commands = read.commands(&kontor.workload.tenant);
    let read_ms = milliseconds_since(began)?;
    let began = Instant::now();
    for (id, record) in commands {
        let command = serde_json::to_value(ProviderStatementCommand::Record(record))?;
        let envelope = kontor.workload.envelope("provider_statement", id, command);
        kontor.route(envelope).await.context("lines of the file were not recorded")?;
    }
    let recorded_ms = milliseconds_since(began)?;
    let began = Instant::now();
    follow(kontor, Reconciliations).await?;
    let matched_ms = milliseconds_since(began)?;
    let matched: i64 = sqlx::query_scalar(
        "select count(*) from recon_items where side = 2 and partner is not null and fault is null",
    )
    .fetch_one(&kontor.pool)
    .await?;
    ensure!(usize::try_from(matched)? == lines, "{matched} of {lines} lines have their payment");
    Ok(Reconciled { lines: u64::try_from(lines)?, read_ms, recorded_ms, matched_ms })
}

fn milliseconds_since(began: Instant) -> anyhow::Result<u64> {
    Ok(u64::try_from(began.elapsed().as_millis())?)
}

/// The provider's id of a charge.
fn charge(number: usize) -> String {
    format!("ch_{number:08}")
}

/// Payments that were begun and paid.
async fn preload(kontor: &Kontor, count: usize, paid_at: DateTime<Utc>) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let kontor = kontor.clone();
        tasks.spawn(async move {
            for number in (writer..count).step_by(WRITERS) {
                let id = Uuid::now_v7();
                let stream = Stream { stream_type: "payment", id, subject: None, version: 0 };
                let events = paid(number, paid_at)?.each_ref().map(new_event);
                let events = events.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
                append(&kontor.log, &kontor.workload, stream, events).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(written) = tasks.join_next().await {
        written.context("a writer panicked")?.context("a payment was not written")?;
    }
    Ok(())
}

fn paid(number: usize, paid_at: DateTime<Utc>) -> anyhow::Result<[PaymentEvent; 2]> {
    let (account_id, product_id) = (Uuid::now_v7(), Uuid::nil());
    let product = ProductSold { product_id, version: 1, gives: Gives::Credits(25) };
    let (price, provider) = (Money::new(PRICE_MINOR, "USD".parse()?), PaymentProvider::Stripe);
    let begun = Begun {
        account_id,
        product,
        price,
        provider,
        channel: "stripe/bench".to_owned(),
        expires_at: paid_at + TimeDelta::days(1),
    };
    let provider_ref = charge(number);
    let succeeded = Succeeded { provider_ref, account_id, product, price, provider };
    Ok([PaymentEvent::Begun(begun), PaymentEvent::Succeeded(succeeded)])
}

/// The provider's export, newest line first, as they come.
fn file(lines: usize, paid_at: DateTime<Utc>) -> anyhow::Result<Vec<u8>> {
    let mut text = String::from(
        "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id\n",
    );
    let at = paid_at.format("%Y-%m-%d %H:%M:%S");
    for number in (0..lines).rev() {
        let charge = charge(number);
        writeln!(text, "txn_{number:08},{at},usd,5.00,{FEE},{REST},charge,{charge}")?;
    }
    Ok(text.into_bytes())
}
