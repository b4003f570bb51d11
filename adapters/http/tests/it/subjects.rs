//! Handing a person's data out, and erasing them.

use kontor_domain::TenantId;
use kontor_postgres::{
    erasure,
    journal::{self, Action, EntryFilter},
};
use serde_json::json;
use uuid::Uuid;

use crate::support::World;

fn moscow() -> TenantId {
    "moscow".parse().unwrap()
}

#[tokio::test]
async fn an_erasure_is_confirmed_carried_out_once_and_watched() {
    let world = World::new().await;
    let account = world.account().await;
    let address = format!("/v1/subjects/{account}/erasure?tenant=moscow");
    let unknown = world.get(&world.admin, &address).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (404, "erasure_unknown"));

    // Without the id once more nothing happens.
    for body in [json!({}), json!({"confirm": "yes"}), json!({"confirm": Uuid::now_v7()})] {
        let refused = world.post(&world.admin, &address, body).await;
        assert_eq!(refused.status, 400, "{refused}");
    }
    let other = json!({"confirm": account, "ground": "because"});
    assert_eq!(world.post(&world.admin, &address, other).await.status, 400);
    assert_eq!(world.get(&world.admin, &address).await.status, 404);

    let body = json!({"confirm": account, "ground": "consent_withdrawn"});
    for _ in 0..2 {
        let headers = [("idempotency-key", "erase-anna")];
        let target = ("POST", address.as_str());
        let answer = world.send(&world.admin, target, &headers, Some(body.clone())).await;
        assert_eq!(answer.status, 202, "{answer}");
        assert_eq!(answer.json(), json!({"account_id": account, "status": "under_way"}));
        assert_eq!(answer.header("location"), format!("/v1/subjects/{account}/erasure"));
        assert!(!answer.header("retry-after").is_empty());
    }
    let erased: i64 =
        sqlx::query_scalar("select count(*) from events where event_type = 'account.erased'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(erased, 1, "once");
    assert_eq!(world.get(&world.admin, &address).await.json()["status"], "under_way");

    // What `kontor work` does when it has come to the end.
    let (id, tenant) = (account.parse().unwrap(), moscow());
    erasure::begin(&world.pool, (&tenant, id), None).await.unwrap();
    assert_eq!(world.get(&world.admin, &address).await.status, 202);
    let mut db = world.pool.acquire().await.unwrap();
    erasure::finish(&mut db, (&tenant, id)).await.unwrap();
    let finished = world.get(&world.admin, &address).await;
    assert_eq!((finished.status.as_u16(), &finished.json()["status"]), (200, &json!("finished")));
    let again = world.post(&world.admin, &address, body).await;
    assert_eq!((again.status.as_u16(), &again.json()["status"]), (200, &json!("finished")));

    let nobody = Uuid::now_v7();
    let address = format!("/v1/subjects/{nobody}/erasure?tenant=moscow");
    let unknown = world.post(&world.admin, &address, json!({"confirm": nobody})).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (404, "account_unknown"));
}

#[tokio::test]
async fn only_an_admin_of_the_platform_exports_and_erases_and_others_are_recorded() {
    let world = World::new().await;
    let body = json!({"display_name": "Анна Ёлкина"});
    let opened = world.post(&world.operator, "/v1/accounts", body).await;
    let account = opened.id();
    let erasure = format!("/v1/subjects/{account}/erasure?tenant=moscow");
    let export = format!("/v1/subjects/{account}/export?tenant=moscow");
    let before = world.denied().await.len();
    for key in [&world.reader, &world.operator, &world.stranger] {
        for answer in [
            world.post(key, &erasure, json!({"confirm": account})).await,
            world.get(key, &erasure).await,
            world.get(key, &export).await,
        ] {
            assert_eq!(answer.status, 403, "{answer}");
            assert_eq!(answer.code(), "platform_key_needed");
        }
    }
    assert_eq!(world.get("", &export).await.status, 401);
    let denied = world.denied().await.split_off(before);
    assert_eq!(denied.iter().filter(|reason| *reason == "platform_key_needed").count(), 9);
    let shown = world.read(&world.reader, &format!("/v1/accounts/{account}"), &opened).await;
    assert_eq!(shown.status, 200, "the account is there: {shown}");
}

#[tokio::test]
async fn an_export_is_noted_and_kept_by_no_cache() {
    let world = World::new().await;
    let account = world.account().await;
    let address = format!("/v1/subjects/{account}/export");
    let unnamed = world.get(&world.admin, &address).await;
    assert_eq!(unnamed.status, 400, "a key of the platform names the tenant: {unnamed}");
    let given = world.get(&world.admin, &format!("{address}?tenant=moscow")).await;
    assert_eq!(given.status, 200, "{given}");
    assert_eq!(given.json(), json!({"tenant": "moscow", "account_id": account}));
    assert_eq!(given.header("cache-control"), "no-store");
    let elsewhere = world.get(&world.admin, &format!("{address}?tenant=salon")).await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.code().as_str()), (404, "account_unknown"));
    let filter = EntryFilter { tenant: Some("moscow".to_owned()), ..EntryFilter::default() };
    let noted = journal::page(&world.pool, &filter, None, 10).await.unwrap();
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert!(world.admin.contains(&noted[0].by), "{noted:?}");
    assert_eq!(noted[0].action, Action::ShowPersonal.name());
    assert_eq!(noted[0].target, format!("subject export {account}"));
    assert!(!noted[0].request_id.is_empty(), "{noted:?}");
    let elsewhere = EntryFilter { tenant: Some("salon".to_owned()), ..filter };
    assert_eq!(journal::page(&world.pool, &elsewhere, None, 10).await.unwrap().len(), 1);
}
