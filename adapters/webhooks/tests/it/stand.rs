//! The other side: a server that keeps what it got and answers as it was told.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

/// What it got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// How it answers once.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// With a status line and more of the head.
    Head(String),
    /// One letter of the head each second, without an end.
    Dribble,
    /// Well, with a body without an end.
    Endless,
}

pub(crate) fn status(code: u16) -> Reply {
    Reply::Head(format!("{code} Said\r\n"))
}

#[derive(Debug, Default)]
struct Book {
    got: Vec<Got>,
    replies: VecDeque<Reply>,
    /// What it answers to events of these streams, or to all when there are none.
    refuses: Option<Vec<String>>,
}

impl Book {
    fn reply(&mut self, got: &Got) -> Reply {
        let body = String::from_utf8_lossy(&got.body);
        let is_refused = self.refuses.as_ref().is_some_and(|streams| {
            streams.is_empty() || streams.iter().any(|stream| body.contains(stream))
        });
        if is_refused {
            status(503)
        } else {
            self.replies.pop_front().unwrap_or_else(|| status(204))
        }
    }
}

/// The server; ends when it is dropped.
pub(crate) struct Stand {
    pub(crate) port: u16,
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stand {
    pub(crate) async fn open() -> Self {
        Self::open_with(None).await
    }

    /// One that speaks https.
    pub(crate) async fn open_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let book = Arc::new(Mutex::new(Book::default()));
        let shared = Arc::clone(&book);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        // A client that does not believe the certificate hangs up.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, shared).await;
                            }
                        }
                        None => serve(stream, shared).await,
                    }
                });
            }
        });
        Self { port, book, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/приём?k=1", self.port)
    }

    /// Answers the next calls like this, and those after them well.
    pub(crate) fn answers(&self, replies: impl IntoIterator<Item = Reply>) {
        self.book.lock().unwrap().replies.extend(replies);
    }

    /// Refuses everything from now on.
    pub(crate) fn goes_down(&self) {
        self.book.lock().unwrap().refuses = Some(Vec::new());
    }

    /// Refuses every event of these streams from now on, and accepts all others.
    pub(crate) fn refuses(&self, streams: &[Uuid]) {
        let streams = streams.iter().map(ToString::to_string).collect();
        self.book.lock().unwrap().refuses = Some(streams);
    }

    /// Accepts everything again.
    pub(crate) fn comes_back(&self) {
        self.book.lock().unwrap().refuses = None;
    }

    /// Forgets what it got, and returns it.
    pub(crate) fn take(&self) -> Vec<Got> {
        std::mem::take(&mut self.book.lock().unwrap().got)
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.book.lock().unwrap().got.clone()
    }
}

trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

async fn serve(stream: impl Wire, book: Arc<Mutex<Book>>) {
    let mut stream = BufReader::new(stream);
    while let Some(got) = read(&mut stream).await {
        let reply = {
            let mut book = book.lock().unwrap();
            let reply = book.reply(&got);
            book.got.push(got);
            reply
        };
        if answer(&mut stream, reply).await.is_err() {
            return;
        }
    }
}

async fn answer(stream: &mut BufReader<impl Wire>, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Head(head) => {
            stream.write_all(format!("HTTP/1.1 {head}content-length: 0\r\n\r\n").as_bytes()).await
        }
        Reply::Dribble => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nx-slow: ").await?;
            loop {
                stream.write_all(b"z").await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'z'; 4_096]).await?;
            }
        }
    }
}

async fn read(stream: &mut BufReader<impl Wire>) -> Option<Got> {
    let mut headers = HashMap::new();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Got { headers, body })
}
