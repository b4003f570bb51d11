//! Buying: the catalogue, the invoice, what Telegram says of payments, and whom to ask.

mod cards;

use std::sync::Arc;

use chrono::Duration;
use kontor_domain::{
    Currency, Money,
    credit_ledger::{PassPeriod, PaymentProvider},
    payment::{Begin, PaymentCommand, PaymentRefusal, ProductSold, RecordRefund, RecordSuccess},
    product::{Gives, ProductKind},
};
use kontor_projections::products::{self, ProductRow};
use serde::Serialize;

use super::{
    Reply, Schema, credits,
    menu::{Intent, main_keyboard},
    refusals, when,
};
use crate::{
    checkout,
    dialogue::Step,
    format,
    input::{Act, Receipt},
    outgoing::{Invoice, Outgoing, button},
    press::Press,
    refunds::channel,
    settings::CardAccount,
    texts::{Voice, say},
    turn::{Effects, Turn, TurnError, Verdict},
};

pub(super) use self::cards::buy_keeping;
pub(crate) use self::cards::page_message;

/// The numbers of this module's commands; see [`Turn::send`].
const RECORD: u8 = 0;
const BEGIN: u8 = 3;

/// How long an invoice can be paid: prices change, and an old invoice in a chat is soon forgotten.
const OFFER: Duration = Duration::hours(24);

/// What Telegram says of payments, whoever says it: also of somebody who took their consent back.
pub(super) fn receipts() -> Schema {
    dptree::entry()
        .branch(when(|turn| matches!(turn.input.act, Act::Paid(_)), paid))
        .branch(when(|turn| matches!(turn.input.act, Act::PaidBack(_)), paid_back))
}

pub(super) fn schema() -> Schema {
    let offered: Schema = dptree::filter(|turn: Arc<Turn>| turn.offer().credits);
    offered
        .branch(when(
            |turn| turn.intent == Some(Intent::Buy) || turn.press == Some(Press::Packages),
            catalogue,
        ))
        .branch(when(|turn| matches!(turn.press, Some(Press::Product { .. })), pressed))
        .branch(when(|turn| matches!(turn.press, Some(Press::PayByCard { .. })), chosen))
        .branch(when(|turn| quick(&turn.input.act).is_some(), quickly))
        .branch(when(|turn| turn.intent == Some(Intent::Terms), terms))
        .branch(when(|turn| turn.intent == Some(Intent::PaySupport), pay_support))
}

/// What a quick command asks for: `/buy25`, `/buyweek`.
fn quick(act: &Act) -> Option<Gives> {
    let Act::Command { name, .. } = act else { return None };
    match name.strip_prefix("buy")? {
        "day" => Some(Gives::Pass(PassPeriod::Day)),
        "week" => Some(Gives::Pass(PassPeriod::Week)),
        "month" => Some(Gives::Pass(PassPeriod::Month)),
        number => {
            let credits = number.parse().ok().filter(|credits| Gives::CREDITS.contains(credits));
            credits.map(Gives::Credits)
        }
    }
}

/// A product with the ways to pay for it: what is used in Telegram is sold for Stars, as Telegram
/// demands, and anything else for money.
struct Offered {
    row: ProductRow,
    stars: Option<Money>,
    /// By the accounts that take a currency in which it has a price.
    cards: Vec<(CardAccount, Money)>,
}

/// What is sold in the chat.
async fn on_sale(turn: &Turn) -> Result<Vec<Offered>, TurnError> {
    let rows = products::active(&turn.ports.pool, &turn.ports.tenant).await?;
    let offered = rows.into_iter().map(|row| {
        let (stars, cards) = match row.kind {
            ProductKind::Digital => (row.price_in(Currency::stars()), Vec::new()),
            ProductKind::RealWorld => {
                let accounts = turn.ports.cards.iter();
                let priced = accounts
                    .filter_map(|account| Some((account.clone(), row.price_in(account.currency)?)));
                (None, priced.collect())
            }
        };
        Offered { row, stars, cards }
    });
    Ok(offered.filter(|it| it.stars.is_some() || !it.cards.is_empty()).collect())
}

