//! Ctrl-C and SIGTERM: the first asks for an orderly stop, the second ends the process at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// A token that is cancelled by the first signal. The private engines notice the end of this process
/// by themselves, so even the second leaves nothing behind.
pub(crate) fn stop_requested() -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let requested = CancellationToken::new();
    let token = requested.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(INTERRUPTED);
            }
            token.cancel();
        }
    });
    Ok(requested)
}
