//! The kept card and what is bought with it by itself: shown, agreed to, changed, stopped.

mod agreement;
mod view;

use std::sync::Arc;

use kontor_domain::billing::{
    BillingCommand, DisableReason, DisableRecharge, RemoveMethod, RemoveReason, billing_id,
};
use kontor_projections::billing::{self, BillingRow, ChargeStage};

use super::{Reply, Schema, menu::Intent, refusals, when};
use crate::{
    format,
    press::{Press, Recharge},
    texts::say,
    turn::{Effects, Turn, TurnError, Verdict},
};

pub(crate) use self::view::card_name;

/// The number of this module's command; see [`Turn::send`]. Opening a ledger and beginning a payment
/// have others.
const BILLING: u8 = 4;

pub(super) fn schema() -> Schema {
    let offered: Schema = dptree::filter(|turn: Arc<Turn>| turn.offer().credits);
    offered
        .branch(when(
            |turn| turn.intent == Some(Intent::Billing) || turn.press == Some(Press::Billing),
            show,
        ))
        .branch(when(|turn| turn.press == Some(Press::RechargePackages), agreement::packages))
        .branch(when(
            |turn| recharge(turn).is_some_and(|it| it.agreed_to.is_none()),
            agreement::choose,
        ))
        .branch(when(
            |turn| recharge(turn).is_some_and(|it| it.agreed_to.is_some()),
            agreement::agree,
        ))
        .branch(when(|turn| turn.press == Some(Press::RechargeOff), turn_off))
        .branch(when(|turn| turn.press == Some(Press::RemoveCard), remove_card))
}

fn recharge(turn: &Turn) -> Option<&Recharge> {
    match &turn.press {
        Some(Press::Recharge(recharge)) => Some(recharge),
        _ => None,
    }
}

async fn find(turn: &Turn) -> Result<Option<BillingRow>, TurnError> {
    Ok(billing::of_account(&turn.ports.pool, &turn.ports.tenant, turn.account_id()).await?)
}

async fn show(turn: Arc<Turn>) -> Reply {
    let row = find(&turn).await?;
    view::show(&turn, row.as_ref(), None).await
}

/// Ends what was agreed to, at once.
async fn turn_off(turn: Arc<Turn>) -> Reply {
    let reason = DisableReason::Customer;
    let disable = BillingCommand::DisableRecharge(DisableRecharge { reason });
    if let Err(effects) = carry_out(&turn, &disable).await? {
        return Ok(effects);
    }
    let row = find(&turn).await?;
    let begun = row.as_ref().and_then(BillingRow::under_way);
    let word = match begun.filter(|charge| charge.stage == ChargeStage::Begun) {
        Some(charge) => {
            let price = format::money(turn.language(), charge.price);
            say!(turn.voice, "recharge-off-last", price = price)
        }
        None => say!(turn.voice, "recharge-off-now"),
    };
    view::show(&turn, row.as_ref(), Some(word)).await
}

/// Forgets the card, at once.
async fn remove_card(turn: Arc<Turn>) -> Reply {
    let row = find(&turn).await?;
    let Some(method) = row.as_ref().and_then(|row| row.method.as_ref()) else {
        return view::show(&turn, row.as_ref(), None).await;
    };
    let (method_id, reason) = (method.method_id, RemoveReason::Customer);
    let remove = BillingCommand::RemoveMethod(RemoveMethod { method_id, reason });
    if let Err(effects) = carry_out(&turn, &remove).await? {
        return Ok(effects);
    }
    let row = find(&turn).await?;
    view::show(&turn, row.as_ref(), Some(say!(turn.voice, "card-removed"))).await
}

/// Sends a command to the customer's billing and waits until it shows; or says why it is refused.
async fn carry_out(
    turn: &Turn,
    command: &BillingCommand,
) -> Result<Result<(), Effects>, TurnError> {
    let address = ("billing", billing_id(turn.account_id()));
    match turn.send(BILLING, address, command).await? {
        Verdict::Accepted(accepted) => {
            turn.see(&["billing"], &accepted).await?;
            Ok(Ok(()))
        }
        Verdict::Refused(refusal) => {
            let text = refusals::billing(turn.voice, &refusal);
            Ok(Err(turn.effects().idle().say(turn.reply(text))))
        }
    }
}
