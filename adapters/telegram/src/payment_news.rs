//! Writes to customers what became of their payments: the goods are there, or the money went back.
//!
//! A follower of the log, as the warnings about credits: the message stands in the outbox in the
//! transaction that moves its checkpoint, under the event's id, so that it is written once.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kontor_commands::clock;
use kontor_domain::{
    Money, Recorded,
    account::Origin,
    credit_ledger::{self, CreditLedgerEvent, PaymentProvider, credit_ledger_id},
    payment::{Part, PaymentEvent, Refunded},
};
use kontor_postgres::checkouts::{self, CheckoutState};
use kontor_projections::{
    ApplyError, Projection,
    accounts::{self, AccountRow},
    credits,
    payments::{self, PaymentRow},
    tenants::{self, TenantRow},
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    bar::bar,
    conversation::credit_words,
    format, outbox,
    outgoing::{Outgoing, button, link},
    press::Press,
    texts::{Voice, say},
    views::{self, unread},
};

/// How late news may come: after that the customer has long seen for themselves.
const LATE_MAX: chrono::Duration = chrono::Duration::hours(36);

/// The follower that writes the news.
pub struct PaymentNews {
    pool: PgPool,
    now: fn() -> DateTime<Utc>,
    backlog_max: i64,
}

/// What there is to say.
enum News {
    /// Credits that were paid for are there.
    Credits { payment_id: Uuid, credits: i64 },
    /// A pass that was paid for is there.
    Pass { payment_id: Uuid, ends_at: DateTime<Utc> },
    /// The purchase was paid back.
    PaidBack { payment_id: Uuid, amount: Money },
    /// A part of the price was paid back.
    PartBack { payment_id: Uuid, amount: Money },
    /// A charge that was one too many was paid back.
    SurplusBack { payment_id: Uuid, amount: Money },
    /// A charge of another amount than was agreed on was paid back.
    OtherBack { payment_id: Uuid, amount: Money },
    /// The provider refused the payment.
    Refused { payment_id: Uuid, reason: String },
    /// Nobody paid in time.
    Expired { payment_id: Uuid },
    /// The bank takes its time.
    Waiting { payment_id: Uuid },
}

impl PaymentNews {
    /// Over a pool for the read models. `backlog_max`: the most messages that may wait for a chat.
    pub fn new(pool: PgPool, backlog_max: i64) -> Self {
        Self { pool, now: clock::now, backlog_max }
    }

    async fn write(&self, db: &mut PgConnection, event: &Recorded) -> Result<(), ApplyError> {
        let Some(news) = News::of(event)? else { return Ok(()) };
        if (self.now)() > event.occurred_at + LATE_MAX {
            return Ok(());
        }
        let payment = payments::find(&self.pool, &event.tenant, news.payment_id()).await;
        // Sold outside of the chat: by the staff, who says it themselves.
        let Some(payment) = payment.map_err(unread)? else { return Ok(()) };
        let news = news.beside(&payment);
        if !news.concerns(payment.provider) {
            return Ok(());
        }
        let is_recharge = self.is_recharge(news.payment_id()).await?;
        if is_recharge && news.is_of_paying() {
            return Ok(());
        }
        let Some((tenant, account)) = self.customer(event, payment.account_id).await? else {
            return Ok(());
        };
        let Origin::Telegram { bot, user_id, .. } = &account.origin else { return Ok(()) };
        if account.bots_blocked.contains(bot) {
            return Ok(());
        }
        let charged = is_recharge.then_some(payment.price);
        let news = (&news, charged);
        let message = match self.message(event, news, (&tenant, &account)).await? {
            Some(message) => message,
            None => self.try_again(news.0, (&payment, &account)).await?,
        };
        let key = format!("e{}", event.event_id);
        outbox::enqueue(db, (bot, *user_id), &key, &message, self.backlog_max).await?;
        Ok(())
    }

    /// Whether the payment began without its customer, as they agreed.
    async fn is_recharge(&self, payment_id: Uuid) -> Result<bool, ApplyError> {
        let row = checkouts::find(&self.pool, payment_id).await;
        let row = row.map_err(|err| unread(err.source.into()))?;
        Ok(row.is_some_and(|row| row.is_recharge()))
    }

    async fn customer(
        &self,
        event: &Recorded,
        account_id: Uuid,
    ) -> Result<Option<(TenantRow, AccountRow)>, ApplyError> {
        let (pool, slug) = (&self.pool, &event.tenant);
        let tenant = tenants::find(pool, slug).await.map_err(unread)?;
        let account = accounts::find(pool, slug, account_id).await.map_err(unread)?;
        Ok(tenant.zip(account))
    }

