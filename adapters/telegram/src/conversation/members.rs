//! Blocking and unblocking, and groups, where the bot does not talk.

use std::sync::Arc;

use kontor_domain::account::{AccountCommand, BotName};

use super::{Reply, Schema, when};
use crate::{
    input::Act,
    outgoing::Outgoing,
    texts::say,
    turn::{Turn, Verdict},
};

/// The number of this module's command; see [`Turn::send`].
const MEMBERSHIP: u8 = 0;

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(|turn| !turn.input.is_private, group))
        .branch(when(|turn| matches!(turn.input.act, Act::Membership { .. }), membership))
}

/// Meters and figures are nobody else's business; only commands are answered, so that the bot
/// stays silent in other people's talk.
async fn group(turn: Arc<Turn>) -> Reply {
    match turn.input.act {
        Act::Command { .. } => {
            let text = say!(turn.voice, "group-hint");
            Ok(turn.effects().say(Outgoing::text(text)))
        }
        Act::Text(_)
        | Act::Photo { .. }
        | Act::Contact { .. }
        | Act::OtherMessage
        | Act::Press { .. }
        | Act::Membership { .. }
        | Act::Paid(_)
        | Act::PaidBack(_) => Ok(turn.effects()),
    }
}

/// Records that the person blocked or unblocked the bot. Who never registered has no account to
/// record it in, and that is all right.
async fn membership(turn: Arc<Turn>) -> Reply {
    let Act::Membership { blocked } = turn.input.act else {
        return Ok(turn.effects());
    };
    let bot = BotName { bot: turn.ports.bot.clone() };
    let command =
        if blocked { AccountCommand::BlockBot(bot) } else { AccountCommand::UnblockBot(bot) };
    match turn.send(MEMBERSHIP, ("account", turn.account_id()), &command).await? {
        Verdict::Accepted(_) => {}
        Verdict::Refused(refusal) => tracing::debug!(
            bot = turn.ports.bot,
            refusal.code = refusal.code,
            "A change of membership was not recorded: {}",
            refusal.code
        ),
    }
    Ok(turn.effects())
}