impl Offered {
    /// Its prices, one for each way: `115 ⭐`, `2,29 $ · 229 ₽`.
    fn prices(&self, voice: Voice) -> String {
        let cards = self.cards.iter().map(|(_, price)| *price);
        let mut prices: Vec<String> = self
            .stars
            .into_iter()
            .chain(cards)
            .map(|it| format::money(voice.language(), it))
            .collect();
        prices.dedup();
        prices.join(" · ")
    }

    /// Begins to buy it, or asks by which way.
    async fn begin(&self, turn: &Turn) -> Reply {
        match (self.stars, self.cards.as_slice()) {
            (Some(price), _) => buy(turn, &self.row, price).await,
            (None, [(account, price)]) => cards::pay(turn, &self.row, (account, *price)).await,
            (None, accounts) => {
                let ways: Vec<_> = accounts.iter().map(|(it, price)| (it, *price)).collect();
                Ok(cards::ask(turn, &self.row, &ways))
            }
        }
    }
}

async fn catalogue(turn: Arc<Turn>) -> Reply {
    let offers = on_sale(&turn).await?;
    Ok(show(&turn, &offers, None))
}

/// The price list with a button for each product, below a word about what was asked for.
fn show(turn: &Turn, offers: &[Offered], word: Option<String>) -> Effects {
    let voice = turn.voice;
    let mut rows: Vec<_> = offers
        .iter()
        .map(|it| {
            let label = format!("{} — {}", it.row.name(voice.language()), it.prices(voice));
            vec![button(label, Press::Product { product_id: it.row.product_id }.to_string())]
        })
        .collect();
    rows.push(vec![button(say!(voice, "balance-button"), Press::Balance.to_string())]);
    let for_stars = offers.iter().all(|it| it.stars.is_some());
    let list = match (offers.is_empty(), for_stars) {
        (true, _) => unpaid(turn),
        (false, true) => say!(voice, "catalogue"),
        (false, false) => say!(voice, "catalogue-cards"),
    };
    let text = word.map_or(list.clone(), |word| format!("{word}\n\n{list}"));
    turn.effects().idle().say(turn.reply(text).buttons(rows))
}

/// The packages with an honest word: what cannot be bought here has no button.
fn unpaid(turn: &Turn) -> String {
    let voice = turn.voice;
    let sizes = &turn.tenant.credit_rules.packages;
    let mut text = if sizes.is_empty() {
        say!(voice, "packages-none")
    } else {
        let mut text = say!(voice, "packages");
        for size in sizes {
            text.push_str("\n· ");
            text.push_str(&super::credit_words(voice, *size));
        }
        text
    };
    text.push_str("\n\n");
    text.push_str(&say!(voice, "packages-unpaid"));
    text
}

async fn pressed(turn: Arc<Turn>) -> Reply {
    let offers = on_sale(&turn).await?;
    let Some(Press::Product { product_id }) = turn.press else { return Ok(turn.effects()) };
    match offers.iter().find(|it| it.row.product_id == product_id) {
        Some(it) => it.begin(&turn).await,
        None => Ok(show(&turn, &offers, Some(say!(turn.voice, "product-gone")))),
    }
}

/// An account was chosen for a product that several sell.
async fn chosen(turn: Arc<Turn>) -> Reply {
    let offers = on_sale(&turn).await?;
    let Some(Press::PayByCard { product_id, account }) = &turn.press else {
        return Ok(turn.effects());
    };
    let found = offers.iter().find(|it| it.row.product_id == *product_id);
    let way = found.and_then(|it| {
        let (card, price) = it.cards.iter().find(|(card, _)| card.name == *account)?;
        Some((&it.row, card, *price))
    });
    match way {
        Some((row, card, price)) => cards::pay(&turn, row, (card, price)).await,
        None => Ok(show(&turn, &offers, Some(say!(turn.voice, "product-gone")))),
    }
}

