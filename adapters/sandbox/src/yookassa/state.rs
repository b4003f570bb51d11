//! What the stand-in keeps, and how payments and refunds go on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::YooKassaShop;
use super::notices::Notice;
use crate::faults::Faults;
use crate::limits;
use crate::world::now_ms;

/// The stand-in behind its routes.
#[derive(Debug, Default)]
pub(crate) struct YooKassa {
    pub(crate) shops: Vec<YooKassaShop>,
    pub(crate) kept: Kept,
    pub(crate) faults: Faults,
    pub(super) refunds: RefundMood,
}

/// What survives a restart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) payments: Vec<Payment>,
    pub(crate) refunds: Vec<Refund>,
    pub(super) notices: Vec<Notice>,
    /// By shop and idempotence key: what was asked, and which object it made.
    pub(super) asked: BTreeMap<String, Asked>,
    pub(super) last_notice: u64,
}

/// A request that made something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) body: Value,
    pub(super) object_id: String,
    pub(super) at_ms: i64,
}

/// How far a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Pending,
    WaitingForCapture,
    Succeeded,
    Canceled,
}

/// Why something was canceled, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cancellation {
    pub(super) party: String,
    pub(super) reason: String,
}

/// What the bank says after a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Later {
    Succeeds,
    Fails { reason: String },
}

/// A payment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) shop_id: String,
    pub(crate) status: Status,
    pub(crate) amount_minor: i64,
    pub(super) currency: String,
    pub(super) description: String,
    pub(super) metadata: Value,
    pub(super) return_url: String,
    pub(super) capture: bool,
    pub(super) created_ms: i64,
    pub(super) captured_ms: Option<i64>,
    pub(super) expires_ms: i64,
    pub(super) refunded_minor: i64,
    pub(super) cancellation: Option<Cancellation>,
    /// The person has given a card and is asked for the code of a text message.
    pub(super) asks_for_code: bool,
    pub(super) later: Option<(i64, Later)>,
    pub(super) receipt: Option<Receipt>,
}

/// A refund.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) payment_id: String,
    pub(super) shop_id: String,
    pub(super) status: Status,
    pub(super) amount_minor: i64,
    pub(super) currency: String,
    pub(super) metadata: Value,
    pub(super) created_ms: i64,
    pub(super) cancellation: Option<Cancellation>,
    pub(super) later: Option<(i64, Later)>,
    pub(super) receipt: Option<Receipt>,
}

/// A fiscal receipt: registered a moment after the money moved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Receipt {
    pub(super) asked: Value,
    pub(super) registration: Status,
    pub(super) due_ms: Option<i64>,
    pub(super) fails: bool,
}

impl Receipt {
    pub(super) fn new(asked: Value) -> Self {
        Self { asked, registration: Status::Pending, due_ms: None, fails: false }
    }

    fn money_moved(&mut self, now_ms: i64) {
        self.due_ms = Some(now_ms + limits::RECEIPT_AFTER_MS);
    }

    fn tidy(&mut self, now_ms: i64) -> bool {
        if self.registration != Status::Pending || self.due_ms.is_none_or(|due| due > now_ms) {
            return false;
        }
        self.registration = if self.fails { Status::Canceled } else { Status::Succeeded };
        true
    }
}

/// What becomes of refunds that are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundMood {
    #[default]
    AtOnce,
    /// They are pending for a moment, and succeed.
    Later,
    /// They are pending for a moment, and are canceled: nobody is notified.
    CanceledLater,
}

impl Payment {
    pub(super) fn succeed(&mut self, now_ms: i64) {
        self.later = None;
        self.asks_for_code = false;
        if !self.capture && self.status == Status::Pending {
            self.status = Status::WaitingForCapture;
            return;
        }
        self.status = Status::Succeeded;
        self.captured_ms = Some(now_ms);
        if let Some(receipt) = &mut self.receipt {
            receipt.money_moved(now_ms);
        }
    }

    pub(super) fn cancel(&mut self, party: &str, reason: &str) {
        self.later = None;
        self.asks_for_code = false;
        self.status = Status::Canceled;
        let (party, reason) = (party.to_owned(), reason.to_owned());
        self.cancellation = Some(Cancellation { party, reason });
    }

