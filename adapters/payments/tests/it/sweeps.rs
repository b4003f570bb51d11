//! Events that Stripe could not deliver: all of them are read, or the sweep says that it is not whole.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{RawQuery, State},
    routing::get,
};
use chrono::DateTime;
use kontor_payments::{Provider, Stripe, StripeSettings, Swept};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// A list of that many events, so many on a page, newest first.
struct List {
    events: usize,
    of_page: usize,
    queries: Mutex<Vec<String>>,
}

async fn page(State(list): State<Arc<List>>, RawQuery(query): RawQuery) -> Json<Value> {
    let query = query.unwrap_or_default();
    let after = query.split('&').find_map(|part| part.strip_prefix("starting_after=evt_"));
    // The id of an event is its place, from the oldest.
    let newest = after.map_or(list.events, |id| id.parse().unwrap());
    list.queries.lock().unwrap().push(query);
    let oldest = newest.saturating_sub(list.of_page);
    let event = |place: usize| {
        let object = json!({"id": format!("pi_{place}"), "object": "payment_intent"});
        json!({"id": format!("evt_{place}"), "type": "payment_intent.succeeded",
            "created": place, "data": {"object": object}})
    };
    let data: Vec<Value> = (oldest..newest).rev().map(event).collect();
    Json(json!({"object": "list", "data": data, "has_more": oldest > 0}))
}

/// What a sweep finds in such a list, and what was asked for.
async fn swept(events: usize, of_page: usize) -> (Swept, Vec<String>) {
    let list = Arc::new(List { events, of_page, queries: Mutex::default() });
    let routes = Router::new().route("/v1/events", get(page)).with_state(Arc::clone(&list));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api_url = format!("http://{}", listener.local_addr().unwrap());
    let serving = async move { axum::serve(listener, routes).await.unwrap() };
    let _serving = AbortOnDropHandle::new(tokio::spawn(serving));
    let (secret_key, webhook_secrets) = ("sk_test".into(), vec![]);
    let stripe = Stripe::new(StripeSettings {
        api_url,
        secret_key,
        webhook_secrets,
        draws_statement: false,
    })
    .unwrap();
    let swept = stripe.sweep(DateTime::UNIX_EPOCH).await.unwrap();
    let queries = list.queries.lock().unwrap().clone();
    (swept, queries)
}

#[tokio::test]
async fn every_lost_event_is_found_however_many_there_are() {
    let (swept, queries) = swept(2_345, 100).await;
    let ids: Vec<_> = swept.found.iter().map(|it| it.external_id.clone()).collect();
    let expected: Vec<_> = (0..2_345).map(|place| format!("evt_{place}")).collect();
    assert_eq!((ids, swept.is_whole, queries.len()), (expected, true, 24));
    for query in &queries {
        assert!(query.contains("delivery_success=false"), "{query}");
        assert!(query.contains("types[]=payment_intent.succeeded"), "{query}");
        assert!(query.matches("types[]=").count() <= 20, "{query}");
    }
}

#[tokio::test]
async fn a_list_that_is_not_read_to_its_end_is_not_whole() {
    let (swept, queries) = swept(1_001, 1).await;
    assert_eq!((swept.found.len(), swept.is_whole, queries.len()), (1_000, false, 1_000));
    // The oldest of them is the one that is still missing.
    assert_eq!(swept.found[0].external_id, "evt_1");
}
