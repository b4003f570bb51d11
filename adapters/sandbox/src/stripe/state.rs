//! What this Stripe knows: accounts, objects, answers of keys, webhooks on their way.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cards::Verdict;
use super::error::StripeError;
use crate::SandboxShop;
use crate::world::updates::Arrival;
use crate::world::{now_ms, now_seconds};

/// Objects that are kept; the oldest go first.
const OBJECTS: usize = 20_000;
/// Answers of keys that are kept; the oldest go first.
const KEYS: usize = 5_000;
/// How long a slow bank takes, in milliseconds.
const LATER_MS: i64 = 2_500;
/// How much later a webhook comes that another one overtakes, in milliseconds.
const REORDERED_MS: i64 = 1_200;
/// How long a page may live: from half an hour to a day.
const PAGE_SECONDS: std::ops::RangeInclusive<i64> = 30 * 60..=24 * 60 * 60 + 60;

/// The fields of a call.
pub(crate) type Form = BTreeMap<String, String>;

/// The state.
#[derive(Debug, Default)]
pub(crate) struct Stripe {
    pub(crate) shops: Vec<SandboxShop>,
    pub(crate) kept: StripeKept,
    /// Events that were just made: account, id, type.
    fresh: Vec<(String, String, String)>,
}

/// What survives a restart.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct StripeKept {
    last_id: u64,
    objects: BTreeMap<String, Object>,
    /// Ids, oldest first.
    order: VecDeque<String>,
    keys: VecDeque<Answer>,
    pub(super) deliveries: Vec<Delivery>,
    /// Pages and intents of slow banks: id, when, whether it is charged.
    slow: Vec<(String, i64, bool)>,
}

/// An object of an account.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Object {
    shop: String,
    value: Value,
}

/// The first answer of a key.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Answer {
    pub(crate) shop: String,
    pub(crate) key: String,
    pub(crate) path: String,
    pub(crate) form: Form,
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// A webhook on its way.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Delivery {
    pub(super) shop: String,
    pub(super) event_id: String,
    pub(super) due_ms: i64,
    pub(super) attempts: u32,
    pub(super) wrong_signature: bool,
}

impl Stripe {
    /// The account of a secret key.
    pub(crate) fn shop_of_key(&self, key: &str) -> Option<String> {
        self.shops.iter().find(|shop| shop.secret_key == key).map(|shop| shop.name.clone())
    }

    /// Keeps a new object and gives it an id.
    pub(super) fn make(&mut self, shop: &str, prefix: &str, mut value: Value) -> Value {
        self.kept.last_id += 1;
        let id = format!("{prefix}_{:010}{:08x}", self.kept.last_id, rand::random::<u32>());
        value["id"] = id.clone().into();
        value["created"] = now_seconds().into();
        value["livemode"] = false.into();
        self.kept.order.push_back(id.clone());
        let object = Object { shop: shop.to_owned(), value: value.clone() };
        self.kept.objects.insert(id, object);
        if self.kept.order.len() > OBJECTS
            && let Some(oldest) = self.kept.order.pop_front()
        {
            self.kept.objects.remove(&oldest);
        }
        value
    }

    /// An object of an account. Another account's is as good as none.
    pub(crate) fn find(&self, shop: &str, id: &str, prefix: &str) -> Result<Value, StripeError> {
        let object =
            self.kept.objects.get(id).filter(|it| it.shop == shop && id.starts_with(prefix));
        object.map(|it| it.value.clone()).ok_or_else(|| StripeError::missing(id))
    }

    /// An object with its account, whoever asks.
    pub(crate) fn any(&self, id: &str, prefix: &str) -> Result<(String, Value), StripeError> {
        let object = self.kept.objects.get(id).filter(|_| id.starts_with(prefix));
        object.map(|it| (it.shop.clone(), it.value.clone())).ok_or_else(|| StripeError::missing(id))
    }

    /// The objects of an account whose ids begin so, newest first.
    pub(crate) fn list(&self, shop: &str, prefix: &str) -> Vec<Value> {
        let ids = self.kept.order.iter().rev().filter(|id| id.starts_with(prefix));
        let objects = ids.filter_map(|id| self.kept.objects.get(id));
        objects.filter(|it| it.shop == shop).map(|it| it.value.clone()).collect()
    }

    /// Changes fields of an object, and says what it is then.
    pub(super) fn change(&mut self, id: &str, fields: Value) -> Value {
        let Some(object) = self.kept.objects.get_mut(id) else { return Value::Null };
        if let (Some(object), Value::Object(fields)) = (object.value.as_object_mut(), fields) {
            object.extend(fields);
        }
        object.value.clone()
    }

    /// Says what happened to an object.
    pub(super) fn tell(&mut self, shop: &str, kind: &str, object: &Value) {
        let event = json!({
            "object": "event", "type": kind, "api_version": "2026-06-24.dahlia",
            "data": {"object": object}, "pending_webhooks": 1, "request": {"id": null},
        });
        let event = self.make(shop, "evt", event);
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        self.fresh.push((shop.to_owned(), id, kind.to_owned()));
    }