/// Goes on with a purchase that waited for a telephone number.
pub(super) async fn go_on(turn: &Turn) -> Reply {
    let Step::ReceiptPhone { product_id, account } = &turn.dialogue.step else {
        return Ok(turn.effects());
    };
    let offers = on_sale(turn).await?;
    let found = offers.iter().find(|it| it.row.product_id == *product_id);
    let way = found.and_then(|it| {
        let (card, price) = it.cards.iter().find(|(card, _)| card.name == *account)?;
        Some((&it.row, card, *price))
    });
    match way {
        Some((row, card, price)) => cards::open_page(turn, row, (card, price)).await,
        None => Ok(show(turn, &offers, Some(say!(turn.voice, "product-gone")))),
    }
}

async fn quickly(turn: Arc<Turn>) -> Reply {
    let offers = on_sale(&turn).await?;
    let wanted = quick(&turn.input.act);
    match offers.iter().find(|it| Some(it.row.gives()) == wanted) {
        Some(it) => it.begin(&turn).await,
        None if offers.is_empty() => Ok(show(&turn, &offers, None)),
        None => Ok(show(&turn, &offers, Some(say!(turn.voice, "product-none")))),
    }
}

/// Begins a payment and sends its invoice. The price stands in the payment: what is on the list
/// tomorrow changes no invoice of today.
async fn buy(turn: &Turn, row: &ProductRow, price: Money) -> Reply {
    if let Err(words) = credits::open(turn).await? {
        return Ok(turn.effects().idle().say(Outgoing::text(words)));
    }
    let payment_id = turn.command_id(BEGIN);
    let begin = PaymentCommand::Begin(Begin {
        account_id: turn.account_id(),
        product: ProductSold {
            product_id: row.product_id,
            version: row.version,
            gives: row.gives(),
        },
        price,
        provider: PaymentProvider::TelegramStars,
        channel: channel(&turn.ports.bot),
        expires_at: turn.received_at + OFFER,
    });
    match turn.send(BEGIN, ("payment", payment_id), &begin).await? {
        Verdict::Accepted(_) => {
            let voice = turn.voice;
            let title = row.name(voice.language());
            let description = describe(voice, row.gives());
            let payload = payment_id.to_string();
            let invoice = Invoice { title, description, payload, stars: price.amount_minor };
            Ok(turn.effects().idle().say(Outgoing::invoice(invoice)))
        }
        Verdict::Refused(refusal) => {
            let text = refused(turn.voice, refusal.to_refusal().ok().as_ref())
                .unwrap_or_else(|| refusals::other(turn.voice, &refusal));
            Ok(turn.effects().idle().say(Outgoing::text(text)))
        }
    }
}

fn describe(voice: Voice, gives: Gives) -> String {
    match gives {
        Gives::Credits(credits) => {
            say!(voice, "invoice-credits", credits = super::credit_words(voice, credits))
        }
        Gives::Pass(PassPeriod::Day) => say!(voice, "invoice-day"),
        Gives::Pass(PassPeriod::Week) => say!(voice, "invoice-week"),
        Gives::Pass(PassPeriod::Month) => say!(voice, "invoice-month"),
    }
}

/// Words a refusal of a payment's command, as far as a customer can meet it.
fn refused(voice: Voice, refusal: Option<&PaymentRefusal>) -> Option<String> {
    match refusal? {
        PaymentRefusal::TenantUnknown => Some(say!(voice, "refused-tenant-unknown")),
        PaymentRefusal::CreditsOff => Some(say!(voice, "refused-credits-off")),
        PaymentRefusal::NotAllowed => Some(say!(voice, "refused-not-allowed")),
        PaymentRefusal::PaymentUnknown
        | PaymentRefusal::IdReused { .. }
        | PaymentRefusal::OutOfRange { .. }
        | PaymentRefusal::InstantOutOfRange { .. }
        | PaymentRefusal::Malformed { .. }
        | PaymentRefusal::AlreadyPaid
        | PaymentRefusal::OfferExpired { .. }
        | PaymentRefusal::OtherPayer
        | PaymentRefusal::PriceDiffers { .. }
        | PaymentRefusal::NotPaid
        | PaymentRefusal::PartImpossible
        | PaymentRefusal::AmountAndCredits
        | PaymentRefusal::NoCredits
        | PaymentRefusal::OtherRefund { .. }
        | PaymentRefusal::AlreadyRefunded { .. }
        | PaymentRefusal::RefundUnderWay { .. }
        | PaymentRefusal::RefundOver { .. }
        | PaymentRefusal::Disputed
        | PaymentRefusal::TooMany { .. } => None,
    }
}

