//! What the bot talks about: one module per subject, each with a `schema()` of handlers, joined to
//! one tree.

mod add_meter;
mod billing;
mod credits;
mod fallback;
mod history;
mod members;
pub(crate) mod menu;
mod meters;
mod purchases;
mod reading;
mod refusals;
mod reminders;
mod settings;
mod start;

use std::{ops::ControlFlow, sync::Arc};

use dptree::{Handler, deps};

pub(crate) use self::{
    billing::card_name, credits::credit_words, meters::name as meter_name, purchases::page_message,
};

use crate::{
    outgoing::Outgoing,
    texts::say,
    turn::{Effects, Turn, TurnError},
};

/// What a handler ends with.
pub(crate) type Reply = Result<Effects, TurnError>;

/// A tree of handlers.
pub(crate) type Schema = Handler<'static, Reply>;

/// The version of the consent text in the locale files; change it together with them.
pub(crate) const CONSENT_VERSION: &str = "2026-11";

/// The version of the consent texts that speak of credits.
pub(crate) const CONSENT_VERSION_CREDITS: &str = "2026-11-credits";

/// The whole conversation.
///
/// The order matters: whoever has not given consent gets no further than `start`, the main menu
/// works from every question, and what nobody wants is answered by `fallback`.
pub(crate) fn schema() -> Schema {
    dptree::entry()
        .branch(purchases::receipts())
        .branch(members::schema())
        .branch(start::schema())
        .branch(menu::schema())
        .branch(settings::schema())
        .branch(purchases::schema())
        .branch(billing::schema())
        .branch(credits::schema())
        .branch(about_meters())
        .branch(fallback::schema())
}

/// What is understood where a tenant has meters.
fn about_meters() -> Schema {
    let offered: Schema = dptree::filter(|turn: Arc<Turn>| turn.offer().meters);
    offered
        .branch(reminders::schema())
        .branch(meters::schema())
        .branch(history::schema())
        .branch(add_meter::schema())
        .branch(reading::schema())
}

/// Handles a turn.
pub(crate) async fn handle(schema: &Schema, turn: Arc<Turn>) -> Reply {
    match schema.dispatch(deps![Arc::clone(&turn)]).await {
        ControlFlow::Break(reply) => reply.map(|effects| effects.finished(&turn)),
        // `fallback` takes everything, so this is not reached; a turn without effects is harmless.
        ControlFlow::Continue(_) => Ok(turn.effects()),
    }
}

/// The reply to an update that led to another command before, in a conversation that stood
/// elsewhere: nothing is done twice, and the person can look what stands.
pub(crate) fn superseded(turn: &Turn) -> Effects {
    let text = say!(turn.voice, "superseded");
    let message = Outgoing::text(text).keyboard(&menu::main_keyboard(turn.voice, turn.offer()));
    turn.effects().idle().say(message).finished(turn)
}

/// A tree that handles the turns that `wanted` picks.
fn when<F, Fut>(wanted: fn(&Turn) -> bool, handler: F) -> Schema
where
    F: Fn(Arc<Turn>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Reply> + Send + 'static,
{
    let handler = Arc::new(handler);
    dptree::filter(move |turn: Arc<Turn>| wanted(&turn)).endpoint(move |turn: Arc<Turn>| {
        let handler = Arc::clone(&handler);
        async move { handler(turn).await }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dptree::{HandlerSignature, Type, type_check};

    use super::schema;
    use crate::turn::Turn;

    #[test]
    fn every_handler_finds_what_it_asks_for() {
        let tree = schema();
        assert_ne!(tree.sig(), &HandlerSignature::Entry);
        type_check(tree.sig(), &dptree::di::DependencyMap::new(), &[Type::of::<Arc<Turn>>()]);
    }
}
