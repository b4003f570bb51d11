//! From where on a policy acts.

use serde_json::json;
use uuid::Uuid;

use crate::{
    ledger::catch_up,
    policies::{follower, named, say, say_as, states},
    support::world,
};

#[tokio::test]
async fn a_policy_acts_on_the_first_event_that_comes_after_it_has_begun() {
    let world = world().await;
    let (log, _) = world.log();
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    let mut follower = follower(&world, 1);
    catch_up(&mut follower).await;
    assert_eq!(states(&world).await, [], "that was before");
    // Not for it: it reads past these without a transaction.
    say_as(&log, Uuid::now_v7(), "meter.registered", &json!({})).await;
    catch_up(&mut follower).await;
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    catch_up(&mut follower).await;
    assert_eq!(states(&world).await, named(&[(1, "pending")]));
}

#[tokio::test]
async fn a_policy_that_begins_on_an_empty_log_acts_on_its_very_first_event() {
    let world = world().await;
    let (log, _) = world.log();
    let mut follower = follower(&world, 1);
    catch_up(&mut follower).await;
    say_as(&log, Uuid::now_v7(), "meter.registered", &json!({})).await;
    catch_up(&mut follower).await;
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    catch_up(&mut follower).await;
    assert_eq!(states(&world).await, named(&[(1, "pending")]));
}
