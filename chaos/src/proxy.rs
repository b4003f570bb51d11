//! A TCP proxy between the processes and an engine that cuts, delays or swallows on demand.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, watch},
    task::AbortHandle,
};

/// The most connections at once: all pools of all processes are far below.
const CONNECTIONS_MAX: usize = 512;
/// What is carried at a time, in bytes.
const CHUNK: usize = 16 * 1024;
/// How long a connection to the engine may take before the caller's is closed.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// What becomes of what passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// It passes.
    Pass,
    /// It passes later: each chunk after this pause.
    Delay(Duration),
    /// It waits until the mode changes. Nobody is told.
    Swallow,
}

/// A running proxy; ends on drop.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    /// Grows with each cut.
    cuts: watch::Sender<u64>,
    accepting: AbortHandle,
}

impl Proxy {
    /// A proxy on a free port of the loopback address to `target` there.
    pub(crate) async fn start(target: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (mode, _) = watch::channel(Mode::Pass);
        let (cuts, _) = watch::channel(0);
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, target));
        let accepting = tokio::spawn(accept(listener, target, mode.clone(), cuts.clone()));
        Ok(Self { port, mode, cuts, accepting: accepting.abort_handle() })
    }

    /// Its port on the loopback address.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Changes what becomes of what passes, for all connections.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Closes all connections; new ones are taken at once.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    mode: watch::Sender<Mode>,
    cuts: watch::Sender<u64>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        // A failed accept is the caller's loss alone.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (mode, mut cuts) = (mode.subscribe(), cuts.subscribe());
        tokio::spawn(async move {
            tokio::select! {
                () = carry(stream, target, mode) => {}
                _ = cuts.changed() => {}
            }
            drop(place);
        });
    }
}

async fn carry(client: TcpStream, target: SocketAddr, mode: watch::Receiver<Mode>) {
    let connecting = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(target));
    let Ok(Ok(server)) = connecting.await else { return };
    // Small answers must not wait for more of them.
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // The end of one direction ends both: neither protocol uses half-open connections.
    tokio::select! {
        () = copy(from_client, to_server, mode.clone()) => {}
        () = copy(from_server, to_client, mode) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = match from.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(length) => length,
        };
        let now = mode.wait_for(|mode| *mode != Mode::Swallow).await.map(|mode| *mode);
        match now {
            Ok(Mode::Pass | Mode::Swallow) => {}
            Ok(Mode::Delay(pause)) => tokio::time::sleep(pause).await,
            Err(_) => return,
        }
        let Some(filled) = chunk.get(..length) else { return };
        if to.write_all(filled).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        time::timeout,
    };

    use super::{Mode, Proxy};

    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(20);

    /// A server that answers each byte with the same one.
    async fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    while let Ok(byte) = stream.read_u8().await {
                        stream.write_u8(byte).await.unwrap();
                    }
                });
            }
        });
        port
    }

    async fn ask(stream: &mut TcpStream, byte: u8) -> std::io::Result<u8> {
        stream.write_u8(byte).await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn it_passes_delays_swallows_and_cuts() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert_eq!(timeout(LONG, ask(&mut stream, 7)).await.unwrap().unwrap(), 7);

        proxy.set(Mode::Delay(SHORT));
        let begun = Instant::now();
        assert_eq!(timeout(LONG, ask(&mut stream, 8)).await.unwrap().unwrap(), 8);
        assert!(begun.elapsed() >= 2 * SHORT, "both ways");

        proxy.set(Mode::Swallow);
        timeout(SHORT, ask(&mut stream, 9)).await.unwrap_err();
        proxy.set(Mode::Pass);
        assert_eq!(timeout(LONG, stream.read_u8()).await.unwrap().unwrap(), 9, "nothing is lost");

        proxy.cut();
        assert!(timeout(LONG, ask(&mut stream, 10)).await.unwrap().is_err());
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert_eq!(timeout(LONG, ask(&mut stream, 11)).await.unwrap().unwrap(), 11);
    }
}
