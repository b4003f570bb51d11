//! The followers that write messages to customers out of the log.

use std::sync::Arc;

use kontor_postgres::{Follower, FollowerSettings};
use kontor_projections::Projection;
use kontor_telegram::{
    BillingNews, CreditWarnings, PaymentNews, ReminderMessages, TelegramSettings,
};

use super::follower;
use crate::{compose::Parts, supervise::Role};

/// The names of their checkpoints: reminders of readings, warnings that few credits are left, news of
/// payments and of kept cards.
pub(crate) const MESSAGES: [&str; 4] = [REMINDERS, CREDIT_WARNINGS, PAYMENT_NEWS, BILLING_NEWS];

const REMINDERS: &str = "telegram_reminders";
const CREDIT_WARNINGS: &str = "telegram_credit_warnings";
const PAYMENT_NEWS: &str = "telegram_payments";
const BILLING_NEWS: &str = "telegram_billing";

/// One role for each of them.
pub(super) fn roles(parts: &Parts) -> [Role; 4] {
    [
        messages(parts, REMINDERS, ReminderMessages::new),
        messages(parts, CREDIT_WARNINGS, CreditWarnings::new),
        messages(parts, PAYMENT_NEWS, PaymentNews::new),
        messages(parts, BILLING_NEWS, BillingNews::new),
    ]
}

fn messages<P: Projection>(
    parts: &Parts,
    name: &'static str,
    make: fn(sqlx::PgPool, i64) -> P,
) -> Role {
    let (views, vault) = (parts.query.clone(), parts.vault.clone());
    let backlog_max = TelegramSettings::default().outbox_backlog_max;
    follower(parts, name, move |pool, settings| {
        let settings = FollowerSettings { vault: Some(vault.clone()), ..settings };
        Follower::projection(pool, Arc::new(make(views.clone(), backlog_max)), settings)
    })
}
