//! Reminders as people steer them: asked for outside the window, switched off and on again.

use std::sync::Arc;

use kontor_domain::account::{
    AccountCommand, AskReadingReminder, MuteReadingReminders, UnmuteReadingReminders,
};
use teloxide::types::InlineKeyboardButton;

use super::{Reply, Schema, refusals, when};
use crate::{
    format,
    outgoing::{Outgoing, button},
    press::Press,
    texts::{Voice, say},
    turn::{Turn, Verdict},
};

/// The number of this module's commands; see [`Turn::send`].
const REMINDERS: u8 = 0;

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(|turn| turn.press == Some(Press::RemindMe), remind_me))
        .branch(when(|turn| turn.press == Some(Press::MuteReminders), mute))
        .branch(when(|turn| turn.press == Some(Press::UnmuteReminders), unmute))
}

/// The button under the refusal of a reading outside the window.
pub(super) fn remind_button(voice: Voice) -> InlineKeyboardButton {
    button(say!(voice, "remind-me"), Press::RemindMe.to_string())
}

/// The button in the settings that changes what holds.
pub(super) fn switch_button(voice: Voice, muted: bool) -> InlineKeyboardButton {
    if muted {
        button(say!(voice, "remind-unmute"), Press::UnmuteReminders.to_string())
    } else {
        button(say!(voice, "remind-mute"), Press::MuteReminders.to_string())
    }
}

async fn remind_me(turn: Arc<Turn>) -> Reply {
    let ask = AccountCommand::AskReadingReminder(AskReadingReminder {});
    let text = match turn.send(REMINDERS, ("account", turn.account_id()), &ask).await? {
        Verdict::Accepted(_) => {
            let opens_on = turn.tenant.meter_rules.next_opening(turn.today);
            let opens = format::day(&turn.voice, opens_on, turn.today);
            say!(turn.voice, "remind-promised", opens = opens)
        }
        Verdict::Refused(refusal) => refusals::account(turn.voice, &refusal),
    };
    // A new message: the refusal with the days of the window stays readable.
    Ok(turn.effects().idle().say(Outgoing::text(text)))
}

async fn mute(turn: Arc<Turn>) -> Reply {
    let mute = AccountCommand::MuteReadingReminders(MuteReadingReminders {});
    switched(&turn, &mute, say!(turn.voice, "remind-muted"), true).await
}

async fn unmute(turn: Arc<Turn>) -> Reply {
    let unmute = AccountCommand::UnmuteReadingReminders(UnmuteReadingReminders {});
    switched(&turn, &unmute, say!(turn.voice, "remind-unmuted"), false).await
}

async fn switched(turn: &Turn, command: &AccountCommand, done: String, muted: bool) -> Reply {
    match turn.send(REMINDERS, ("account", turn.account_id()), command).await? {
        Verdict::Accepted(accepted) => {
            turn.see(&["accounts"], &accepted).await?;
            let back = vec![vec![switch_button(turn.voice, muted)]];
            Ok(turn.effects().idle().say(Outgoing::text(done).buttons(back)))
        }
        Verdict::Refused(refusal) => {
            let text = refusals::account(turn.voice, &refusal);
            Ok(turn.effects().idle().say(Outgoing::text(text)))
        }
    }
}
