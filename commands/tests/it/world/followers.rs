//! What follows the log: a read model, whose effect is in the database, and the relay, whose effect is
//! outside of it.

use std::{sync::Arc, time::Duration};

use kontor_domain::Recorded;
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    World,
    database::{FOLLOWERS, Failed, Session},
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
    let mut last_published = None;
    while session.keep().await {
        let page = page(world, position);
        let Some(last) = page.last().map(|event| event.position) else {
            sleep(POLL).await;
            continue;
        };
        if name != FOLLOWERS[0] && !publish(world, &page, &mut last_published).await {
            sleep(RETRY_PAUSE).await;
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

/// Publishes a page, each event naming the one before it. `false` when it has to be repeated.
async fn publish(world: &World, page: &[Recorded], last: &mut Option<Uuid>) -> bool {
    for event in page {
        match world.publish_event(event.event_id, *last).await {
            Ok(Stored::Yes) => *last = Some(event.event_id),
            Ok(Stored::WrongLast) | Err(_) => {
                *last = None;
                return false;
            }
        }
    }
    true
}
