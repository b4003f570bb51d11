//! What moved on an account, and what was sent to the bank of it.

use serde_json::{Value, json};

use super::error::StripeError;
use super::state::Stripe;

impl Stripe {
    /// Notes that money moved, and what was kept of it.
    pub(super) fn moved(
        &mut self,
        shop: &str,
        (kind, category): (&str, &str),
        source: &Value,
        (amount, fee): (i64, i64),
    ) {
        let transaction = json!({
            "object": "balance_transaction", "amount": amount, "fee": fee, "net": amount - fee,
            "currency": source["currency"], "type": kind, "reporting_category": category,
            "source": source["id"], "status": "available", "sent_with": null,
        });
        self.make(shop, "txn", transaction);
    }

    /// Sends everything that is there to the bank, in one payout for each currency.
    pub(crate) fn pay_out(&mut self, shop: &str) -> Result<Value, StripeError> {
        let all = self.list(shop, "txn_").into_iter();
        let waiting: Vec<Value> = all.filter(|it| it["sent_with"].is_null()).collect();
        let mut sums: std::collections::BTreeMap<String, i64> = Default::default();
        for it in &waiting {
            let currency = it["currency"].as_str().unwrap_or_default().to_owned();
            *sums.entry(currency).or_default() += it["net"].as_i64().unwrap_or_default();
        }
        let mut payouts = Vec::new();
        for (currency, sum) in sums.into_iter().filter(|(_, sum)| *sum > 0) {
            let payout = json!({
                "object": "payout", "amount": sum, "currency": currency, "automatic": true,
                "status": "paid",
            });
            let payout = self.make(shop, "po", payout);
            self.moved(shop, ("payout", "payout"), &payout, (-sum, 0));
            let of_currency = self.list(shop, "txn_").into_iter();
            let sent: Vec<Value> = of_currency
                .filter(|it| it["sent_with"].is_null() && it["currency"] == currency.as_str())
                .collect();
            for it in sent {
                let id = it["id"].as_str().unwrap_or_default().to_owned();
                self.change(&id, json!({"sent_with": payout["id"]}));
            }
            payouts.push(payout);
        }
        match payouts.is_empty() {
            true => Err(StripeError::invalid("balance_insufficient", "There is nothing to send.")),
            false => Ok(json!({"payouts": payouts})),
        }
    }

    /// The balance transactions that a query asks for, newest first.
    pub(super) fn transactions(&self, shop: &str, form: &super::state::Form) -> Vec<Value> {
        let number = |name: &str| form.get(name).and_then(|it| it.parse::<i64>().ok());
        let (from, before) = (number("created[gte]"), number("created[lt]"));
        let is_expanded = form.values().any(|it| it == "data.source");
        let all = self.list(shop, "txn_").into_iter().filter(|it| {
            let created = it["created"].as_i64().unwrap_or_default();
            from.is_none_or(|from| created >= from)
                && before.is_none_or(|before| created < before)
                && form.get("payout").is_none_or(|payout| it["sent_with"] == payout.as_str())
        });
        all.map(|mut it| {
            if let Some(fields) = it.as_object_mut() {
                // The real one does not say it.
                fields.remove("sent_with");
                let id =
                    fields.get("source").and_then(Value::as_str).unwrap_or_default().to_owned();
                if is_expanded && let Ok(source) = self.find(shop, &id, "") {
                    fields.insert("source".to_owned(), source);
                }
            }
            it
        })
        .collect()
    }
}
