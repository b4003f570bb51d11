//! What follows the log: a read model, whose effect is in the database, and the relay, whose effect is
//! outside of it.

use std::{sync::Arc, time::Duration};

use kontor_domain::Recorded;
use tokio::time::sleep;

use super::{
    World,
    database::{Failed, RELAY, Session},
    events::Stored,
};

/// How often a follower looks for new events.
const POLL: Duration = Duration::from_millis(300);
/// How often a follower that stands by asks for the lease.
const STANDBY: Duration = Duration::from_millis(700);
/// The pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// The most events of a page.
const PAGE: usize = 4;

/// Follows the log whenever the lease can be had, for ever.
pub(super) async fn follow(world: Arc<World>, name: &'static str, owner: String) {
    loop {
        if let Some(session) = world.acquire(&format!("follower.{name}"), &owner).await
            && let Some(position) = world.claim(name, session.epoch).await
        {
            run(&world, &session, name, position).await;
        }
        sleep(STANDBY).await;
    }
}

/// Page by page, until the lease or the checkpoint is another's.
async fn run(world: &World, session: &Session, name: &'static str, mut position: i64) {
    let mut tail = None;
    while session.keep().await {
        let page = page(world, position);
        let last = page.last().map_or(position, |event| event.position);
        if name == RELAY {
            if page.is_empty() {
                // Whether the stream still has what was published.
                tail = None;
            }
            if !bring_up_to(world, last, &mut tail).await {
                sleep(RETRY_PAUSE).await;
                continue;
            }
        }
        if page.is_empty() {
            sleep(POLL).await;
            continue;
        }
        match world.advance(session, name, (position, &page)).await {
            Ok(true) => {
                world.note(format!("{} moves {name} to {last}", session.owner));
                position = last;
            }
            Ok(false) => {
                world.note(format!("{} is fenced from {name}", session.owner));
                return;
            }
            Err(Failed) => sleep(RETRY_PAUSE).await,
        }
    }
}

fn page(world: &World, after: i64) -> Vec<Recorded> {
    let after = usize::try_from(after).unwrap();
    world.log.events().into_iter().skip(after).take(PAGE).collect()
}

/// Publishes what the stream lacks of the log up to a position, each event behind its predecessor.
/// `tail` is where the stream ended when this relay last saw it. `false` when it has to be repeated.
async fn bring_up_to(world: &World, until: i64, tail: &mut Option<usize>) -> bool {
    let log = world.log.events();
    let until = usize::try_from(until).unwrap();
    let mut end = match tail.take() {
        Some(end) => end,
        None => match world.stream_end().await {
            Ok(id) => {
                log.iter().position(|event| Some(event.event_id) == id).map_or(0, |at| at + 1)
            }
            Err(_) => return false,
        },
    };
    while end < until {
        let before = end.checked_sub(1).map(|before| log[before].event_id);
        match world.publish_event(log[end].event_id, before).await {
            Ok(Stored::Yes) => end += 1,
            Ok(Stored::WrongLast) | Err(_) => return false,
        }
    }
    *tail = Some(end);
    true
}