    /// What this becomes by the clock alone. Whether it changed, and whether its status did.
    fn tidy(&mut self, now_ms: i64) -> (bool, bool) {
        let before = self.status;
        let later = self.later.clone().filter(|(due, _)| *due <= now_ms);
        match later {
            Some((_, Later::Succeeds)) => self.succeed(now_ms),
            Some((_, Later::Fails { reason })) => self.cancel("payment_network", &reason),
            None if self.status == Status::Pending && self.expires_ms <= now_ms => {
                self.cancel("yoo_money", "expired_on_confirmation");
            }
            None => {}
        }
        let receipt = self.receipt.as_mut().is_some_and(|receipt| receipt.tidy(now_ms));
        (receipt || self.status != before, self.status != before)
    }
}

impl Refund {
    pub(super) fn succeed(&mut self, now_ms: i64) {
        self.later = None;
        self.status = Status::Succeeded;
        if let Some(receipt) = &mut self.receipt {
            receipt.money_moved(now_ms);
        }
    }

    fn tidy(&mut self, now_ms: i64) -> (bool, bool) {
        let before = self.status;
        let later = self.later.clone().filter(|(due, _)| *due <= now_ms);
        match later {
            Some((_, Later::Succeeds)) => self.succeed(now_ms),
            Some((_, Later::Fails { reason })) => {
                self.later = None;
                self.status = Status::Canceled;
                self.cancellation = Some(Cancellation { party: "yoo_money".to_owned(), reason });
            }
            None => {}
        }
        let receipt = self.receipt.as_mut().is_some_and(|receipt| receipt.tidy(now_ms));
        (receipt || self.status != before, self.status != before)
    }
}

impl YooKassa {
    pub(super) fn shop(&self, shop_id: &str) -> Option<&YooKassaShop> {
        self.shops.iter().find(|shop| shop.shop_id == shop_id)
    }

    pub(super) fn payment(&self, id: &str) -> Option<&Payment> {
        self.kept.payments.iter().find(|payment| payment.id == id)
    }

    /// Changes a payment, and notifies the shop when its status changed.
    pub(super) fn change(&mut self, id: &str, act: impl FnOnce(&mut Payment, i64)) -> bool {
        let found = self.kept.payments.iter_mut().find(|payment| payment.id == id);
        let Some(payment) = found else { return false };
        let before = payment.status;
        act(payment, now_ms());
        if payment.status != before {
            let payment = payment.clone();
            self.notify_of_payment(&payment);
        }
        true
    }

    /// Lets time pass: what is due happens. Whether anything did.
    pub(super) fn tidy(&mut self) -> bool {
        let now = now_ms();
        let (mut changed, mut moved, mut paid_back) = (false, Vec::new(), Vec::new());
        for payment in &mut self.kept.payments {
            let (any, status) = payment.tidy(now);
            changed |= any;
            if status {
                moved.push(payment.clone());
            }
        }
        for refund in &mut self.kept.refunds {
            let (any, status) = refund.tidy(now);
            changed |= any;
            if status {
                paid_back.push(refund.clone());
            }
        }
        for payment in &moved {
            self.notify_of_payment(payment);
        }
        for refund in &paid_back {
            self.settle(refund);
        }
        changed
    }

    /// What a refund does to its payment, and who hears of it. Nobody hears of a canceled one.
    pub(super) fn settle(&mut self, refund: &Refund) {
        let mut payments = self.kept.payments.iter_mut();
        let payment = payments.find(|payment| payment.id == refund.payment_id);
        match (refund.status, payment) {
            (Status::Succeeded, _) => self.notify_of_refund(refund),
            (Status::Canceled, Some(payment)) => payment.refunded_minor -= refund.amount_minor,
            (Status::Canceled | Status::Pending | Status::WaitingForCapture, _) => {}
        }
    }

    /// Keeps a new payment; the oldest ones make room.
    pub(super) fn keep(&mut self, payment: Payment) {
        self.kept.payments.push(payment);
        if self.kept.payments.len() > limits::PROVIDER_OBJECTS {
            self.kept.payments.remove(0);
        }
    }

    /// Keeps a new refund, and takes its amount off what can still go back.
    pub(super) fn keep_refund(&mut self, refund: Refund) {
        let mut payments = self.kept.payments.iter_mut();
        if let Some(payment) = payments.find(|payment| payment.id == refund.payment_id) {
            payment.refunded_minor += refund.amount_minor;
        }
        self.kept.refunds.push(refund.clone());
        if self.kept.refunds.len() > limits::PROVIDER_OBJECTS {
            self.kept.refunds.remove(0);
        }
        self.settle(&refund);
    }
}
