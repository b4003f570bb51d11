//! The ports of a start on one machine: all are looked at before anything starts, so that a taken
//! one is named while there is nothing to clean up.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use kontor_engines::port_holder;

use crate::{config::Config, monitoring::Figures};

/// How long an engine of a run that was killed may take to end; it is told to stop at once.
const PREDECESSOR_LIMIT: Duration = Duration::from_secs(20);
/// How often its port is looked at.
const POLL: Duration = Duration::from_millis(50);

/// The listeners of the HTTP servers, bound before anything else starts.
pub(super) struct Reserved {
    pub(super) http: TcpListener,
    pub(super) sandbox: Option<TcpListener>,
    pub(super) figures: Option<Figures>,
}

impl Reserved {
    /// Takes the ports of the HTTP servers and looks at those of the private engines. After a run
    /// that was killed (`predecessor`) its engines may still be stopping; they are waited for.
    pub(super) fn take(config: &Config, sandbox: bool, predecessor: bool) -> anyhow::Result<Self> {
        let http = bind(config.http.address, "KONTOR_HTTP_ADDRESS")?;
        let sandbox =
            sandbox.then(|| bind(config.sandbox.address, "KONTOR_SANDBOX_ADDRESS")).transpose()?;
        let figures = Figures::start(config)?;
        let wait = if predecessor { PREDECESSOR_LIMIT } else { Duration::ZERO };
        if config.database.url.is_none() {
            require_free(config.database.private_port, "KONTOR_POSTGRES_PORT", wait)?;
        }
        if config.nats.servers.is_empty() {
            require_free(config.nats.private_port, "KONTOR_NATS_PORT", wait)?;
        }
        Ok(Self { http, sandbox, figures })
    }
}

/// Listens on an address, or says who does and what to change.
pub(crate) fn bind(address: SocketAddr, variable: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|err| refusal(&err, address, variable))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn require_free(port: u16, variable: &str, wait: Duration) -> anyhow::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let started = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Ok(_) => return Ok(()),
            Err(err) if started.elapsed() >= wait => return Err(refusal(&err, address, variable)),
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

fn refusal(err: &io::Error, address: SocketAddr, variable: &str) -> anyhow::Error {
    if err.kind() == io::ErrorKind::AddrInUse {
        let holder = port_holder(address.port()).map(|by| format!(" by {by}")).unwrap_or_default();
        anyhow::anyhow!(
            "port {} on {} is taken{holder}; stop that, or choose another with {variable}",
            address.port(),
            address.ip()
        )
    } else {
        anyhow::anyhow!("cannot listen on {address} ({variable}): {err}")
    }
}