    pub(super) fn take_fresh(&mut self) -> Vec<(String, String, String)> {
        std::mem::take(&mut self.fresh)
    }

    /// Puts a webhook on its way, as the fault rules say.
    pub(super) fn send(&mut self, shop: &str, event_id: &str, (arrival, wrong): (Arrival, bool)) {
        let delivery = |delay_ms| Delivery {
            shop: shop.to_owned(),
            event_id: event_id.to_owned(),
            due_ms: now_ms() + delay_ms,
            attempts: 0,
            wrong_signature: wrong,
        };
        match arrival {
            Arrival::Usual => self.kept.deliveries.push(delivery(0)),
            Arrival::Twice => {
                self.kept.deliveries.extend([delivery(0), delivery(REORDERED_MS / 2)]);
            }
            Arrival::Late => self.kept.deliveries.push(delivery(REORDERED_MS)),
            // It stays among the events that were not delivered.
            Arrival::Never => {}
        }
    }

    /// The first answer of a key, when there was one.
    pub(super) fn answer(&self, shop: &str, key: &str) -> Option<&Answer> {
        self.kept.keys.iter().find(|answer| answer.shop == shop && answer.key == key)
    }

    pub(super) fn keep_answer(&mut self, answer: Answer) {
        if self.kept.keys.len() >= KEYS {
            self.kept.keys.pop_front();
        }
        self.kept.keys.push_back(answer);
    }

