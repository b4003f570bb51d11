//! Serving on a socket, and stopping in time.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};
use tokio_util::sync::CancellationToken;

/// The bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct ServeLimits {
    /// How many connections are open at once; more wait to be accepted, so memory stays bounded.
    pub connections_max: usize,
    /// How long a connection may be silent in both directions; longer than any request takes.
    pub idle_max: Duration,
    /// How long requests that are being served may take after the signal to stop.
    pub shutdown_max: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            idle_max: Duration::from_secs(60),
            shutdown_max: Duration::from_secs(8),
        }
    }
}

/// Serves until `stop`, then lets open requests end, for at most 8 seconds.
///
/// # Errors
/// When the socket fails.
pub async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) -> io::Result<()> {
    serve_within(listener, app, stop, ServeLimits::default()).await
}

/// As [`serve`], within bounds of one's own.
///
/// # Errors
/// When the socket fails.
pub async fn serve_within(
    listener: TcpListener,
    app: Router,
    stop: CancellationToken,
    limits: ServeLimits,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let bounded = Bounded { listener, places, idle_max: limits.idle_max };
    let service = app.into_make_service_with_connect_info::<Peer>();
    let serving =
        axum::serve(bounded, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let deadline = async {
        stop.cancelled().await;
        sleep(limits.shutdown_max).await;
    };
    tokio::select! {
        served = async { serving.await } => served,
        () = deadline => {
            let waited_ms = limits.shutdown_max.as_millis();
            tracing::warn!(%waited_ms, "requests were cut off some time after the stop");
            Ok(())
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Accepts a connection only when there is a place for it.
struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    idle_max: Duration,
}

impl Listener for Bounded {
    type Io = Placed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Placed, SocketAddr) {
        loop {
            // The semaphore is never closed; were it, connections would go uncounted, not unserved.
            let place = Arc::clone(&self.places).acquire_owned().await.ok();
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Err(err) = stream.set_nodelay(true) {
                tracing::debug!(error = %err, "a connection ended before it was served");
                continue;
            }
            return (Placed::new(stream, place, self.idle_max), address);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that holds its place while it is open, and loses it when it is silent for too long.
struct Placed {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    idle_max: Duration,
    _place: Option<OwnedSemaphorePermit>,
}

impl Placed {
    fn new(stream: TcpStream, place: Option<OwnedSemaphorePermit>, idle_max: Duration) -> Self {
        Self { stream, idle: Box::pin(sleep(idle_max)), idle_max, _place: place }
    }

    /// Notes that something happened.
    fn stir<T>(&mut self, progress: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            let next_end = Instant::now() + self.idle_max;
            self.idle.as_mut().reset(next_end);
        }
        progress
    }
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        // The server reads all the time, also while it answers, so this one place is enough.
        if read.is_pending() && self.idle.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.stir(read)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.stir(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.stir(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
