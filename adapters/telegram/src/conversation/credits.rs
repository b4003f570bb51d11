//! Credits: the balance, the packages, the history, the welcome and beginning anew.

mod card;
mod export;
mod facts;
mod history;
mod month;
mod tutorial;
mod words;

use std::sync::Arc;

use kontor_domain::credit_ledger::{
    CreditLedgerCommand, CreditLedgerRefusal, Open, Reset, credit_ledger_id,
};
use kontor_projections::{
    checkpoints,
    credits::{self, BalanceRow},
};
use uuid::Uuid;

use self::card::Card;
pub(crate) use self::words::credits as credit_words;
pub(super) use self::words::credits_below;
use super::{
    Reply, Schema,
    menu::{Intent, main_keyboard},
    refusals, when,
};
use crate::{
    outgoing::Outgoing,
    press::Press,
    texts::say,
    turn::{Effects, Turn, TurnError, Verdict},
};

/// The numbers of this module's commands; see [`Turn::send`]. Opening comes behind the commands of
/// the first meeting.
const RESET: u8 = 0;
const OPEN: u8 = 2;

pub(super) fn schema() -> Schema {
    let offered: Schema = dptree::filter(|turn: Arc<Turn>| turn.offer().credits);
    offered
        .branch(when(
            |turn| turn.intent == Some(Intent::Balance) || turn.press == Some(Press::Balance),
            balance,
        ))
        .branch(when(|turn| turn.intent == Some(Intent::Reset), reset))
        .branch(history::schema())
        .branch(export::schema())
        .branch(tutorial::schema())
}

/// The customer's ledger: the read model's row, or the words that say why there is none.
pub(super) type Found = Result<BalanceRow, String>;

/// Finds the customer's ledger, and opens it when it is not there yet: for whoever was registered
/// before the tenant dealt with credits, or is quicker than the policy.
async fn ledger(turn: &Turn) -> Result<Found, TurnError> {
    let account_id = turn.account_id();
    if let Some(row) = find(turn).await? {
        return Ok(Ok(row));
    }
    let open = CreditLedgerCommand::Open(Open { account_id });
    let accepted = match turn.send(OPEN, ("credit_ledger", ledger_id(turn)), &open).await? {
        Verdict::Accepted(accepted) => accepted,
        Verdict::Refused(refusal) => return Ok(Err(refusals::credits(turn.voice, &refusal))),
    };
    // Nothing was booked when the policy was first: its booking stands before the head of the log.
    let (pool, wait) = (&turn.ports.pool, turn.ports.view_wait);
    let position = match accepted.last_position {
        Some(position) => position,
        None => checkpoints::head_position(pool).await?,
    };
    checkpoints::wait_for(pool, &["credits"], position, wait).await?;
    Ok(find(turn).await?.ok_or_else(|| say!(turn.voice, "credits-later")))
}

/// The customer's ledger, opened when it is not there yet; the words say why there is none.
pub(super) async fn of_customer(turn: &Turn) -> Result<Found, TurnError> {
    ledger(turn).await
}

/// Makes sure that the customer has a ledger for what they are about to buy; the words say why not.
pub(super) async fn open(turn: &Turn) -> Result<Result<(), String>, TurnError> {
    Ok(ledger(turn).await?.map(|_| ()))
}

async fn find(turn: &Turn) -> Result<Option<BalanceRow>, TurnError> {
    Ok(credits::find(&turn.ports.pool, &turn.ports.tenant, ledger_id(turn)).await?)
}

fn ledger_id(turn: &Turn) -> Uuid {
    credit_ledger_id(turn.account_id())
}

/// What is said to whoever has no ledger to look at.
fn no_ledger(turn: &Turn, words: String) -> Effects {
    let keyboard = main_keyboard(turn.voice, turn.offer());
    turn.effects().idle().say(Outgoing::text(words).keyboard(&keyboard))
}

