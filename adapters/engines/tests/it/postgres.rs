use std::{net::TcpListener, os::unix::fs::PermissionsExt};

use kontor_engines::{EngineError, PostgresOptions, PrivatePostgres, testing};

use crate::{listens, lives, psql, wait_until};

fn options(folder: &tempfile::TempDir) -> PostgresOptions {
    PostgresOptions { data_dir: folder.path().join("deep/postgres"), port: None, durable: true }
}

#[test]
fn data_is_found_again_after_stop_and_start() {
    let folder = tempfile::tempdir().unwrap();
    let server = PrivatePostgres::start(options(&folder)).unwrap();
    assert!(server.create_database("kontor").unwrap());
    assert!(!server.create_database("kontor").unwrap());
    psql(&server.url("kontor"), "create table kept (n int); insert into kept values (7)").unwrap();
    assert_eq!(psql(&server.url("kontor"), "show fsync").unwrap(), "on");
    assert_eq!(psql(&server.url("kontor"), "show server_encoding").unwrap(), "UTF8");
    assert_eq!(psql(&server.url("kontor"), "select upper('жук')").unwrap(), "ЖУК");
    let (pid, port) = (server.pid().unwrap(), server.port());
    server.stop().unwrap();
    assert!(!lives(pid));
    assert!(!listens(port));

    let server = PrivatePostgres::start(options(&folder)).unwrap();
    assert_eq!(psql(&server.url("kontor"), "select n from kept").unwrap(), "7");
    server.stop().unwrap();
}

#[test]
fn a_wrong_password_is_refused_and_the_right_one_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let server = PrivatePostgres::start(options(&folder)).unwrap();
    let url = server.url("postgres");
    let wrong = format!("postgres://kontor:wrong@127.0.0.1:{}/postgres", server.port());
    assert!(psql(&url, "select 1").is_ok());
    assert!(psql(&wrong, "select 1").unwrap_err().contains("password"));
    let file = server.data_dir().with_added_extension("password");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!format!("{server:?}").contains(url.split([':', '@']).nth(2).unwrap()));
    server.stop().unwrap();
}

#[test]
fn a_taken_port_is_named_with_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let refused = PrivatePostgres::start(PostgresOptions { port: Some(port), ..options(&folder) })
        .unwrap_err();
    let EngineError::PortTaken { port: named, holder, .. } = refused else { panic!("{refused}") };
    assert_eq!(named, port);
    assert!(holder.unwrap().contains(&std::process::id().to_string()));
}

#[test]
fn a_killed_server_is_noticed_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = PrivatePostgres::start(options(&folder)).unwrap();
    psql(&server.url("postgres"), "create table kept (n int); insert into kept values (1)")
        .unwrap();
    let pid =
        rustix::process::Pid::from_raw(i32::try_from(server.pid().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    wait_until("the end of the server", || server.has_ended());
    drop(server);
    let server = PrivatePostgres::start(options(&folder)).unwrap();
    assert_eq!(psql(&server.url("postgres"), "select n from kept").unwrap(), "1");
    server.stop().unwrap();
}

#[test]
fn a_killed_server_starts_again_on_its_port_and_data() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = PrivatePostgres::start(options(&folder)).unwrap();
    let url = server.url("postgres");
    psql(&url, "create table kept (n int); insert into kept values (1)").unwrap();
    let first = server.pid().unwrap();
    // Also while it runs: the children of the killed server are still ending.
    for _ in 0..3 {
        server.restart().unwrap();
        assert_eq!(psql(&url, "select n from kept").unwrap(), "1");
    }
    assert!(!lives(first));
    server.kill();
    assert!(server.has_ended() && server.pid().is_none());
    assert!(psql(&url, "select 1").is_err());
    server.restart().unwrap();
    assert_eq!(psql(&url, "select n from kept").unwrap(), "1");
    server.stop().unwrap();
}

#[test]
fn a_missing_password_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = PrivatePostgres::start(options(&folder)).unwrap();
    let file = server.data_dir().with_added_extension("password");
    server.stop().unwrap();
    std::fs::remove_file(file).unwrap();
    let refused = PrivatePostgres::start(options(&folder)).unwrap_err();
    assert!(matches!(refused, EngineError::PasswordMissing { .. }), "{refused}");
}

#[test]
fn a_database_name_cannot_carry_options_or_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let server = PrivatePostgres::start(options(&folder)).unwrap();
    for name in ["", "--help", "a b", "A", "x\"y"] {
        let refused = server.create_database(name).unwrap_err();
        assert!(matches!(refused, EngineError::DatabaseName(_)), "{refused}");
    }
    server.stop().unwrap();
}

#[tokio::test]
async fn every_test_database_is_empty_and_its_own() {
    let (one, two) = (testing::database().await, testing::database().await);
    assert_ne!(one.url, two.url);
    psql(&one.url, "create table mine (n int)").unwrap();
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(psql(&one.url, tables).unwrap(), "1");
    assert_eq!(psql(&two.url, tables).unwrap(), "0");
}
