//! What the other side cannot do, and where nothing is sent.

use std::time::Instant;

use kontor_postgres::webhooks;
use kontor_webhooks::Next;
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::{
    stand::{Reply, Stand},
    support::{World, world},
};

pub(crate) async fn last_failure(world: &World) -> String {
    let attempts = webhooks::attempts(&world.pool, world.integrator.id, (true, 1)).await.unwrap();
    attempts[0].failure.clone().unwrap()
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let (stand, elsewhere) = (Stand::open().await, Stand::open().await);
    let world = world(&stand.url()).await;
    stand.answers([Reply::Head(format!("307 There\r\nlocation: {}\r\n", elsewhere.url()))]);
    world.readings(Uuid::now_v7(), 1).await;
    assert!(matches!(world.work().await, Next::At(_)));
    assert!(last_failure(&world).await.contains("redirects are not followed"));
    assert!(elsewhere.got().is_empty());
}

#[tokio::test]
async fn an_answer_that_dribbles_is_cut_off() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    stand.answers([Reply::Dribble]);
    world.readings(Uuid::now_v7(), 1).await;
    world.work().await;
    assert_eq!(last_failure(&world).await, "no answer in time");
}

#[tokio::test]
async fn an_answer_without_an_end_is_read_to_a_bound() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    stand.answers([Reply::Endless]);
    world.readings(Uuid::now_v7(), 2).await;
    let begun = Instant::now();
    assert_eq!(world.work().await, Next::Idle);
    assert!(begun.elapsed().as_secs() < 15);
    assert_eq!(stand.got().len(), 2);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called() {
    let stand = Stand::open().await;
    let world = world(&format!("https://localhost:{}/", stand.port)).await;
    world.readings(Uuid::now_v7(), 1).await;
    let (mut courier, lease) = (world.courier_of(false).await, world.lease().await);
    courier.step(&lease).await.unwrap();
    let failure = last_failure(&world).await;
    assert!(failure.contains("not on the public internet"), "{failure}");
    assert!(stand.got().is_empty());
}

#[tokio::test]
async fn an_address_inside_is_not_called_when_the_setting_forbids_it() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    world.readings(Uuid::now_v7(), 1).await;
    let (mut courier, lease) = (world.courier_of(false).await, world.lease().await);
    courier.step(&lease).await.unwrap();
    assert!(last_failure(&world).await.contains("only https"));
    assert!(stand.got().is_empty());
}

#[tokio::test]
async fn the_secret_stands_in_no_table_in_clear() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    world.readings(Uuid::now_v7(), 1).await;
    world.work().await;
    let secret = world.secret.expose_secret();
    let rows: Vec<String> = sqlx::query_scalar(
        "select t::text from webhook_secrets t union all select t::text from webhooks t
         union all select t::text from webhook_attempts t",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    assert!(!rows.concat().contains(secret.trim_start_matches("whsec_")));
}
