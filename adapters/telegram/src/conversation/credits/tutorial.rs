//! The tutorial: three steps in one message, and a gift at the end, once.

use std::sync::Arc;

use kontor_domain::credit_ledger::{ClaimTutorialBonus, CreditLedgerCommand};

use super::{card::Card, ledger, ledger_id, no_ledger, words};
use crate::{
    conversation::{
        Reply, Schema,
        menu::{Intent, main_keyboard},
        refusals, when,
    },
    dialogue::Step,
    outgoing::Outgoing,
    press::{Answer, Press},
    texts::{Voice, say},
    turn::{Effects, Turn, Verdict},
};

/// The number of this module's command; see [`Turn::send`].
const CLAIM: u8 = 0;

/// How many steps there are.
pub(crate) const STEPS: u8 = 3;

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(
            |turn| turn.intent == Some(Intent::Tutorial) || turn.press == Some(Press::Tutorial),
            begin,
        ))
        .branch(when(
            |turn| matches!(turn.dialogue.step, Step::Tutorial { .. }) && turn.answer().is_some(),
            go_on,
        ))
}

/// Offers the tutorial to a new customer.
pub(super) fn offer(turn: &Turn, effects: Effects) -> Effects {
    let (voice, bonus) = (turn.voice, turn.tenant.credit_rules.tutorial_credits);
    let text = if bonus > 0 {
        say!(voice, "tutorial-offer-bonus", credits = words::credits(voice, bonus))
    } else {
        say!(voice, "tutorial-offer")
    };
    let buttons = vec![
        vec![turn.answer_button(say!(voice, "tutorial-yes"), Answer::Yes)],
        vec![turn.answer_button(say!(voice, "tutorial-no"), Answer::Skip)],
    ];
    effects.ask(turn, Step::Tutorial { number: 0 }, Outgoing::text(text).buttons(buttons))
}

async fn begin(turn: Arc<Turn>) -> Reply {
    Ok(step(&turn, 1))
}

/// The answer to a step: the next one, the end, or no tutorial.
async fn go_on(turn: Arc<Turn>) -> Reply {
    let Step::Tutorial { number } = turn.dialogue.step else { return Ok(turn.effects()) };
    match turn.answer() {
        Some(Answer::Yes) if number < STEPS => Ok(step(&turn, number + 1)),
        Some(Answer::Yes) => finish(&turn).await,
        Some(Answer::Skip) => {
            let mut effects = turn.effects().idle();
            effects.dialogue.tutorial_over = true;
            Ok(effects.say(turn.reply(say!(turn.voice, "tutorial-declined"))))
        }
        // No step asks for anything else.
        Some(
            Answer::Cancel | Answer::Back | Answer::Edit | Answer::Choice(_) | Answer::Meter(_),
        )
        | None => Ok(turn.effects()),
    }
}

fn step(turn: &Turn, number: u8) -> Effects {
    let voice = turn.voice;
    let text = say!(
        voice,
        "tutorial-step",
        number = number,
        steps = STEPS,
        dots = dots(number),
        text = words_of(voice, number, turn.tenant.credit_rules.message_cost)
    );
    let next =
        if number < STEPS { say!(voice, "tutorial-next") } else { say!(voice, "tutorial-finish") };
    let mut buttons = vec![vec![turn.answer_button(next, Answer::Yes)]];
    if number < STEPS {
        buttons.push(vec![turn.answer_button(say!(voice, "tutorial-no"), Answer::Skip)]);
    }
    turn.effects().ask(turn, Step::Tutorial { number }, turn.reply(text).buttons(buttons))
}

/// How far it is: `▰▰▱`.
fn dots(number: u8) -> String {
    let done = usize::from(number.min(STEPS));
    "▰".repeat(done) + &"▱".repeat(usize::from(STEPS) - done)
}

fn words_of(voice: Voice, number: u8, message_cost: i64) -> String {
    match number {
        1 if message_cost == 0 => say!(voice, "tutorial-one-free"),
        1 => {
            let messages = words::messages(voice, 1);
            let credits = words::credits(voice, message_cost);
            say!(voice, "tutorial-one", messages = messages, credits = credits)
        }
        2 => say!(voice, "tutorial-two"),
        _ => say!(voice, "tutorial-three"),
    }
}

/// The gift is the ledger's to give, once: whoever takes the tutorial again gets the knowledge.
async fn finish(turn: &Turn) -> Reply {
    let voice = turn.voice;
    if let Err(words) = ledger(turn).await? {
        return Ok(no_ledger(turn, words));
    }
    let claim = CreditLedgerCommand::ClaimTutorialBonus(ClaimTutorialBonus {});
    let accepted = match turn.send(CLAIM, ("credit_ledger", ledger_id(turn)), &claim).await? {
        Verdict::Accepted(accepted) => accepted,
        Verdict::Refused(refusal) => {
            let text = refusals::credits(voice, &refusal);
            return Ok(turn.effects().idle().say(turn.reply(text)));
        }
    };
    let bonus = turn.tenant.credit_rules.tutorial_credits;
    let text = if bonus <= 0 {
        say!(voice, "tutorial-done")
    } else if accepted.last_position.is_none() {
        say!(voice, "tutorial-done-again")
    } else {
        turn.see(&["credits"], &accepted).await?;
        let bar = match ledger(turn).await? {
            Ok(row) => Card::load(turn, row).await?.bar(),
            Err(_) => String::new(),
        };
        say!(voice, "tutorial-done-bonus", credits = words::credits(voice, bonus), bar = bar)
    };
    let mut effects = turn.effects().idle();
    effects.dialogue.tutorial_over = true;
    let menu = say!(voice, "menu-here");
    let keyboard = main_keyboard(voice, turn.offer());
    Ok(effects.say(turn.reply(text)).say(Outgoing::text(menu).keyboard(&keyboard)))
}
