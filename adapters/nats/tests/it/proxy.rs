//! A proxy before the broker that loses confirmations: a command comes through, and what the server
//! says to it does not.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::AbortHandle,
};

/// What a command looks like on the wire.
const COMMAND: &[u8] = b"HPUB cmd.";
/// How long the server may take to read a command before its connection ends.
const READ_WITHIN: Duration = Duration::from_millis(300);

/// What is lost.
#[derive(Debug, Default)]
struct Losses {
    /// This many commands more come through, and then the connection ends before the confirmation.
    cuts: AtomicU32,
    /// Nothing that the server says comes through.
    deaf: AtomicBool,
    /// How many commands came through.
    commands: AtomicU32,
}

/// A running proxy; ends on drop.
pub(crate) struct Proxy {
    pub(crate) url: String,
    losses: Arc<Losses>,
    accepting: AbortHandle,
}

impl Proxy {
    /// A proxy to the server at `url`.
    pub(crate) async fn start(url: &str) -> Self {
        let (login, target) = url.rsplit_once('@').unwrap();
        let target: SocketAddr = target.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{login}@{}", listener.local_addr().unwrap());
        let losses = Arc::new(Losses::default());
        let accepting = tokio::spawn(accept(listener, target, Arc::clone(&losses)));
        Self { url, losses, accepting: accepting.abort_handle() }
    }

    /// Cuts the connection behind each of the next commands.
    pub(crate) fn cut_behind(&self, commands: u32) {
        self.losses.cuts.store(commands, Ordering::SeqCst);
    }

    /// Lets nothing through that the server says, or everything again.
    pub(crate) fn deafen(&self, deaf: bool) {
        self.losses.deaf.store(deaf, Ordering::SeqCst);
    }

    /// How many commands came through.
    pub(crate) fn commands(&self) -> u32 {
        self.losses.commands.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, losses: Arc<Losses>) {
    while let Ok((client, _)) = listener.accept().await {
        let losses = Arc::clone(&losses);
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(target).await else { return };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            // Once a command is to lose its confirmation, its connection hears no more.
            let (silent, silence) = watch::channel(false);
            tokio::select! {
                () = forward(from_client, to_server, (&losses, silent)) => {}
                () = backward(from_server, to_client, (&losses, silence)) => {}
            }
        });
    }
}

/// What the client says. Ends behind a command that is to be cut.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (losses, silent): (&Losses, watch::Sender<bool>),
) {
    let mut chunk = vec![0; 256 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let said = &chunk[..length];
        let commands = said.windows(COMMAND.len()).filter(|part| *part == COMMAND).count();
        losses.commands.fetch_add(u32::try_from(commands).unwrap(), Ordering::SeqCst);
        let fewer = |left: u32| left.checked_sub(1);
        let cut = commands > 0
            && losses.cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok();
        if cut {
            silent.send_replace(true);
        }
        if to.write_all(said).await.is_err() {
            return;
        }
        if cut {
            tokio::time::sleep(READ_WITHIN).await;
            return;
        }
    }
}

/// What the server says.
async fn backward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (losses, silence): (&Losses, watch::Receiver<bool>),
) {
    let mut chunk = vec![0; 256 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        if *silence.borrow() || losses.deaf.load(Ordering::SeqCst) {
            continue;
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}