    /// Opens a page to pay on.
    pub(super) fn open_page(
        &mut self,
        shop: &str,
        form: &Form,
        base_url: &str,
    ) -> Result<Value, StripeError> {
        let field = |name: &str| form.get(name).filter(|text| !text.is_empty());
        let needed = |name: &'static str| {
            let missing = || {
                StripeError::invalid(
                    "parameter_missing",
                    format!("Missing required param: {name}."),
                )
            };
            field(name).cloned().ok_or_else(missing)
        };
        if needed("mode")? != "payment" {
            return Err(StripeError::invalid("parameter_unknown", "Only mode=payment is known"));
        }
        let success_url = needed("success_url")?;
        let currency = needed("line_items[0][price_data][currency]")?;
        let name = needed("line_items[0][price_data][product_data][name]")?;
        let amount: i64 = needed("line_items[0][price_data][unit_amount]")?.parse().unwrap_or(0);
        if amount < 1 || currency.len() != 3 || currency.bytes().any(|b| !b.is_ascii_lowercase()) {
            let message = "The amount must be at least 1 and the currency a code in lower case.";
            return Err(StripeError::invalid("parameter_invalid_integer", message));
        }
        let now = now_seconds();
        let expires_at = field("expires_at").and_then(|it| it.parse().ok()).unwrap_or(now + 86_400);
        if !PAGE_SECONDS.contains(&(expires_at - now)) {
            let message = "The `expires_at` timestamp must be between 30 minutes and 24 hours.";
            return Err(StripeError::invalid("parameter_invalid", message));
        }
        let intent = self.make(
            shop,
            "pi",
            json!({
                "object": "payment_intent", "amount": amount, "amount_received": 0,
                "currency": currency, "status": "requires_payment_method", "description": null,
                "last_payment_error": null, "latest_charge": null,
                "metadata": metadata(form, "payment_intent_data[metadata]["),
            }),
        );
        let page = json!({
            "object": "checkout.session", "mode": "payment", "status": "open",
            "payment_status": "unpaid", "payment_intent": intent["id"], "currency": currency,
            "amount_total": amount, "amount_subtotal": amount, "expires_at": expires_at,
            "success_url": success_url, "cancel_url": field("cancel_url"),
            "locale": field("locale"), "client_reference_id": field("client_reference_id"),
            "metadata": metadata(form, "metadata["), "description": name,
            "customer": field("customer"),
            "setup_future_usage": field("payment_intent_data[setup_future_usage]"),
            "customer_details": {"email": "customer@example.com", "name": "Card Holder"},
        });
        let page = self.make(shop, "cs_test", page);
        let id = page["id"].as_str().unwrap_or_default().to_owned();
        Ok(self.change(&id, json!({"url": format!("{base_url}/stripe/pay/{id}")})))
    }

    /// What the bank's verdict makes of an open page.
    pub(super) fn pay(&mut self, page_id: &str, verdict: Verdict) -> Result<(), StripeError> {
        let (shop, page) = self.any(page_id, "cs_")?;
        if page["status"] != "open" {
            return Err(StripeError::invalid("session_not_open", "This page is closed."));
        }
        let intent_id = page["payment_intent"].as_str().unwrap_or_default().to_owned();
        match verdict {
            Verdict::Paid => self.complete(&shop, page_id, &intent_id),
            Verdict::Declined(code) => self.decline(&shop, &intent_id, code),
            Verdict::Challenge => {
                let intent = self.change(&intent_id, json!({"status": "requires_action"}));
                self.tell(&shop, "payment_intent.requires_action", &intent);
            }
            Verdict::Later { paid } => {
                let intent = self.change(&intent_id, json!({"status": "processing"}));
                self.tell(&shop, "payment_intent.processing", &intent);
                let page = self.change(page_id, json!({"status": "complete"}));
                self.tell(&shop, "checkout.session.completed", &page);
                self.kept.slow.push((page_id.to_owned(), now_ms() + LATER_MS, paid));
            }
        }
        Ok(())
    }

    /// What slow banks have decided by now.
    pub(super) fn settle(&mut self) {
        let now = now_ms();
        let (due, slow) =
            std::mem::take(&mut self.kept.slow).into_iter().partition(|it| it.1 <= now);
        self.kept.slow = slow;
        let due: Vec<(String, i64, bool)> = due;
        for (page_id, _, paid) in due {
            if let Ok((shop, _)) = self.any(&page_id, "pi_") {
                self.settle_charge(&shop, &page_id, paid);
                continue;
            }
            let Ok((shop, page)) = self.any(&page_id, "cs_") else { continue };
            let intent_id = page["payment_intent"].as_str().unwrap_or_default().to_owned();
            if paid {
                self.charge(&shop, &intent_id);
                let page = self.change(&page_id, json!({"payment_status": "paid"}));
                self.tell(&shop, "checkout.session.async_payment_succeeded", &page);
            } else {
                self.decline(&shop, &intent_id, "debit_not_authorized");
                self.tell(&shop, "checkout.session.async_payment_failed", &page);
            }
        }
    }

    fn settle_charge(&mut self, shop: &str, intent_id: &str, paid: bool) {
        if paid {
            self.charge(shop, intent_id);
        } else {
            self.decline(shop, intent_id, "debit_not_authorized");
        }
    }

    /// A bank takes its time with a charge that has no page.
    pub(super) fn slow_charge(&mut self, intent_id: &str, due_ms: i64, paid: bool) {
        self.kept.slow.push((intent_id.to_owned(), due_ms, paid));
    }

    /// Removes an object.
    pub(super) fn remove(&mut self, id: &str) {
        self.kept.objects.remove(id);
        self.kept.order.retain(|known| known != id);
    }

    pub(super) fn has_slow(&self) -> bool {
        let now = now_ms();
        self.kept.slow.iter().any(|it| it.1 <= now)
    }

    fn complete(&mut self, shop: &str, page_id: &str, intent_id: &str) {
        self.charge(shop, intent_id);
        let paid = json!({"status": "complete", "payment_status": "paid"});
        let page = self.change(page_id, paid);
        self.tell(shop, "checkout.session.completed", &page);
    }

    pub(super) fn charge(&mut self, shop: &str, intent_id: &str) {
        let Ok(intent) = self.find(shop, intent_id, "pi_") else { return };
        let charge = json!({
            "object": "charge", "amount": intent["amount"], "amount_refunded": 0, "paid": true,
            "currency": intent["currency"], "payment_intent": intent_id, "refunded": false,
            "metadata": intent["metadata"], "status": "succeeded",
        });
        let charge = self.make(shop, "ch", charge);
        let amount = intent["amount"].as_i64().unwrap_or_default();
        // 2.9 % and 30 of the smallest coins, as a card in the United States costs.
        self.moved(shop, ("charge", "charge"), &charge, (amount, amount * 29 / 1000 + 30));
        let fields = json!({
            "status": "succeeded", "amount_received": intent["amount"],
            "latest_charge": charge["id"], "last_payment_error": null,
        });
        let intent = self.change(intent_id, fields);
        self.tell(shop, "payment_intent.succeeded", &intent);
    }

    pub(super) fn decline(&mut self, shop: &str, intent_id: &str, code: &str) {
        let error = json!({"type": "card_error", "code": "card_declined", "decline_code": code});
        let fields = json!({"status": "requires_payment_method", "last_payment_error": error});
        let intent = self.change(intent_id, fields);
        self.tell(shop, "payment_intent.payment_failed", &intent);
    }

    /// Closes a page that nobody paid on.
    pub(crate) fn expire(&mut self, page_id: &str) -> Result<Value, StripeError> {
        let (shop, page) = self.any(page_id, "cs_")?;
        if page["status"] != "open" {
            return Err(StripeError::invalid("session_not_open", "This page is closed."));
        }
        let page = self.change(page_id, json!({"status": "expired"}));
        self.tell(&shop, "checkout.session.expired", &page);
        Ok(page)
    }
}

/// The metadata in a form, by what its fields begin with.
pub(super) fn metadata(form: &Form, prefix: &str) -> Value {
    let fields = form.iter().filter_map(|(name, text)| {
        let name = name.strip_prefix(prefix)?.strip_suffix(']')?;
        Some((name.to_owned(), Value::from(text.as_str())))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}
