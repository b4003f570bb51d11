use std::net::TcpListener;

use kontor_engines::{EngineError, NatsOptions, PrivateNats, testing};

use crate::{listens, lives, wait_until};

#[test]
fn a_server_stops_and_starts_on_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let options = || NatsOptions { store_dir: folder.path().join("nats"), port: None };
    let server = PrivateNats::start(options()).unwrap();
    let (pid, port, url) = (server.pid().unwrap(), server.port(), server.url());
    assert!(listens(port));
    assert!(!format!("{server:?}").contains(url.split([':', '@']).nth(2).unwrap()));
    server.stop().unwrap();
    assert!(!lives(pid));
    assert!(!listens(port));

    let server = PrivateNats::start(options()).unwrap();
    let password = |url: &str| url.split([':', '@']).nth(2).unwrap().to_owned();
    assert_eq!(password(&server.url()), password(&url));
    server.stop().unwrap();
}

#[test]
fn a_killed_server_comes_back_on_its_port() {
    let folder = tempfile::tempdir().unwrap();
    let options = NatsOptions { store_dir: folder.path().join("nats"), port: None };
    let mut server = PrivateNats::start(options).unwrap();
    let (pid, port) = (server.pid().unwrap(), server.port());
    server.kill();
    assert!(!lives(pid));
    assert!(server.has_ended());
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    assert!(listens(port));
    assert_ne!(server.pid(), Some(pid));
    server.stop().unwrap();
}

#[test]
fn a_taken_port_is_named_with_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = NatsOptions { store_dir: folder.path().join("nats"), port: Some(port) };
    let refused = PrivateNats::start(options).unwrap_err();
    assert!(matches!(refused, EngineError::PortTaken { port: named, .. } if named == port));
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
}

#[tokio::test]
async fn a_test_server_ends_with_its_handle() {
    let server = testing::nats().await;
    let port: u16 = server.url.rsplit(':').next().unwrap().parse().unwrap();
    assert!(listens(port));
    drop(server);
    wait_until("the end of the server", || !listens(port));
}

#[tokio::test]
async fn a_killed_test_server_comes_back_on_request() {
    let mut server = testing::nats().await;
    let port: u16 = server.url.rsplit(':').next().unwrap().parse().unwrap();
    server.kill();
    assert!(!listens(port));
    server.restart();
    assert!(listens(port));
}