async fn balance(turn: Arc<Turn>) -> Reply {
    let row = match ledger(&turn).await? {
        Ok(row) => row,
        Err(words) => return Ok(no_ledger(&turn, words)),
    };
    let card = Card::load(&turn, row).await?;
    let message = turn.reply(card.text()).buttons(card.buttons());
    Ok(turn.effects().idle().say(message))
}

/// Adds the balance to the main menu of somebody who comes back. What cannot be shown now is asked
/// for again by a button that is there.
pub(super) async fn add_card(turn: &Turn, effects: Effects) -> Reply {
    match ledger(turn).await? {
        Ok(row) => {
            let card = Card::load(turn, row).await?;
            Ok(effects.say(Outgoing::text(card.text()).buttons(card.buttons())))
        }
        Err(words) => Ok(effects.say(Outgoing::text(words))),
    }
}

/// Welcomes a new customer with their first credits, and offers to show how it works.
pub(super) async fn add_welcome(turn: &Turn, effects: Effects) -> Reply {
    let row = match ledger(turn).await? {
        Ok(row) => row,
        Err(words) => return Ok(effects.say(Outgoing::text(words))),
    };
    let card = Card::load(turn, row).await?;
    let effects = effects.say(Outgoing::text(card.welcome()));
    Ok(tutorial::offer(turn, effects))
}

/// Begins anew, where the tenant is there for tests: the welcome and the tutorial come again.
async fn reset(turn: Arc<Turn>) -> Reply {
    if let Err(words) = ledger(&turn).await? {
        return Ok(no_ledger(&turn, words));
    }
    let command = CreditLedgerCommand::Reset(Reset {});
    let address = ("credit_ledger", ledger_id(&turn));
    match turn.send(RESET, address, &command).await? {
        Verdict::Refused(refusal) => {
            let text = refusals::credits(turn.voice, &refusal);
            Ok(turn.effects().idle().say(Outgoing::text(text)))
        }
        Verdict::Accepted(accepted) => {
            turn.see(&["credits"], &accepted).await?;
            let keyboard = main_keyboard(turn.voice, turn.offer());
            let text = say!(turn.voice, "reset-done");
            let mut effects = turn.effects().idle();
            effects.dialogue.tutorial_over = false;
            add_welcome(&turn, effects.say(Outgoing::text(text).keyboard(&keyboard))).await
        }
    }
}

/// Words a refusal of a ledger's command, as far as a customer can meet it.
pub(super) fn refused(voice: crate::texts::Voice, refusal: &CreditLedgerRefusal) -> Option<String> {
    use CreditLedgerRefusal as No;
    Some(match refusal {
        No::TenantUnknown => say!(voice, "refused-tenant-unknown"),
        No::CreditsOff => say!(voice, "refused-credits-off"),
        No::TestSwitchOff => say!(voice, "refused-test-switch"),
        No::LedgerUnknown => say!(voice, "refused-ledger-unknown"),
        No::NotAllowed => say!(voice, "refused-not-allowed"),
        No::BooksBroken { .. } => say!(voice, "refused-books"),
        No::IdMismatch { .. }
        | No::OutOfRange { .. }
        | No::InstantOutOfRange { .. }
        | No::PaymentMismatch
        | No::SourceReserved
        | No::IdReused { .. }
        | No::TooMany { .. }
        | No::BalanceTooHigh { .. }
        | No::TooManyGifts { .. }
        | No::NotEnoughCredits { .. }
        | No::DebtOpen { .. }
        | No::TooFast { .. }
        | No::DayLimit { .. }
        | No::TooScattered { .. }
        | No::HoldUnknown { .. }
        | No::HoldOver { .. }
        | No::HoldCaptured { .. }
        | No::SpendUnknown { .. }
        | No::NothingLeft { .. }
        | No::GrantUnknown { .. }
        | No::NotPaid { .. }
        | No::Paid { .. }
        | No::Disputed { .. }
        | No::CurrencyMismatch { .. }
        | No::DisputeUnknown { .. }
        | No::DisputeOver { .. }
        | No::RefundUnknown { .. }
        | No::AccountsNotAdjustable => return None,
    })
}
