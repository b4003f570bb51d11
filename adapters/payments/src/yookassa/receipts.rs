//! Fiscal receipts by Russian law (54-FZ): what is on them, and to whom they go.

use kontor_domain::Money;
use kontor_projections::{accounts, payments};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{YooKassa, amount};
use crate::CallError;

/// *YooKassa*: what `payment_subject` may be.
const SUBJECTS: [&str; 23] = [
    "commodity",
    "excise",
    "job",
    "service",
    "gambling_bet",
    "gambling_prize",
    "lottery",
    "lottery_prize",
    "intellectual_activity",
    "payment",
    "agent_commission",
    "property_right",
    "non_operating_gain",
    "insurance_premium",
    "sales_tax",
    "resort_fee",
    "composite",
    "another",
    "fine",
    "tax",
    "lien",
    "cost",
    "agent_withdrawals",
];
/// *YooKassa*: what `payment_mode` may be.
const MODES: [&str; 7] = [
    "full_prepayment",
    "partial_prepayment",
    "advance",
    "full_payment",
    "partial_payment",
    "credit",
    "credit_payment",
];
/// *YooKassa*: the codes of value added tax.
const VAT_CODES: std::ops::RangeInclusive<u8> = 1..=12;
/// *YooKassa*: the codes of a tax system.
const TAX_SYSTEMS: std::ops::RangeInclusive<u8> = 1..=6;
/// *YooKassa*: the longest description of an item, in characters.
const ITEM_DESCRIPTION_MAX: usize = 128;

/// What an accountant sets for a shop's receipts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReceiptSettings {
    /// The code of value added tax, 1 to 12.
    pub vat_code: u8,
    /// What is sold, such as `service`.
    pub payment_subject: String,
    /// How it is paid, such as `full_payment`.
    pub payment_mode: String,
    /// The tax system, 1 to 6; none when the cash register knows it.
    pub tax_system_code: Option<u8>,
    /// Where receipts go whose customer has given no telephone number.
    pub fallback_email: Option<String>,
}

/// A setting of receipts is wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{field}` of receipts must be {expected}")]
pub struct ReceiptSettingsError {
    /// Which.
    pub field: &'static str,
    /// What it must be.
    pub expected: String,
}

/// To whom a receipt goes.
pub(super) enum Contact {
    Phone(String),
    Email(String),
}

impl ReceiptSettings {
    /// Checks all of it.
    ///
    /// # Errors
    /// [`ReceiptSettingsError`] for the first field that is wrong.
    pub fn check(&self) -> Result<(), ReceiptSettingsError> {
        let wrong = |field, expected: String| Err(ReceiptSettingsError { field, expected });
        if !VAT_CODES.contains(&self.vat_code) {
            return wrong("vat_code", "a code from 1 to 12".to_owned());
        }
        if !SUBJECTS.contains(&self.payment_subject.as_str()) {
            return wrong("payment_subject", format!("one of {}", SUBJECTS.join(", ")));
        }
        if !MODES.contains(&self.payment_mode.as_str()) {
            return wrong("payment_mode", format!("one of {}", MODES.join(", ")));
        }
        if self.tax_system_code.is_some_and(|code| !TAX_SYSTEMS.contains(&code)) {
            return wrong("tax_system_code", "a code from 1 to 6".to_owned());
        }
        let is_email = |text: &String| {
            text.len() <= 254
                && text.is_ascii()
                && !text.contains(char::is_whitespace)
                && text.split_once('@').is_some_and(|(name, host)| {
                    !name.is_empty() && host.contains('.') && !host.contains('@')
                })
        };
        if !self.fallback_email.as_ref().is_none_or(is_email) {
            return wrong("fallback_email", "an address such as shop@example.ru".to_owned());
        }
        Ok(())
    }

    /// Who buys. It is read where it is needed and kept nowhere.
    pub(super) async fn contact(
        &self,
        shop: &YooKassa,
        payment_id: Uuid,
    ) -> Result<Contact, CallError> {
        let later = |why: &str| CallError::Later { after: None, why: why.to_owned() };
        let (pool, tenant) = (&shop.pool, &shop.settings.tenant);
        let payment = payments::find(pool, tenant, payment_id).await;
        let payment = payment.map_err(|_| later("payments cannot be read"))?;
        let payment = payment.ok_or_else(|| later("the payment is not in the read model yet"))?;
        let account = accounts::find(pool, tenant, payment.account_id).await;
        let account = account.map_err(|_| later("accounts cannot be read"))?;
        let phone = account.and_then(|account| account.phone);
        match (phone, &self.fallback_email) {
            // YooKassa wants the digits alone.
            (Some(phone), _) => Ok(Contact::Phone(phone.as_str().trim_matches('+').to_owned())),
            (None, Some(email)) => Ok(Contact::Email(email.clone())),
            (None, None) => Err(CallError::Refused { code: "receipt_contact_missing".to_owned() }),
        }
    }

    /// A receipt over one thing.
    pub(super) fn receipt(&self, contact: &Contact, title: &str, price: Money) -> Value {
        let title: String = title.chars().take(ITEM_DESCRIPTION_MAX).collect();
        let mut receipt = json!({
            "customer": match contact {
                Contact::Phone(phone) => json!({ "phone": phone }),
                Contact::Email(email) => json!({ "email": email }),
            },
            "items": [{
                "description": title,
                "quantity": "1",
                "amount": amount::value(price),
                "vat_code": self.vat_code,
                "payment_subject": self.payment_subject,
                "payment_mode": self.payment_mode,
            }],
        });
        if let Some(code) = self.tax_system_code {
            receipt["tax_system_code"] = code.into();
        }
        receipt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ReceiptSettings {
        ReceiptSettings {
            vat_code: 1,
            payment_subject: "service".to_owned(),
            payment_mode: "full_payment".to_owned(),
            tax_system_code: Some(2),
            fallback_email: Some("shop@example.ru".to_owned()),
        }
    }

    #[test]
    fn settings_are_refused_by_the_fields_name() {
        assert_eq!(settings().check(), Ok(()));
        let refused = |change: fn(&mut ReceiptSettings)| {
            let mut wrong = settings();
            change(&mut wrong);
            wrong.check().unwrap_err().field
        };
        assert_eq!(refused(|it| it.vat_code = 0), "vat_code");
        assert_eq!(refused(|it| it.vat_code = 13), "vat_code");
        assert_eq!(refused(|it| it.payment_subject = "услуга".to_owned()), "payment_subject");
        assert_eq!(refused(|it| it.payment_mode = String::new()), "payment_mode");
        assert_eq!(refused(|it| it.tax_system_code = Some(7)), "tax_system_code");
        for wrong in ["", "shop", "@example.ru", "a@b", "a b@example.ru", "я@пример.рф"] {
            let mut settings = settings();
            settings.fallback_email = Some(wrong.to_owned());
            assert_eq!(settings.check().unwrap_err().field, "fallback_email", "{wrong}");
        }
    }

    #[test]
    fn a_receipt_comes_to_the_price_and_names_its_customer() {
        let price = Money::new(22_900, "RUB".parse().unwrap());
        let long = "Й".repeat(200);
        let contact = Contact::Phone("79161234567".to_owned());
        let receipt = settings().receipt(&contact, &long, price);
        assert_eq!(receipt["customer"], json!({ "phone": "79161234567" }));
        assert_eq!(receipt["items"][0]["amount"], json!({ "value": "229.00", "currency": "RUB" }));
        assert_eq!(receipt["items"][0]["description"].as_str().unwrap().chars().count(), 128);
        assert_eq!(receipt["tax_system_code"], 2);
    }
}
