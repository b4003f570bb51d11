//! What a customer sees of their card, their agreement and their payments.

use chrono::{DateTime, Datelike, Utc};
use kontor_domain::{Money, billing::Card, payment::RefundStanding, payment::Standing};
use kontor_projections::{
    PageRequest,
    billing::{AgreementPart, BillingRow},
    payments::{self, PaymentRow},
    products,
};
use teloxide::types::InlineKeyboardButton;

use super::{
    super::{Reply, credits},
    agreement,
};
use crate::{
    format,
    outgoing::button,
    press::Press,
    texts::{Voice, say},
    turn::{Turn, TurnError},
};

/// How many payments are shown; all of them are in the history.
const PAYMENTS: u32 = 5;

/// `Visa •••• 4242, 12/2034`.
pub(crate) fn card_name(card: &Card) -> String {
    let mut letters = card.brand.chars();
    let brand: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let space = format::NO_BREAK_SPACE;
    let name = format!("{brand}{}{space}••••{space}{}", letters.as_str(), card.last4);
    match (card.expiry_month, card.expiry_year) {
        (Some(month), Some(year)) => format!("{name}, {month:02}/{year}"),
        _ => name,
    }
}

/// The card, the agreement and the last payments, below a word about what was just done.
pub(super) async fn show(turn: &Turn, row: Option<&BillingRow>, word: Option<String>) -> Reply {
    let voice = turn.voice;
    let mut lines = vec![say!(voice, "billing"), String::new()];
    if let Some(word) = word {
        lines.splice(..0, [word, String::new()]);
    }
    lines.push(match row.and_then(|row| row.method.as_ref()) {
        Some(method) => match &method.card {
            Some(card) => say!(voice, "billing-card", card = card_name(card)),
            None => say!(voice, "card-kept-unnamed"),
        },
        None => say!(voice, "billing-no-card"),
    });
    match row.and_then(|row| row.agreement.as_ref().zip(Some(row))) {
        Some((agreement, row)) => lines.push(agreed(turn, agreement, row).await?),
        None => lines.push(say!(voice, "billing-off")),
    }
    if let Some(charge) = row.and_then(BillingRow::under_way) {
        let price = format::money(voice.language(), charge.price);
        lines.push(say!(voice, "billing-charging", price = price));
    }
    let retry = row.and_then(|row| row.retry_at.filter(|_| row.agreement.is_some()));
    if let Some(retry_at) = retry.filter(|at| *at > turn.received_at) {
        let when = moment(turn, retry_at);
        lines.push(say!(voice, "billing-retry", when = when));
    }
    lines.extend(last_payments(turn).await?);
    let is_offered = !agreement::offers(turn).await?.is_empty();
    if !is_offered && row.is_none() {
        lines.push(String::new());
        lines.push(say!(voice, "billing-none"));
    }
    let rows = buttons(voice, row, is_offered);
    Ok(turn.effects().idle().say(turn.reply(lines.join("\n")).buttons(rows)))
}

async fn agreed(
    turn: &Turn,
    agreement: &AgreementPart,
    row: &BillingRow,
) -> Result<String, TurnError> {
    let (voice, terms) = (turn.voice, &agreement.terms);
    let (pool, tenant) = (&turn.ports.pool, &turn.ports.tenant);
    let product = products::find(pool, tenant, terms.product.product_id).await?;
    let product = product.map(|product| product.name(voice.language()).to_owned());
    let month = turn.today.with_day(1).unwrap_or(turn.today);
    let spent = Money::new(row.spent_minor(month), terms.price.currency);
    let money = |money| format::money(voice.language(), money);
    Ok(say!(
        voice,
        "billing-on",
        threshold = credits::credits_below(voice, terms.threshold_credits),
        product = product.unwrap_or_default(),
        price = money(terms.price),
        spent = money(spent),
        cap = money(terms.monthly_cap)
    ))
}

async fn last_payments(turn: &Turn) -> Result<Vec<String>, TurnError> {
    let (pool, tenant) = (&turn.ports.pool, &turn.ports.tenant);
    let page = PageRequest::first(PAYMENTS);
    let page = payments::list(pool, tenant, Some(turn.account_id()), &page).await?;
    if page.items.is_empty() {
        return Ok(vec![]);
    }
    let title = say!(turn.voice, "billing-payments");
    let lines = page.items.iter().map(|payment| line(turn, payment));
    Ok([String::new(), title].into_iter().chain(lines).collect())
}

fn line(turn: &Turn, payment: &PaymentRow) -> String {
    let voice = turn.voice;
    let price = format::money(voice.language(), payment.price);
    let at = payment.paid_at.unwrap_or(payment.begun_at);
    let day = at.with_timezone(&turn.tenant.time_zone).date_naive();
    let day = format::plain_day(&voice, day, turn.today);
    let is_back =
        |it: &payments::RefundPart| it.standing == RefundStanding::Refunded && !it.surplus;
    match payment.standing {
        Standing::Succeeded if payment.refunds.iter().any(is_back) => {
            say!(voice, "billing-paid-back", day = day, price = price)
        }
        Standing::Succeeded => say!(voice, "billing-paid", day = day, price = price),
        Standing::Failed | Standing::Expired => {
            say!(voice, "billing-failed", day = day, price = price)
        }
        Standing::Intent | Standing::Pending | Standing::Unknown => {
            say!(voice, "billing-open", day = day, price = price)
        }
    }
}

fn buttons(
    voice: Voice,
    row: Option<&BillingRow>,
    is_offered: bool,
) -> Vec<Vec<InlineKeyboardButton>> {
    let is_on = row.is_some_and(|row| row.agreement.is_some());
    let has_card = row.is_some_and(|row| row.method.is_some());
    let mut rows = Vec::new();
    if is_on {
        let off = button(say!(voice, "billing-turn-off"), Press::RechargeOff.to_string());
        rows.push(vec![off]);
    }
    if is_offered {
        let label =
            if is_on { say!(voice, "billing-change") } else { say!(voice, "billing-turn-on") };
        rows.push(vec![button(label, Press::RechargePackages.to_string())]);
    }
    if has_card {
        let remove = button(say!(voice, "billing-remove"), Press::RemoveCard.to_string());
        rows.push(vec![remove]);
    }
    let history = Press::CreditHistory { page: 0 }.to_string();
    rows.push(vec![
        button(say!(voice, "menu-credit-history"), history),
        button(say!(voice, "balance-button"), Press::Balance.to_string()),
    ]);
    rows
}

/// A moment in the tenant's time, such as `tomorrow, 29 November, 14:05`.
pub(super) fn moment(turn: &Turn, at: DateTime<Utc>) -> String {
    let local = at.with_timezone(&turn.tenant.time_zone);
    let day = format::day(&turn.voice, local.date_naive(), turn.today);
    format!("{day}, {}", local.format("%H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_known_by_its_name_and_last_digits() {
        let (brand, last4) = ("visa".to_owned(), "4242".to_owned());
        let card = Card { brand, last4, expiry_month: Some(7), expiry_year: Some(2034) };
        assert_eq!(card_name(&card).replace('\u{a0}', " "), "Visa •••• 4242, 07/2034");
        let bare = Card { brand: String::new(), expiry_month: None, ..card };
        assert_eq!(card_name(&bare).replace('\u{a0}', " "), " •••• 4242");
    }
}