    async fn message(
        &self,
        event: &Recorded,
        (news, charged): (&News, Option<Money>),
        (tenant, account): (&TenantRow, &AccountRow),
    ) -> Result<Option<Outgoing>, ApplyError> {
        let voice = Voice::new(account.language);
        let text = match news {
            News::Credits { credits, .. } => {
                let (pool, slug) = (&self.pool, &event.tenant);
                let ledger_id = credit_ledger_id(account.id);
                let row = credits::find(pool, slug, ledger_id).await.map_err(unread)?;
                let available = row.map_or(*credits, |row| row.available);
                let bar = bar(available, Some(*credits), tenant.credit_rules.low_credits);
                let (bought, balance) =
                    (credit_words(voice, *credits), credit_words(voice, available));
                match charged.map(|price| money(voice, price)) {
                    Some(price) => say!(
                        voice,
                        "recharged-credits",
                        price = price,
                        credits = bought,
                        balance = balance,
                        bar = bar
                    ),
                    None => {
                        say!(voice, "paid-credits", credits = bought, balance = balance, bar = bar)
                    }
                }
            }
            News::Pass { ends_at, .. } => {
                let day = |at: DateTime<Utc>| at.with_timezone(&tenant.time_zone).date_naive();
                let (ends, today) = (day(*ends_at), day((self.now)()));
                say!(voice, "paid-pass", ends = format::day(&voice, ends, today))
            }
            News::PaidBack { amount, .. } => {
                say!(voice, "paid-back", amount = money(voice, *amount))
            }
            News::PartBack { amount, .. } => {
                say!(voice, "paid-part-back", amount = money(voice, *amount))
            }
            News::SurplusBack { amount, .. } => {
                say!(voice, "paid-twice-back", amount = money(voice, *amount))
            }
            News::OtherBack { amount, .. } => {
                say!(voice, "paid-other-back", amount = money(voice, *amount))
            }
            News::Waiting { .. } => say!(voice, "card-waiting"),
            News::Refused { .. } | News::Expired { .. } => return Ok(None),
        };
        let balance = button(say!(voice, "balance-button"), Press::Balance.to_string());
        Ok(Some(Outgoing::text(text).buttons(vec![vec![balance]])))
    }

    /// What came to nothing, with a way to try again: the page while it is open, a new one else.
    async fn try_again(
        &self,
        news: &News,
        (payment, account): (&PaymentRow, &AccountRow),
    ) -> Result<Outgoing, ApplyError> {
        let voice = Voice::new(account.language);
        let page = checkouts::find(&self.pool, payment.id)
            .await
            .map_err(|err| unread(err.source.into()))?
            .filter(|page| page.state == CheckoutState::Open)
            .filter(|page| page.asked.expires_at > (self.now)());
        let (text, page) = match news {
            News::Refused { reason, .. } => {
                let why = decline_words(voice, reason);
                (say!(voice, "card-declined", why = why), page)
            }
            News::Credits { .. }
            | News::Pass { .. }
            | News::PaidBack { .. }
            | News::PartBack { .. }
            | News::SurplusBack { .. }
            | News::OtherBack { .. }
            | News::Expired { .. }
            | News::Waiting { .. } => (say!(voice, "card-expired"), None),
        };
        let again = say!(voice, "card-again");
        let product_id = payment.product.product_id;
        let button = page
            .and_then(|page| link(again.clone(), page.url.as_deref()?))
            .unwrap_or_else(|| button(again, Press::Product { product_id }.to_string()));
        Ok(Outgoing::text(text).buttons(vec![vec![button]]))
    }
}

fn money(voice: Voice, amount: Money) -> String {
    format::money(voice.language(), amount)
}

/// Why a card was refused, as far as the customer can do something about it.
pub(crate) fn decline_words(voice: Voice, reason: &str) -> String {
    match reason {
        "insufficient_funds" => say!(voice, "card-declined-funds"),
        "expired_card" | "card_expired" => say!(voice, "card-declined-old"),
        "authentication_required"
        | "payment_intent_authentication_failure"
        | "3d_secure_failed" => {
            say!(voice, "card-declined-code")
        }
        _ => say!(voice, "card-declined-bank"),
    }
}

