use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::json;

use crate::support::World;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What the newest event says of its trace.
async fn recorded(world: &World) -> Option<String> {
    sqlx::query_scalar("select metadata->>'trace' from events order by position desc limit 1")
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_trace_of_a_request_is_recorded_and_a_hostile_one_is_passed_by() {
    let world = World::new().await;
    let long = format!("01-{}-{}", &TRACE[3..], "a".repeat(4_000));
    let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
    for (headers, expected) in [
        (&[TRACE][..], Some(TRACE)),
        (&[], None),
        (&[TRACE, TRACE], None),
        (&[zero], None),
        (&[&long], None),
        (&["00-'; drop table events;--"], None),
        (&[""], None),
    ] {
        let mut request = Request::post("/v1/accounts")
            .header("x-auth-key", &world.operator)
            .header("content-type", "application/json");
        for header in headers {
            request = request.header("traceparent", *header);
        }
        let body = json!({ "display_name": "Анна Ёлкина" }).to_string();
        let answer = world.call(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{headers:?} {answer}");
        assert_eq!(recorded(&world).await.as_deref(), expected, "{headers:?}");
    }
}
