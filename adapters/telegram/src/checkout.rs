//! Answers the question before a payment: whether it may be paid now.
//!
//! Telegram gives ten seconds, and takes no money without an answer. So nothing is asked behind the
//! chat's queue: whoever stores the update answers it at once, in any process. The decision is the
//! payment's own; when its outcome is not known in time the answer is no, because a charge is the one
//! thing that cannot be taken back by trying again.

use std::{sync::Arc, time::Duration};

use kontor_commands::{Outcome, Sent};
use kontor_domain::{
    Currency, Language, Money,
    payment::{CheckOut, PaymentCommand, PaymentRefusal},
};
use kontor_projections::tenants;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{
    api::BotApi,
    input::{self, Person},
    texts::{Voice, say},
    turn::Ports,
    worker::spoken,
};

/// The most questions that are under way at one time; a payment beyond them is tried again by its
/// payer.
const AT_ONCE: usize = 64;

/// How long the decision may take, so that the answer still comes in time.
const DECISION_WAIT: Duration = Duration::from_secs(5);

/// How long one attempt at the answer may take; there is time for two.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// Answers questions before payments.
pub(crate) struct Checkouts {
    ports: Arc<Ports>,
    api: BotApi,
    permits: Arc<Semaphore>,
}

/// What Telegram asks.
struct Question {
    id: String,
    person: Person,
    payment_id: Option<Uuid>,
    amount: Option<Money>,
}

impl Checkouts {
    pub(crate) fn new(ports: Arc<Ports>, api: BotApi) -> Self {
        Self { ports, api, permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Answers the update beside everything else, when it is such a question.
    pub(crate) fn answer(self: &Arc<Self>, update: &Value) {
        let Some(question) = Question::read(update) else { return };
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            tracing::warn!(bot = self.ports.bot, "Too many payments begin at once");
            return;
        };
        let this = Arc::clone(self);
        tokio::spawn(async move { this.carry_out(question, permit).await });
    }

    async fn carry_out(&self, question: Question, permit: OwnedSemaphorePermit) {
        let refusal = self.refusal(&question).await;
        let mut parameters = Map::new();
        parameters.insert("pre_checkout_query_id".to_owned(), json!(question.id));
        parameters.insert("ok".to_owned(), json!(refusal.is_none()));
        if let Some(words) = refusal {
            parameters.insert("error_message".to_owned(), json!(words));
        }
        for _ in 0..2 {
            match self.api.call("answerPreCheckoutQuery", &parameters, ANSWER_WAIT).await {
                Ok(_) => break,
                Err(err) => {
                    tracing::warn!(bot = self.ports.bot, "A payment was not answered: {err}");
                }
            }
        }
        drop(permit);
    }

    /// Why it may not be paid; none when it may.
    async fn refusal(&self, question: &Question) -> Option<String> {
        let found = self.ports.account_of(question.person.id).await.ok();
        let language = match found.as_ref().and_then(|(_, account)| account.as_ref()) {
            Some(account) => account.language,
            None => spoken(&question.person, self.language_of_tenant().await),
        };
        let voice = Voice::new(language);
        let (Some(payment_id), Some(amount)) = (question.payment_id, question.amount) else {
            return Some(say!(voice, "checkout-unknown"));
        };
        let Some((payer, _)) = found else { return Some(say!(voice, "checkout-later")) };
        let command = PaymentCommand::CheckOut(CheckOut { amount, payer });
        let cause = format!("checkout:{}", question.id);
        let sent = self.ports.record(&cause, payment_id, &command, DECISION_WAIT).await;
        match sent {
            Ok(Sent::Done { outcome: Outcome::Accepted(_), .. }) => None,
            Ok(Sent::Done { outcome: Outcome::Refused { refusal }, .. }) => {
                Some(words(voice, refusal.to_refusal().ok().as_ref()))
            }
            Ok(Sent::Unknown) | Err(_) => Some(say!(voice, "checkout-later")),
        }
    }

    async fn language_of_tenant(&self) -> Language {
        let tenant = tenants::find(&self.ports.pool, &self.ports.tenant).await;
        tenant.ok().flatten().map_or_else(Language::default, |tenant| tenant.language)
    }
}

fn words(voice: Voice, refusal: Option<&PaymentRefusal>) -> String {
    match refusal {
        Some(PaymentRefusal::AlreadyPaid) => say!(voice, "checkout-paid"),
        Some(PaymentRefusal::OfferExpired { .. } | PaymentRefusal::PriceDiffers { .. }) => {
            say!(voice, "checkout-expired")
        }
        Some(PaymentRefusal::OtherPayer) => say!(voice, "checkout-other"),
        Some(
            PaymentRefusal::TenantUnknown
            | PaymentRefusal::CreditsOff
            | PaymentRefusal::PaymentUnknown
            | PaymentRefusal::NotAllowed
            | PaymentRefusal::IdReused { .. }
            | PaymentRefusal::OutOfRange { .. }
            | PaymentRefusal::InstantOutOfRange { .. }
            | PaymentRefusal::Malformed { .. }
            | PaymentRefusal::NotPaid
            | PaymentRefusal::PartImpossible
            | PaymentRefusal::AmountAndCredits
            | PaymentRefusal::NoCredits
            | PaymentRefusal::OtherRefund { .. }
            | PaymentRefusal::AlreadyRefunded { .. }
            | PaymentRefusal::RefundUnderWay { .. }
            | PaymentRefusal::RefundOver { .. }
            | PaymentRefusal::Disputed
            | PaymentRefusal::TooMany { .. },
        )
        | None => say!(voice, "checkout-unknown"),
    }
}

impl Question {
    fn read(update: &Value) -> Option<Self> {
        let query = update.get("pre_checkout_query")?;
        Some(Self {
            id: query.get("id").and_then(Value::as_str)?.to_owned(),
            person: input::raw_person(query.get("from")?)?,
            payment_id: query.get("invoice_payload").and_then(Value::as_str).and_then(payment_id),
            amount: amount(query),
        })
    }
}

/// The payment that an invoice was written for.
pub(crate) fn payment_id(payload: &str) -> Option<Uuid> {
    payload.parse().ok()
}

/// What is charged, as a query or a payment says it.
pub(crate) fn amount(said: &Value) -> Option<Money> {
    let currency: Currency = said.get("currency").and_then(Value::as_str)?.parse().ok()?;
    Some(Money::new(said.get("total_amount").and_then(Value::as_i64)?, currency))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Question;

    #[test]
    fn a_question_is_read_and_nonsense_in_it_is_no_payment() {
        let update = |payload: &str, currency: &str| {
            json!({"update_id": 1, "pre_checkout_query": {"id": "7", "currency": currency,
                "from": {"id": 1001, "is_bot": false, "first_name": "Анна"},
                "total_amount": 250, "invoice_payload": payload}})
        };
        let id = "00000000-0000-0000-0000-0000000000f1";
        let question = Question::read(&update(id, "XTR")).unwrap();
        assert_eq!(question.payment_id.unwrap().to_string(), id);
        assert_eq!(question.amount.unwrap().to_string(), "250 XTR");
        let wrong = Question::read(&update("платёж", "???")).unwrap();
        assert_eq!((wrong.payment_id, wrong.amount), (None, None));
        assert!(Question::read(&json!({"update_id": 1, "message": {}})).is_none());
    }
}
