//! YooKassa's objects, as far as they matter here, and the facts in them.

use chrono::{DateTime, Utc};
use kontor_domain::{
    Money,
    payment::{
        PaymentCommand, ReceiptOf, ReceiptStanding, RecordFailure, RecordReceipt, RecordRefund,
        RecordRefundFailure, RecordSuccess,
    },
};
use serde_json::Value;
use uuid::Uuid;

use super::amount;
use crate::{CallError, Said};

/// The longest id that is taken from the wire, in bytes: YooKassa's have 36.
const ID_BYTES_MAX: usize = 64;
/// The longest code of a failure.
const REASON_LENGTH_MAX: usize = 64;

/// How far something is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Status {
    Pending,
    WaitingForCapture,
    Succeeded,
    Canceled,
}

impl Status {
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "pending" => Self::Pending,
            "waiting_for_capture" => Self::WaitingForCapture,
            "succeeded" => Self::Succeeded,
            "canceled" => Self::Canceled,
            _ => return None,
        })
    }

    pub(super) fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::WaitingForCapture => false,
            Self::Succeeded | Self::Canceled => true,
        }
    }
}

/// A payment as YooKassa has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PaymentObject {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) amount: Money,
    /// Our payment; none when it was not made by Kontor.
    pub(super) of: Option<Uuid>,
    /// Where it can be paid.
    pub(super) page: Option<String>,
    pub(super) receipt: Option<ReceiptStanding>,
    pub(super) created_at: DateTime<Utc>,
    reason: Option<String>,
}

/// A refund as YooKassa has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RefundObject {
    pub(super) id: String,
    /// YooKassa's id of the payment.
    pub(super) charge_ref: String,
    pub(super) status: Status,
    pub(super) amount: Money,
    /// Our payment; none when the refund was not asked for by Kontor.
    pub(super) of: Option<Uuid>,
    /// Our refund; none when it was not asked for by Kontor.
    pub(super) refund_id: Option<Uuid>,
    pub(super) receipt: Option<ReceiptStanding>,
    reason: Option<String>,
}

/// An id from the wire that can stand in a path.
pub(super) fn id(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let fits = (1..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fits.then(|| text.to_owned())
}

fn unreadable(what: &str) -> CallError {
    CallError::Unknown(format!("YooKassa's {what} cannot be read"))
}

fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str()?.parse().ok()
}

/// Our payment, of an object of which nothing else has to be readable.
pub(super) fn payment_id(object: &Value) -> Option<Uuid> {
    uuid(&object["metadata"]["payment_id"])
}

fn receipt(value: &Value) -> Option<ReceiptStanding> {
    match Status::of(value["receipt_registration"].as_str()?)? {
        Status::Pending | Status::WaitingForCapture => Some(ReceiptStanding::Requested),
        Status::Succeeded => Some(ReceiptStanding::Registered),
        Status::Canceled => Some(ReceiptStanding::Failed),
    }
}

/// A code of YooKassa's as one of ours: `3d_secure_failed` stays, anything else is spelled in it.
fn code(value: &Value) -> Option<String> {
    let text = value["cancellation_details"]["reason"].as_str()?.to_ascii_lowercase();
    let letters = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let code: String = letters.take(REASON_LENGTH_MAX).collect();
    Some(code).filter(|code| !code.is_empty())
}

fn receipt_fact(payment_id: Uuid, of: ReceiptOf, (id, standing): (&str, ReceiptStanding)) -> Said {
    let receipt = RecordReceipt { of, provider_ref: id.to_owned(), standing };
    Said { payment_id, command: PaymentCommand::RecordReceipt(receipt) }
}

impl PaymentObject {
    pub(super) fn read(value: &Value) -> Result<Self, CallError> {
        let read = || {
            Some(Self {
                id: id(&value["id"])?,
                status: Status::of(value["status"].as_str()?)?,
                amount: amount::money(&value["amount"])?,
                of: payment_id(value),
                page: value["confirmation"]["confirmation_url"].as_str().map(str::to_owned),
                receipt: receipt(value),
                created_at: value["created_at"].as_str()?.parse().ok()?,
                reason: code(value),
            })
        };
        read().ok_or_else(|| unreadable("payment"))
    }

    /// Why it was canceled.
    pub(super) fn reason(&self) -> String {
        self.reason.clone().unwrap_or_else(|| "canceled".to_owned())
    }

    /// What it says of our payment; nothing when it is none of ours.
    pub(super) fn facts(&self) -> Vec<Said> {
        let Some(payment_id) = self.of else { return vec![] };
        let fact = match self.status {
            Status::Pending | Status::WaitingForCapture => None,
            Status::Succeeded => {
                let (provider_ref, amount) = (self.id.clone(), self.amount);
                Some(PaymentCommand::RecordSuccess(RecordSuccess { provider_ref, amount }))
            }
            Status::Canceled => {
                let reason = self.reason();
                Some(PaymentCommand::RecordFailure(RecordFailure { reason }))
            }
        };
        let fact = fact.map(|command| Said { payment_id, command });
        // The receipt of what was never paid is never registered, and nobody misses it.
        let receipt = self.receipt.filter(|_| self.status == Status::Succeeded);
        let receipt = receipt
            .map(|standing| receipt_fact(payment_id, ReceiptOf::Charge, (&self.id, standing)));
        fact.into_iter().chain(receipt).collect()
    }
}

impl RefundObject {
    pub(super) fn read(value: &Value) -> Result<Self, CallError> {
        let read = || {
            Some(Self {
                id: id(&value["id"])?,
                charge_ref: id(&value["payment_id"])?,
                status: Status::of(value["status"].as_str()?)?,
                amount: amount::money(&value["amount"])?,
                of: payment_id(value),
                refund_id: uuid(&value["metadata"]["refund_id"]),
                receipt: receipt(value),
                reason: code(value),
            })
        };
        read().ok_or_else(|| unreadable("refund"))
    }

    pub(super) fn reason(&self) -> String {
        self.reason.clone().unwrap_or_else(|| "canceled".to_owned())
    }

    /// What it says of our payment, of which it is a refund.
    pub(super) fn facts(&self, payment_id: Uuid) -> Vec<Said> {
        let (refund_id, amount) = (self.refund_id, self.amount);
        let (provider_ref, refund_ref) = (self.charge_ref.clone(), Some(self.id.clone()));
        let fact = match self.status {
            Status::Pending | Status::WaitingForCapture => None,
            Status::Succeeded => {
                let paid = RecordRefund { refund_id, provider_ref, amount, refund_ref };
                Some(PaymentCommand::RecordRefund(paid))
            }
            // Of a refund that nobody here asked for, and that came to nothing, nothing is left.
            Status::Canceled if refund_id.is_none() => None,
            Status::Canceled => {
                let reason = self.reason();
                let failed =
                    RecordRefundFailure { refund_id, provider_ref, amount, reason, refund_ref };
                Some(PaymentCommand::RecordRefundFailure(failed))
            }
        };
        let fact = fact.map(|command| Said { payment_id, command });
        let receipt = self.receipt.filter(|_| self.status == Status::Succeeded);
        let receipt = receipt
            .map(|standing| receipt_fact(payment_id, ReceiptOf::Refund, (&self.id, standing)));
        fact.into_iter().chain(receipt).collect()
    }
}