/// Telegram says that Stars were paid. The goods follow by themselves, and so does the word of it.
async fn paid(turn: Arc<Turn>) -> Reply {
    let Act::Paid(receipt) = &turn.input.act else { return Ok(turn.effects()) };
    record(&turn, receipt, |provider_ref, amount| {
        PaymentCommand::RecordSuccess(RecordSuccess { provider_ref, amount })
    })
    .await
}

/// Telegram says that Stars were paid back, whoever asked for it.
async fn paid_back(turn: Arc<Turn>) -> Reply {
    let Act::PaidBack(receipt) = &turn.input.act else { return Ok(turn.effects()) };
    record(&turn, receipt, |provider_ref, amount| {
        PaymentCommand::RecordRefund(RecordRefund {
            refund_id: None,
            provider_ref,
            amount,
            refund_ref: None,
        })
    })
    .await
}

async fn record<C: Serialize>(
    turn: &Turn,
    receipt: &Receipt,
    command: impl FnOnce(String, Money) -> C,
) -> Reply {
    let known = checkout::payment_id(&receipt.payload).zip(receipt.amount);
    let verdict = match known {
        Some((payment_id, amount)) => {
            let command = command(receipt.charge.clone(), amount);
            Some(turn.send_as_kontor(RECORD, ("payment", payment_id), &command).await?)
        }
        None => None,
    };
    match verdict {
        Some(Verdict::Accepted(_)) => Ok(turn.effects()),
        Some(Verdict::Refused(_)) | None => {
            // The money is there and nobody knows what for: people have to look at it.
            tracing::error!(
                bot = turn.ports.bot,
                update.id = turn.update_id,
                "Telegram speaks of a payment that is not known here"
            );
            Ok(turn.effects().say(Outgoing::text(say!(turn.voice, "payment-unknown"))))
        }
    }
}

async fn terms(turn: Arc<Turn>) -> Reply {
    let tenant = turn.tenant.name.to_string();
    let text = say!(turn.voice, "terms", tenant = tenant);
    let keyboard = main_keyboard(turn.voice, turn.offer());
    Ok(turn.effects().say(Outgoing::text(text).keyboard(&keyboard)))
}

async fn pay_support(turn: Arc<Turn>) -> Reply {
    let tenant = turn.tenant.name.to_string();
    let text = say!(turn.voice, "pay-support", tenant = tenant);
    let keyboard = main_keyboard(turn.voice, turn.offer());
    Ok(turn.effects().say(Outgoing::text(text).keyboard(&keyboard)))
}

#[cfg(test)]
mod tests {
    use kontor_domain::{credit_ledger::PassPeriod, product::Gives};

    use super::quick;
    use crate::input::Act;

    #[test]
    fn quick_commands_name_what_is_bought() {
        let said = |name: &str| quick(&Act::Command { name: name.into(), argument: String::new() });
        assert_eq!(said("buy25"), Some(Gives::Credits(25)));
        assert_eq!(said("buyweek"), Some(Gives::Pass(PassPeriod::Week)));
        for other in ["buy", "buy0", "buy-5", "buy99999999999999999999", "buyer", "balance"] {
            assert_eq!(said(other), None, "{other}");
        }
        assert_eq!(quick(&Act::Text("buy25".into())), None);
    }
}
