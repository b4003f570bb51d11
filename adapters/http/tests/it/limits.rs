use insta::assert_snapshot;
use kontor_http::{ApiSettings, Rate};

use crate::support::{World, settings};

#[tokio::test]
async fn a_key_that_asks_too_much_waits_and_others_do_not() {
    let slow = ApiSettings { rate_per_key: Rate::new(1, 5), ..settings() };
    let world = World::with(slow).await;
    let mut last = world.get(&world.operator, "/v1/accounts").await;
    for _ in 0..200 {
        if last.status == 429 {
            break;
        }
        last = world.get(&world.operator, "/v1/accounts").await;
    }
    assert_snapshot!(last, @r#"
    429 Too Many Requests
    retry-after: 1
    {
      "code": "rate_limited",
      "detail": "too many requests; slow down and try again later",
      "request_id": "[uuid]",
      "status": 429,
      "title": "Rate limited",
      "type": "/problems/rate_limited"
    }
    "#);
    assert_eq!(world.get(&world.reader, "/v1/accounts").await.status, 200);
}

#[tokio::test]
async fn an_address_that_asks_too_much_waits_with_and_without_a_key() {
    let slow = ApiSettings { rate_per_address: Rate::new(1, 6), behind_proxy: true, ..settings() };
    let world = World::with(slow).await;
    let ask = async |address: &str| {
        let headers = [("x-forwarded-for", address)];
        world.send("", ("GET", "/health"), &headers, None).await
    };
    for _ in 0..6 {
        assert_eq!(ask("10.0.0.1, 192.0.2.7").await.status, 200);
    }
    let seventh = ask("10.0.0.2, 192.0.2.7").await;
    assert_eq!((seventh.status.as_u16(), seventh.header("retry-after")), (429, "1"));
    assert_eq!(ask("192.0.2.8").await.status, 200);
}
