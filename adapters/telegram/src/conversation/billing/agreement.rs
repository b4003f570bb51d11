//! What a customer agrees to: chosen with buttons, read in words, and said yes to.

use std::sync::Arc;

use kontor_domain::{
    Money,
    billing::{BillingCommand, EnableRecharge, RechargeTerms},
    credit_ledger::PaymentProvider,
    payment::ProductSold,
    product::{Gives, ProductKind},
};
use kontor_projections::products::{self, ProductRow};
use teloxide::types::InlineKeyboardButton;

use super::{
    super::{Reply, credit_words, credits, purchases},
    carry_out, find, recharge, view,
};
use crate::{
    format,
    outgoing::button,
    press::{Press, Recharge, fingerprint},
    settings::CardAccount,
    texts::say,
    turn::{Turn, TurnError},
};

/// Below how many credits something is bought, by their place on the buttons.
const THRESHOLDS: [i64; 5] = [3, 5, 10, 20, 50];
/// How many packages a month may have, by their place on the buttons.
const PACKAGES_A_MONTH: [i64; 4] = [1, 3, 5, 10];
/// What is offered first: below 5, and three packages.
const FIRST: (u8, u8) = (1, 1);

/// A package of credits with the account that charges it.
pub(super) struct Offered {
    row: ProductRow,
    account: CardAccount,
    price: Money,
    credits: i64,
}

/// What can be bought by itself.
pub(super) async fn offers(turn: &Turn) -> Result<Vec<Offered>, TurnError> {
    let rows = products::active(&turn.ports.pool, &turn.ports.tenant).await?;
    let mut offers = Vec::new();
    for row in rows.into_iter().filter(|row| row.kind == ProductKind::RealWorld) {
        let Gives::Credits(credits) = row.gives() else { continue };
        for account in turn.ports.cards.iter().filter(|account| keeps_cards(account)) {
            if let Some(price) = row.price_in(account.currency) {
                offers.push(Offered { row: row.clone(), account: account.clone(), price, credits });
            }
        }
    }
    Ok(offers)
}

/// Whether cards can be kept with an account and charged without their holder.
fn keeps_cards(account: &CardAccount) -> bool {
    match account.provider {
        PaymentProvider::Stripe => true,
        PaymentProvider::Yookassa | PaymentProvider::TelegramStars | PaymentProvider::Manual => {
            false
        }
    }
}

/// Asks which package.
pub(super) async fn packages(turn: Arc<Turn>) -> Reply {
    let (voice, offers) = (turn.voice, offers(&turn).await?);
    if offers.is_empty() {
        return Ok(turn.effects().idle().say(turn.reply(say!(voice, "billing-none"))));
    }
    let mut rows: Vec<_> = offers
        .iter()
        .map(|it| {
            let price = format::money(voice.language(), it.price);
            let product = it.row.name(voice.language());
            let label = say!(voice, "billing-package", product = product, price = price);
            vec![button(label, it.press(FIRST, None))]
        })
        .collect();
    rows.push(vec![button(say!(voice, "billing-back"), Press::Billing.to_string())]);
    Ok(turn.effects().idle().say(turn.reply(say!(voice, "billing-choose")).buttons(rows)))
}

/// Shows the words for what is chosen, with buttons for everything else that can be.
pub(super) async fn choose(turn: Arc<Turn>) -> Reply {
    match chosen(&turn).await? {
        Some((offered, recharge)) => offered.ask(&turn, &recharge, None).await,
        None => gone(&turn).await,
    }
}

/// The customer agrees. With a card that is kept it holds at once; without one they buy on a page that
/// keeps it, and it holds from then on. When other words would hold now than those that they saw, they
/// are asked again.
pub(super) async fn agree(turn: Arc<Turn>) -> Reply {
    let Some((offered, recharge)) = chosen(&turn).await? else { return gone(&turn).await };
    let ledger = match credits::of_customer(&turn).await? {
        Ok(ledger) => ledger,
        Err(words) => return Ok(turn.effects().idle().say(turn.reply(words))),
    };
    let terms = offered.terms(&turn, &recharge);
    if recharge.agreed_to != Some(fingerprint(&terms.words)) {
        return offered.ask(&turn, &recharge, Some(say!(turn.voice, "recharge-changed"))).await;
    }
    let row = find(&turn).await?;
    let kept = row.as_ref().and_then(|row| row.method.as_ref());
    if kept.is_none_or(|method| method.channel != offered.account.channel) {
        let way = (&offered.account, offered.price);
        return purchases::buy_keeping(&turn, &offered.row, way, terms).await;
    }
    let (account_id, credits_left) = (turn.account_id(), ledger.available);
    let enable = EnableRecharge { account_id, terms, credits_left };
    if let Err(effects) = carry_out(&turn, &BillingCommand::EnableRecharge(enable)).await? {
        return Ok(effects);
    }
    let row = find(&turn).await?;
    view::show(&turn, row.as_ref(), None).await
}

async fn chosen(turn: &Turn) -> Result<Option<(Offered, Recharge)>, TurnError> {
    let Some(recharge) = recharge(turn).cloned() else { return Ok(None) };
    let offers = offers(turn).await?.into_iter();
    let mut fitting = offers.filter(|it| {
        it.row.product_id == recharge.product_id && it.account.name == recharge.account
    });
    Ok(fitting.next().map(|offered| (offered, recharge)))
}

