//! What stands around the shop: followers, policies, the stand-in, and patience.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::Router as Routes;
use kontor_commands::{LocalSender, clock, policies::FulfilPayments};
use kontor_postgres::{
    DispatchSettings, Dispatcher, Follower, FollowerSettings, PolicyEffect, Step, Vault,
};
use kontor_projections::Projection;
use kontor_sandbox::{Sandbox, SandboxSettings, YooKassaShop};
use sqlx::PgPool;
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::world::{OTHER, PATIENCE, SHOP};

pub(crate) fn seen_from(routes: Routes, address: &str) -> Routes {
    let address: IpAddr = address.parse().unwrap();
    routes.layer(axum::Extension(address))
}

pub(crate) fn follow(
    pool: &PgPool,
    vault: &Vault,
    heads: &watch::Receiver<i64>,
) -> Vec<AbortOnDropHandle<()>> {
    let follow = |projection| {
        let settings =
            FollowerSettings { vault: Some(vault.clone()), ..FollowerSettings::default() };
        let follower = Follower::projection(pool.clone(), projection, settings);
        let heads = heads.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            follower.run(heads, CancellationToken::new()).await;
        }))
    };
    kontor_projections::all().into_iter().map(follow).collect()
}

/// The policies of payments and of welcome, over and over.
pub(crate) fn fulfil(
    pool: &PgPool,
    vault: &Vault,
    sender: &LocalSender,
) -> impl Future<Output = ()> + use<> {
    let policy: Arc<dyn Projection> = Arc::new(PolicyEffect::new(Arc::new(FulfilPayments)));
    let settings = FollowerSettings { vault: Some(vault.clone()), ..FollowerSettings::default() };
    let mut follower = Follower::projection(pool.clone(), policy, settings);
    let dispatcher =
        Dispatcher::new(pool.clone(), Arc::new(sender.clone()), DispatchSettings::default());
    async move {
        loop {
            while follower.step().await.unwrap() != Step::Idle {}
            dispatcher.step(clock::now()).await.unwrap();
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Starts the stand-in; its address.
pub(crate) async fn play(hooks: &str, tasks: &mut Vec<AbortOnDropHandle<()>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let settings = SandboxSettings {
        bots: vec![],
        people: vec![],
        state_file: None,
        public_url: base.clone(),
        shops: vec![],
    };
    let shop = |(shop_id, secret_key): (&str, &str), account: &str| YooKassaShop {
        shop_id: shop_id.to_owned(),
        secret_key: secret_key.to_owned(),
        notification_url: format!("{hooks}/{account}"),
    };
    let shops = vec![shop(SHOP, "main"), shop(OTHER, "elsewhere")];
    let sandbox = Sandbox::new(settings).unwrap().with_yookassa_shops(shops);
    let router = sandbox.router();
    tasks.push(AbortOnDropHandle::new(tokio::spawn(sandbox.run(CancellationToken::new()))));
    tasks.push(AbortOnDropHandle::new(tokio::spawn(async move {
        axum::serve(listener, router).await.unwrap();
    })));
    base
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none in time.
pub(crate) async fn until<T, F, Fut>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
