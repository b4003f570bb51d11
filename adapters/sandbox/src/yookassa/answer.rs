//! Payments and refunds as YooKassa shows them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::state::{Payment, Refund, Status, YooKassa};

/// `2018-07-10T14:27:54.691Z`
pub(super) fn instant(ms: i64) -> String {
    let at = DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// `229.00`, with two digits as YooKassa writes roubles.
pub(super) fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// The minor units of `229.00` or `229`; none when it is no such amount.
pub(super) fn minor(decimal: &str) -> Option<i64> {
    let (whole, part) = decimal.split_once('.').unwrap_or((decimal, "00"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) || part.len() > 2 {
        return None;
    }
    let part: i64 = format!("{part:0<2}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(part)
}

fn money(minor: i64, currency: &str) -> Value {
    json!({ "value": decimal(minor), "currency": currency })
}

pub(super) fn name(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::WaitingForCapture => "waiting_for_capture",
        Status::Succeeded => "succeeded",
        Status::Canceled => "canceled",
    }
}

/// What YooKassa keeps of a payment for itself, in percent with one decimal: 3.5 is usual for cards.
fn income(minor: i64) -> i64 {
    minor - minor * 35 / 1000
}

impl YooKassa {
    pub(super) fn payment_value(&self, payment: &Payment, page: &str) -> Value {
        let is_paid = matches!(payment.status, Status::Succeeded | Status::WaitingForCapture);
        let mut value = json!({
            "id": payment.id,
            "status": name(payment.status),
            "paid": is_paid,
            "amount": money(payment.amount_minor, &payment.currency),
            "created_at": instant(payment.created_ms),
            "description": payment.description,
            "metadata": payment.metadata,
            "recipient": { "account_id": payment.shop_id, "gateway_id": "1" },
            "refundable": payment.status == Status::Succeeded
                && payment.refunded_minor < payment.amount_minor,
            "test": true,
        });
        match payment.status {
            Status::Pending => {
                value["confirmation"] = json!({
                    "type": "redirect",
                    "return_url": payment.return_url,
                    "confirmation_url": format!("{page}/yookassa/checkout/{}", payment.id),
                });
            }
            Status::WaitingForCapture => value["expires_at"] = instant(payment.expires_ms).into(),
            Status::Succeeded => {
                let income = income(payment.amount_minor);
                value["income_amount"] = money(income, &payment.currency);
                value["refunded_amount"] = money(payment.refunded_minor, &payment.currency);
                value["captured_at"] = payment.captured_ms.map(instant).into();
            }
            Status::Canceled => value["cancellation_details"] = json!(payment.cancellation),
        }
        if let Some(receipt) = &payment.receipt {
            value["receipt_registration"] = name(receipt.registration).into();
        }
        value
    }

    pub(super) fn refund_value(refund: &Refund) -> Value {
        let mut value = json!({
            "id": refund.id,
            "payment_id": refund.payment_id,
            "status": name(refund.status),
            "amount": money(refund.amount_minor, &refund.currency),
            "created_at": instant(refund.created_ms),
            "metadata": refund.metadata,
        });
        if refund.status == Status::Canceled {
            value["cancellation_details"] = json!(refund.cancellation);
        }
        if let Some(receipt) = &refund.receipt {
            value["receipt_registration"] = name(receipt.registration).into();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::{decimal, minor};

    #[test]
    fn amounts_are_read_and_written_exactly() {
        for (text, amount) in [("229.00", 22_900), ("0.01", 1), ("1.5", 150), ("7", 700)] {
            assert_eq!(minor(text), Some(amount), "{text}");
        }
        for wrong in ["", "1,5", "-1.00", "1.005", "1e2", ".5", "1.", "999999999999999999999.00"] {
            assert_eq!(minor(wrong), None, "{wrong}");
        }
        assert_eq!((decimal(22_900), decimal(5)), ("229.00".to_owned(), "0.05".to_owned()));
    }
}
