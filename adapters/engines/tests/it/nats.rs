use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

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

#[test]
fn the_listener_hears_events_and_does_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let options = NatsOptions { store_dir: folder.path().join("nats"), port: None };
    let server = PrivateNats::start(options).unwrap();
    let mut owner = Client::connect(&server.url());
    let mut listener = Client::connect(&server.listener_url());
    assert_eq!(listener.ask("SUB evt.> 1\r\n"), vec!["PONG"]);
    for refused in
        ["SUB > 2\r\n", "SUB cmd.> 3\r\n", "SUB _INBOX.> 4\r\n", "PUB evt.a.b.c 2\r\nhi\r\n"]
    {
        let said = listener.ask(refused);
        assert!(
            said.iter().any(|line| line.contains("Permissions Violation")),
            "{refused} {said:?}"
        );
    }
    assert_eq!(owner.ask("PUB evt.demo.meter.reading_submitted 2\r\nhi\r\n"), vec!["PONG"]);
    assert_eq!(listener.line(), "MSG evt.demo.meter.reading_submitted 1 2");
    server.stop().unwrap();
}

/// A client of the plain protocol.
struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    fn connect(url: &str) -> Self {
        let (login, address) = url.strip_prefix("nats://").unwrap().split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut client = Self { reader: BufReader::new(stream) };
        assert!(client.line().starts_with("INFO "));
        let connect = format!(
            "CONNECT {{\"verbose\":false,\"user\":\"{user}\",\"pass\":\"{password}\"}}\r\n"
        );
        assert_eq!(client.ask(&connect), vec!["PONG"]);
        client
    }

    /// Sends a line and returns what the server says up to its answer to a ping.
    fn ask(&mut self, line: &str) -> Vec<String> {
        self.reader.get_mut().write_all(format!("{line}PING\r\n").as_bytes()).unwrap();
        let mut said = vec![self.line()];
        while said.last().is_some_and(|line| line != "PONG") {
            said.push(self.line());
        }
        said
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
