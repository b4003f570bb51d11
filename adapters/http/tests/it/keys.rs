use std::time::Duration;

use insta::assert_snapshot;
use kontor_commands::clock;
use kontor_http::keys::{self, KeyError, Role};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use crate::support::World;

#[tokio::test]
async fn a_request_without_a_key_is_turned_away_and_recorded() {
    let world = World::new().await;
    assert_snapshot!(world.get("", "/v1/accounts").await, @r#"
    401 Unauthorized
    www-authenticate: ApiKey header="X-Auth-Key"
    {
      "code": "key_missing",
      "detail": "send your key in the header `X-Auth-Key`",
      "request_id": "[uuid]",
      "status": 401,
      "title": "Key missing",
      "type": "/problems/key_missing"
    }
    "#);
    assert_eq!(world.denied().await, ["key_missing"]);
}

#[tokio::test]
async fn keys_that_nobody_made_are_turned_away() {
    let world = World::new().await;
    let (prefix, secret) = world.operator.rsplit_once('_').unwrap();
    let wrong_secret = format!("{prefix}_{}", secret.replace(['0', '1', '2', '3'], "f"));
    let wrong_prefix = world.operator.replacen("kontor_", "kontor_ff", 1);
    let upper = world.operator.to_uppercase();
    for key in ["x", "kontor__", "kontor_a_b", &wrong_secret, &wrong_prefix, &upper, "' or 1=1"] {
        let answer = world.get(key, "/v1/accounts").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "key_unknown"), "{key}");
    }
    assert_eq!(world.denied().await.len(), 7);
    let recorded: Vec<Option<String>> =
        sqlx::query_scalar("select key_prefix from denied_attempts order by id")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    assert_eq!(recorded.iter().flatten().count(), 1, "only a well-formed prefix is kept");
}

#[tokio::test]
async fn a_revoked_key_is_turned_away_within_seconds() {
    let world = World::new().await;
    let (info, secret) = keys::create(&world.pool, None, Role::Reader, "ключ").await.unwrap();
    let secret = secret.expose_secret();
    let address = "/v1/accounts?tenant=moscow";
    assert_eq!(world.get(secret, address).await.status, 200);
    assert!(keys::revoke(&world.pool, info.id).await.unwrap());
    assert!(!keys::revoke(&world.pool, info.id).await.unwrap());
    let bound = tokio::time::Instant::now() + keys::BELIEVED_FOR + Duration::from_secs(5);
    let mut answer = world.get(secret, address).await;
    while answer.status == 200 && tokio::time::Instant::now() < bound {
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer = world.get(secret, address).await;
    }
    assert_snapshot!(answer, @r#"
    401 Unauthorized
    www-authenticate: ApiKey header="X-Auth-Key"
    {
      "code": "key_revoked",
      "detail": "this key was revoked; ask for a new one",
      "request_id": "[uuid]",
      "status": 401,
      "title": "Key revoked",
      "type": "/problems/key_revoked"
    }
    "#);
}

#[tokio::test]
async fn an_expired_key_is_turned_away() {
    let world = World::new().await;
    let (info, secret) = keys::create(&world.pool, None, Role::Reader, "x").await.unwrap();
    let just_now = clock::now();
    assert!(keys::expire_at(&world.pool, info.id, just_now).await.unwrap());
    let answer = world.get(secret.expose_secret(), "/v1/accounts?tenant=moscow").await;
    assert_snapshot!(answer, @r#"
    401 Unauthorized
    www-authenticate: ApiKey header="X-Auth-Key"
    {
      "code": "key_expired",
      "detail": "this key has expired; ask for a new one",
      "request_id": "[uuid]",
      "status": 401,
      "title": "Key expired",
      "type": "/problems/key_expired"
    }
    "#);
    assert!(!keys::expire_at(&world.pool, Uuid::now_v7(), just_now).await.unwrap());
}

#[tokio::test]
async fn a_reader_gives_no_commands() {
    let world = World::new().await;
    let body = json!({"display_name": "Анна"});
    assert_snapshot!(world.post(&world.reader, "/v1/accounts", body).await, @r#"
    403 Forbidden
    {
      "code": "role_insufficient",
      "detail": "this key only reads; use a key of an operator",
      "request_id": "[uuid]",
      "status": 403,
      "title": "Role insufficient",
      "type": "/problems/role_insufficient"
    }
    "#);
    assert_eq!(world.denied().await, ["role_insufficient"]);
}

#[tokio::test]
async fn keys_are_listed_without_their_secrets_and_show_their_use() {
    let world = World::new().await;
    world.get(&world.operator, "/v1/accounts").await;
    let moscow = "moscow".parse().unwrap();
    let listed = keys::list(&world.pool, Some(&moscow)).await.unwrap();
    assert_eq!(listed.len(), 2);
    let used = listed.iter().find(|key| key.role == Role::Operator).unwrap();
    assert!(used.last_used_at.is_some());
    let secret = world.operator.rsplit_once('_').unwrap().1;
    assert!(!serde_json::to_string(&listed).unwrap().contains(secret));
    assert_eq!(keys::list(&world.pool, None).await.unwrap().len(), 4);
    let hash: Vec<u8> = sqlx::query_scalar("select hash from api_keys limit 1")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(hash.len(), 32);
}

#[tokio::test]
async fn keys_that_make_no_sense_are_not_made() {
    let world = World::new().await;
    let moscow = "moscow".parse().unwrap();
    let admin = keys::create(&world.pool, Some(&moscow), Role::Admin, "x").await;
    assert!(matches!(admin, Err(KeyError::AdminOfTenant)));
    for label in ["", "  ", "a\nb", &"я".repeat(81)] {
        let key = keys::create(&world.pool, None, Role::Reader, label).await;
        assert!(matches!(key, Err(KeyError::Label)), "{label}");
    }
}

#[tokio::test]
async fn the_record_of_denied_attempts_cannot_be_changed_and_ends_after_ninety_days() {
    let world = World::new().await;
    sqlx::query(
        "insert into denied_attempts (at, reason, method, route, request_id) \
         values (now() - interval '92 days', 'key_unknown', 'GET', '/', 'old')",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    world.get("", "/v1/accounts").await;
    assert_eq!(world.denied().await, ["key_missing"]);
    for sql in [
        "delete from denied_attempts",
        "update denied_attempts set reason = ''",
        "truncate denied_attempts",
    ] {
        let changed = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&world.pool).await;
        assert!(changed.is_err(), "{sql}");
    }
}
