//! Settings: language, telephone number, consent.

use std::sync::Arc;

use kontor_domain::{
    Phone,
    account::{AccountCommand, ChangePhone, WithdrawConsent},
};

use super::{
    Reply, Schema,
    menu::{Intent, main_keyboard},
    purchases, refusals,
    reminders::switch_button,
    start::other_language_button,
    when,
};
use crate::{
    format,
    input::Act,
    outgoing::{Outgoing, button, contact_keyboard},
    press::Press,
    texts::say,
    turn::{Turn, Verdict},
};

/// The number of this module's commands; see [`Turn::send`].
const CHANGE: u8 = 0;

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(
            |turn| turn.intent == Some(Intent::Settings) || turn.press == Some(Press::Settings),
            settings,
        ))
        .branch(when(|turn| turn.press == Some(Press::SharePhone), ask_phone))
        .branch(when(|turn| matches!(turn.input.act, Act::Contact { .. }), contact))
        .branch(when(|turn| turn.press == Some(Press::RemovePhone), remove_phone))
        .branch(when(|turn| turn.press == Some(Press::WithdrawConsent), ask_withdrawal))
        .branch(when(|turn| turn.press == Some(Press::WithdrawConsentSure), withdraw))
}

async fn settings(turn: Arc<Turn>) -> Reply {
    let voice = turn.voice;
    let phone = turn.account.as_ref().and_then(|account| account.phone.as_ref());
    let phone_line = match phone {
        Some(phone) => say!(voice, "settings-phone", phone = veiled(phone)),
        None => say!(voice, "settings-no-phone"),
    };
    let consent = turn.account.as_ref().and_then(|account| account.consent.as_ref());
    let mut text = say!(voice, "settings", phone = phone_line);
    if let Some(consent) = consent {
        let given = consent.given_at.with_timezone(&turn.tenant.time_zone).date_naive();
        let day = format::plain_day(&voice, given, turn.today);
        text.push('\n');
        text.push_str(&say!(voice, "settings-consent", day = day));
    }
    let phone_button = match phone {
        Some(_) => button(say!(voice, "phone-remove"), Press::RemovePhone.to_string()),
        None => button(say!(voice, "phone-share"), Press::SharePhone.to_string()),
    };
    let mut rows = vec![vec![other_language_button(voice)], vec![phone_button]];
    if turn.offer().meters {
        let muted = turn.account.as_ref().is_some_and(|it| it.reminders_muted);
        rows.push(vec![switch_button(voice, muted)]);
    }
    let withdraw = say!(voice, "consent-withdraw");
    rows.push(vec![button(withdraw, Press::WithdrawConsent.to_string())]);
    Ok(turn.effects().idle().say(turn.reply(text).buttons(rows)))
}

/// The last four digits are enough to know one's own number by.
fn veiled(phone: &Phone) -> String {
    let digits = phone.as_str();
    let last = digits.get(digits.len().saturating_sub(4)..).unwrap_or_default();
    format!("•••{}{last}", format::NO_BREAK_SPACE)
}

async fn ask_phone(turn: Arc<Turn>) -> Reply {
    let keyboard =
        contact_keyboard(say!(turn.voice, "phone-button"), say!(turn.voice, "menu-back"));
    let message = Outgoing::text(say!(turn.voice, "phone-ask")).keyboard(&keyboard);
    Ok(turn.effects().idle().say(message))
}

/// Takes a number only from its owner: a contact out of the address book proves nothing.
async fn contact(turn: Arc<Turn>) -> Reply {
    let Act::Contact { phone, owner_id } = &turn.input.act else {
        return Ok(turn.effects());
    };
    let menu = main_keyboard(turn.voice, turn.offer());
    if *owner_id != Some(turn.input.person.id) {
        let text = say!(turn.voice, "phone-not-yours");
        return Ok(turn.effects().say(Outgoing::text(text).keyboard(&menu)));
    }
    let Ok(phone) = phone.parse::<Phone>() else {
        let text = say!(turn.voice, "phone-unreadable");
        return Ok(turn.effects().say(Outgoing::text(text).keyboard(&menu)));
    };
    match change_phone(&turn, Some(phone)).await? {
        Ok(()) => {
            // Whoever was asked for it in the middle of a purchase goes on with that.
            let effects = purchases::go_on(&turn).await?;
            let text = say!(turn.voice, "phone-saved");
            Ok(effects.say(Outgoing::text(text).keyboard(&menu)))
        }
        Err(words) => Ok(turn.effects().say(Outgoing::text(words).keyboard(&menu))),
    }
}

async fn remove_phone(turn: Arc<Turn>) -> Reply {
    let text = match change_phone(&turn, None).await? {
        Ok(()) => say!(turn.voice, "phone-removed"),
        Err(words) => words,
    };
    Ok(turn.effects().idle().say(turn.reply(text)))
}

async fn change_phone(
    turn: &Turn,
    phone: Option<Phone>,
) -> Result<Result<(), String>, crate::turn::TurnError> {
    let command = AccountCommand::ChangePhone(ChangePhone { phone });
    match turn.send(CHANGE, ("account", turn.account_id()), &command).await? {
        Verdict::Accepted(accepted) => {
            turn.see(&["accounts"], &accepted).await?;
            Ok(Ok(()))
        }
        Verdict::Refused(refusal) => Ok(Err(refusals::account(turn.voice, &refusal))),
    }
}

async fn ask_withdrawal(turn: Arc<Turn>) -> Reply {
    let voice = turn.voice;
    let text = if turn.offer().meters {
        say!(voice, "withdraw-ask")
    } else {
        say!(voice, "withdraw-ask-credits")
    };
    let message = turn.reply(text).buttons(vec![
        vec![button(say!(voice, "withdraw-yes"), Press::WithdrawConsentSure.to_string())],
        vec![button(say!(voice, "withdraw-no"), Press::Settings.to_string())],
    ]);
    Ok(turn.effects().idle().say(message))
}

async fn withdraw(turn: Arc<Turn>) -> Reply {
    let command = AccountCommand::WithdrawConsent(WithdrawConsent {});
    match turn.send(CHANGE, ("account", turn.account_id()), &command).await? {
        Verdict::Refused(refusal) => {
            let text = refusals::account(turn.voice, &refusal);
            Ok(turn.effects().say(Outgoing::text(text)))
        }
        Verdict::Accepted(accepted) => {
            turn.see(&["accounts"], &accepted).await?;
            let mut effects = turn.effects().idle();
            effects.dialogue.registered = false;
            let gone = Outgoing::text(say!(turn.voice, "withdraw-start")).no_keyboard();
            Ok(effects.say(turn.reply(say!(turn.voice, "withdraw-done"))).say(gone))
        }
    }
}