impl News {
    fn of(event: &Recorded) -> Result<Option<Self>, ApplyError> {
        if event.stream_type == "payment" {
            let payment_id = event.stream_id;
            return Ok(match event.body()? {
                PaymentEvent::Refunded(Refunded { amount, surplus, part, .. }) => {
                    Some(match (surplus, part) {
                        (true, _) => Self::SurplusBack { payment_id, amount },
                        (false, Some(Part { is_last: false, .. })) => {
                            Self::PartBack { payment_id, amount }
                        }
                        (false, Some(_) | None) => Self::PaidBack { payment_id, amount },
                    })
                }
                PaymentEvent::Failed(failed) => {
                    Some(Self::Refused { payment_id, reason: failed.reason })
                }
                PaymentEvent::Expired(_) => Some(Self::Expired { payment_id }),
                PaymentEvent::OutcomeUnknown(_) => Some(Self::Waiting { payment_id }),
                // Not asked for.
                PaymentEvent::Begun(_)
                | PaymentEvent::Pending(_)
                | PaymentEvent::Succeeded(_)
                | PaymentEvent::SurplusPaid(_)
                | PaymentEvent::RefundRequested(_)
                | PaymentEvent::RefundFailed(_)
                | PaymentEvent::DisputeOpened(_)
                | PaymentEvent::DisputeClosed(_)
                | PaymentEvent::Contradicted(_)
                | PaymentEvent::ReceiptRequested(_)
                | PaymentEvent::ReceiptFailed(_)
                | PaymentEvent::ReceiptRegistered(_) => None,
            });
        }
        let in_chat = |payment: Option<credit_ledger::Payment>| {
            payment.filter(|payment| payment.provider != PaymentProvider::Manual)
        };
        Ok(match event.body::<CreditLedgerEvent>()? {
            CreditLedgerEvent::Granted(granted) => in_chat(granted.payment).map(|payment| {
                Self::Credits { payment_id: payment.payment_id, credits: granted.credits }
            }),
            CreditLedgerEvent::PassGranted(granted) => in_chat(granted.payment).map(|payment| {
                Self::Pass { payment_id: payment.payment_id, ends_at: granted.ends_at }
            }),
            // Not asked for.
            CreditLedgerEvent::Opened(_)
            | CreditLedgerEvent::Spent(_)
            | CreditLedgerEvent::Held(_)
            | CreditLedgerEvent::HoldCaptured(_)
            | CreditLedgerEvent::HoldReleased(_)
            | CreditLedgerEvent::SpendReversed(_)
            | CreditLedgerEvent::GrantExpired(_)
            | CreditLedgerEvent::GrantRefunded(_)
            | CreditLedgerEvent::PartRefunded(_)
            | CreditLedgerEvent::RefundReturned(_)
            | CreditLedgerEvent::GrantRevoked(_)
            | CreditLedgerEvent::DisputeOpened(_)
            | CreditLedgerEvent::DisputeClosed(_)
            | CreditLedgerEvent::DebtCovered(_)
            | CreditLedgerEvent::DebtWrittenOff(_)
            | CreditLedgerEvent::Adjusted(_)
            | CreditLedgerEvent::PassRecognised(_)
            | CreditLedgerEvent::PassRefunded(_)
            | CreditLedgerEvent::Low(_)
            | CreditLedgerEvent::ResetBegun(_) => None,
        })
    }

    /// What it is, seen beside its payment.
    fn beside(self, payment: &PaymentRow) -> Self {
        if let Self::SurplusBack { payment_id, amount } = self
            && amount != payment.price
        {
            return Self::OtherBack { payment_id, amount };
        }
        self
    }

    fn payment_id(&self) -> Uuid {
        match self {
            Self::Credits { payment_id, .. }
            | Self::Pass { payment_id, .. }
            | Self::PaidBack { payment_id, .. }
            | Self::PartBack { payment_id, .. }
            | Self::SurplusBack { payment_id, .. }
            | Self::OtherBack { payment_id, .. }
            | Self::Refused { payment_id, .. }
            | Self::Expired { payment_id }
            | Self::Waiting { payment_id } => *payment_id,
        }
    }

    /// Whether it is about an attempt to pay, which a customer who is not there does not make.
    fn is_of_paying(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Expired { .. } | Self::Waiting { .. } => true,
            Self::Credits { .. }
            | Self::Pass { .. }
            | Self::PaidBack { .. }
            | Self::PartBack { .. }
            | Self::SurplusBack { .. }
            | Self::OtherBack { .. } => false,
        }
    }

    /// Whether the chat is where it is said. An invoice for Stars that nobody paid says so itself.
    fn concerns(&self, provider: PaymentProvider) -> bool {
        match (self, provider) {
            (_, PaymentProvider::Manual) => false,
            (
                Self::Refused { .. } | Self::Expired { .. } | Self::Waiting { .. },
                PaymentProvider::TelegramStars,
            ) => false,
            (
                Self::Credits { .. }
                | Self::Pass { .. }
                | Self::PaidBack { .. }
                | Self::PartBack { .. }
                | Self::SurplusBack { .. }
                | Self::OtherBack { .. },
                PaymentProvider::TelegramStars,
            )
            | (_, PaymentProvider::Stripe | PaymentProvider::Yookassa) => true,
        }
    }
}

#[async_trait]
impl Projection for PaymentNews {
    fn name(&self) -> &'static str {
        "telegram_payments"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "credit_ledger.granted",
            "credit_ledger.pass_granted",
            "payment.refunded",
            "payment.failed",
            "payment.expired",
            "payment.outcome_unknown",
        ]
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let Some(last) = events.last() else { return Ok(()) };
        let needed = ["tenants", "accounts", "credits", "payments"];
        views::reach(&self.pool, &needed, last.position).await?;
        for event in events {
            self.write(db, event).await?;
        }
        Ok(())
    }
}
