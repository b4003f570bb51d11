//! Paying by card: the provider's page opens for a payment, and its address goes into the chat.

use std::time::Duration as Wait;

use chrono::Duration;
use kontor_domain::{
    Money,
    billing::RechargeTerms,
    credit_ledger::PaymentProvider,
    payment::{Begin, PaymentCommand, ProductSold},
};
use kontor_postgres::checkouts::{self, Asked, CheckoutRow, CheckoutState, Keeping};
use kontor_projections::products::ProductRow;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{BEGIN, Reply, credits, refused};
use crate::{
    conversation::refusals,
    dialogue::Step,
    format,
    outgoing::{Outgoing, button, contact_keyboard, link},
    press::Press,
    settings::CardAccount,
    texts::{Voice, say},
    turn::{Turn, Verdict},
};

/// How long a page can be paid on: whoever chose to pay does so now.
const OFFER: Duration = Duration::hours(1);

/// How long a turn waits for the page: providers answer within a second.
const PAGE_WAIT: Wait = Wait::from_millis(2_500);
/// How often the turn looks for it.
const PAGE_LOOK: Wait = Wait::from_millis(60);

/// A button for each account, when several take money for a product.
pub(super) fn ask(
    turn: &Turn,
    row: &ProductRow,
    ways: &[(&CardAccount, Money)],
) -> crate::turn::Effects {
    let voice = turn.voice;
    let text = say!(voice, "card-choice", product = row.name(voice.language()));
    let buttons = ways.iter().map(|(account, price)| {
        let price = format::money(voice.language(), *price);
        let label = match account.provider {
            PaymentProvider::Stripe => say!(voice, "card-stripe", price = price),
            PaymentProvider::Yookassa => say!(voice, "card-yookassa", price = price),
            PaymentProvider::TelegramStars | PaymentProvider::Manual => price,
        };
        let account = account.name.clone();
        let press = Press::PayByCard { product_id: row.product_id, account };
        vec![button(label, press.to_string())]
    });
    turn.effects().idle().say(turn.reply(text).buttons(buttons.collect()))
}

/// Opens the page of a payment, once there is a telephone number where one is needed.
pub(super) async fn pay(
    turn: &Turn,
    row: &ProductRow,
    (account, price): (&CardAccount, Money),
) -> Reply {
    let has_phone = turn.account.as_ref().is_some_and(|account| account.phone.is_some());
    if account.wants_phone && !has_phone {
        let (voice, name) = (turn.voice, account.name.clone());
        let keyboard = contact_keyboard(say!(voice, "phone-button"), say!(voice, "menu-back"));
        let message = Outgoing::text(say!(voice, "card-phone")).keyboard(&keyboard);
        let step = Step::ReceiptPhone { product_id: row.product_id, account: name };
        return Ok(turn.effects().ask(turn, step, message));
    }
    open_page(turn, row, (account, price)).await
}

/// Begins a payment and waits a little for its page. A page that takes longer is sent later.
pub(super) async fn open_page(turn: &Turn, row: &ProductRow, way: (&CardAccount, Money)) -> Reply {
    buy_on_page(turn, row, way, None).await
}

/// The same on a page that keeps the card: what was agreed to holds from then on.
pub(in crate::conversation) async fn buy_keeping(
    turn: &Turn,
    row: &ProductRow,
    way: (&CardAccount, Money),
    terms: RechargeTerms,
) -> Reply {
    let (account_id, agreement) = (turn.account_id(), Some(terms));
    buy_on_page(turn, row, way, Some(Keeping { account_id, agreement })).await
}

async fn buy_on_page(
    turn: &Turn,
    row: &ProductRow,
    (account, price): (&CardAccount, Money),
    keeping: Option<Keeping>,
) -> Reply {
    let (voice, pool) = (turn.voice, &turn.ports.pool);
    if let Err(words) = credits::open(turn).await? {
        return Ok(turn.effects().idle().say(Outgoing::text(words)));
    }
    let payment_id = turn.command_id(BEGIN);
    let expires_at = turn.received_at + OFFER;
    let begin = PaymentCommand::Begin(Begin {
        account_id: turn.account_id(),
        product: ProductSold {
            product_id: row.product_id,
            version: row.version,
            gives: row.gives(),
        },
        price,
        provider: account.provider,
        channel: account.channel.clone(),
        expires_at,
    });
    if let Verdict::Refused(refusal) = turn.send(BEGIN, ("payment", payment_id), &begin).await? {
        let text = refused(voice, refusal.to_refusal().ok().as_ref())
            .unwrap_or_else(|| refusals::other(voice, &refusal));
        return Ok(turn.effects().idle().say(Outgoing::text(text)));
    }
    let asked = Asked {
        title: row.name(voice.language()).to_owned(),
        price,
        language: voice.language(),
        expires_at,
        return_url: account.return_url.clone(),
    };
    let door = (&turn.ports.tenant, account.channel.as_str());
    match &keeping {
        Some(keeping) => {
            checkouts::want_keeping(pool, door, payment_id, (&asked, keeping)).await?;
        }
        None => checkouts::want(pool, door, payment_id, &asked).await?,
    }
    wait_for_page(turn, payment_id).await
}

async fn wait_for_page(turn: &Turn, payment_id: Uuid) -> Reply {
    let (voice, pool) = (turn.voice, &turn.ports.pool);
    let deadline = Instant::now() + PAGE_WAIT;
    loop {
        if let Some(row) = checkouts::find(pool, payment_id).await?
            && row.state != CheckoutState::Wanted
        {
            return Ok(turn.effects().idle().say(page_message(voice, &row)));
        }
        if Instant::now() >= deadline {
            break;
        }
        sleep(PAGE_LOOK).await;
    }
    checkouts::tell_later(pool, payment_id, &turn.ports.bot).await?;
    Ok(turn.effects().idle().say(Outgoing::text(say!(voice, "card-soon"))))
}

/// What a customer is told of a page: where it is, or that there is none.
pub(crate) fn page_message(voice: Voice, row: &CheckoutRow) -> Outgoing {
    let price = format::money(voice.language(), row.asked.price);
    let page = row.url.as_deref().filter(|_| row.state != CheckoutState::Refused);
    let title = row.asked.title.as_str();
    let (label, text) = if row.is_recharge() {
        (
            say!(voice, "recharge-confirm-button", price = price.clone()),
            say!(voice, "recharge-confirm", product = title, price = price),
        )
    } else if row.keep_card {
        (
            say!(voice, "card-pay", price = price.clone()),
            say!(voice, "recharge-page", product = title, price = price),
        )
    } else {
        (
            say!(voice, "card-pay", price = price.clone()),
            say!(voice, "card-page", product = title, price = price),
        )
    };
    match page.and_then(|url| link(label, url)) {
        Some(button) => Outgoing::text(text).buttons(vec![vec![button]]),
        None => Outgoing::text(say!(voice, "card-refused")),
    }
}
