//! What nobody else wanted: buttons that no longer work, messages that are not understood.

use std::sync::Arc;

use super::{Reply, Schema, menu::main_keyboard, when};
use crate::{dialogue::Step, input::Act, outgoing::Outgoing, texts::say, turn::Turn};

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(|turn| matches!(turn.input.act, Act::Press { .. }), stale_button))
        .branch(when(|_| true, not_understood))
}

/// A button of a question that is over, of an older build, or forged: takes the buttons away and
/// says what works.
async fn stale_button(turn: Arc<Turn>) -> Reply {
    let mut effects = turn.effects();
    if let Act::Press { message_id: Some(message_id), .. } = turn.input.act {
        effects = effects.say(Outgoing::remove_keyboard(message_id));
    }
    let text = match turn.dialogue.step {
        Step::Idle | Step::ReceiptPhone { .. } => say!(turn.voice, "stale-button"),
        Step::AddMeter(_) | Step::Reading(_) | Step::Tutorial { .. } => {
            say!(turn.voice, "stale-button-in-question")
        }
    };
    Ok(effects.say(Outgoing::text(text).keyboard(&main_keyboard(turn.voice, turn.offer()))))
}

async fn not_understood(turn: Arc<Turn>) -> Reply {
    let text = match turn.input.act {
        Act::OtherMessage => say!(turn.voice, "not-readable"),
        Act::Command { .. } => say!(turn.voice, "command-unknown"),
        Act::Text(_) if !turn.offer().meters => say!(turn.voice, "not-understood-credits"),
        Act::Text(_)
        | Act::Photo { .. }
        | Act::Contact { .. }
        | Act::Press { .. }
        | Act::Membership { .. }
        | Act::Paid(_)
        | Act::PaidBack(_) => say!(turn.voice, "not-understood"),
    };
    let message = Outgoing::text(text).keyboard(&main_keyboard(turn.voice, turn.offer()));
    Ok(turn.effects().say(message))
}