async fn gone(turn: &Turn) -> Reply {
    let row = find(turn).await?;
    view::show(turn, row.as_ref(), Some(say!(turn.voice, "product-gone"))).await
}

impl Offered {
    fn press(&self, (threshold, cap): (u8, u8), agreed_to: Option<String>) -> String {
        let (product_id, account) = (self.row.product_id, self.account.name.clone());
        Press::Recharge(Recharge { product_id, threshold, cap, account, agreed_to }).to_string()
    }

    /// A package always leads above the threshold.
    fn thresholds(&self) -> Vec<(u8, i64)> {
        let fitting = (0..).zip(THRESHOLDS).filter(|(_, credits)| *credits <= self.credits);
        let fitting: Vec<_> = fitting.collect();
        if fitting.is_empty() { vec![(0, self.credits)] } else { fitting }
    }

    fn caps(&self) -> Vec<(u8, Money)> {
        let cap = |packages: i64| {
            let amount_minor = self.price.amount_minor.saturating_mul(packages);
            Money::new(amount_minor, self.price.currency)
        };
        (0..).zip(PACKAGES_A_MONTH.map(cap)).collect()
    }

    fn terms(&self, turn: &Turn, recharge: &Recharge) -> RechargeTerms {
        let (thresholds, caps) = (self.thresholds(), self.caps());
        let of_place = |place: u8| thresholds.iter().find(|(at, _)| *at == place);
        let threshold = of_place(recharge.threshold).or(thresholds.last());
        let threshold_credits = threshold.map_or(1, |(_, credits)| *credits);
        let cap = caps.iter().find(|(at, _)| *at == recharge.cap).or(caps.first());
        let monthly_cap = cap.map_or(self.price, |(_, cap)| *cap);
        let voice = turn.voice;
        let money = |money| format::money(voice.language(), money);
        let words = say!(
            voice,
            "recharge-words",
            threshold = credits::credits_below(voice, threshold_credits),
            tenant = turn.tenant.name.to_string(),
            price = money(self.price),
            product = self.row.name(voice.language()),
            credits = credit_words(voice, self.credits),
            cap = money(monthly_cap)
        );
        RechargeTerms {
            threshold_credits,
            product: ProductSold {
                product_id: self.row.product_id,
                version: self.row.version,
                gives: self.row.gives(),
            },
            price: self.price,
            monthly_cap,
            provider: self.account.provider,
            channel: self.account.channel.clone(),
            words,
            language: voice.language(),
        }
    }

    async fn ask(&self, turn: &Turn, recharge: &Recharge, note: Option<String>) -> Reply {
        let (voice, terms) = (turn.voice, self.terms(turn, recharge));
        let row = find(turn).await?;
        let kept = row.as_ref().and_then(|row| row.method.as_ref());
        let has_card = kept.is_some_and(|method| method.channel == self.account.channel);
        let agree = if has_card {
            say!(voice, "recharge-agree")
        } else {
            let price = format::money(voice.language(), self.price);
            say!(voice, "recharge-agree-pay", price = price)
        };
        let mut rows = self.choices(turn, recharge, &terms);
        let (places, shown) = ((recharge.threshold, recharge.cap), fingerprint(&terms.words));
        rows.push(vec![button(agree, self.press(places, Some(shown)))]);
        let back = Press::RechargePackages.to_string();
        rows.push(vec![button(say!(voice, "billing-back"), back)]);
        let text = say!(voice, "recharge-terms", words = terms.words);
        let text = note.into_iter().chain([text]).collect::<Vec<_>>().join("\n\n");
        Ok(turn.effects().idle().say(turn.reply(text).buttons(rows)))
    }

    /// Buttons for the other thresholds and caps, two in a row.
    fn choices(
        &self,
        turn: &Turn,
        recharge: &Recharge,
        terms: &RechargeTerms,
    ) -> Vec<Vec<InlineKeyboardButton>> {
        let voice = turn.voice;
        let mark = |label: String, is_chosen: bool| {
            if is_chosen { say!(voice, "recharge-chosen", choice = label) } else { label }
        };
        let thresholds = self.thresholds();
        let thresholds = thresholds.iter().map(|(place, credits)| {
            let label = say!(
                voice,
                "recharge-below",
                threshold = format::count(voice.language(), *credits)
            );
            let label = mark(label, *credits == terms.threshold_credits);
            button(label, self.press((*place, recharge.cap), None))
        });
        let caps = self.caps();
        let caps = caps.iter().map(|(place, cap)| {
            let label = say!(voice, "recharge-cap", cap = format::money(voice.language(), *cap));
            let label = mark(label, *cap == terms.monthly_cap);
            button(label, self.press((recharge.threshold, *place), None))
        });
        let thresholds: Vec<_> = thresholds.collect();
        let caps: Vec<_> = caps.collect();
        let in_rows = |buttons: &[InlineKeyboardButton], of: usize| {
            buttons.chunks(of).map(<[_]>::to_vec).collect::<Vec<_>>()
        };
        [in_rows(&thresholds, 3), in_rows(&caps, 2)].concat()
    }
}
