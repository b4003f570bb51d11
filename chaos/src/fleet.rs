//! The processes: started, armed, killed, frozen, and started again when they die, as whatever runs
//! them in production would do.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use kontor_faults::{Action, Plan};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{people, scenario::Role, world::MASTER_KEY};

/// How many processes each role has: the fewest that can take over from each other.
pub(crate) const PER_ROLE: usize = 2;
/// How long a lease of a dead or frozen process lasts: short, since most rounds wait for its end, and
/// long enough to be renewed in time on a busy machine.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// How long a process stands still: beyond its leases, with what their renewal was early.
pub(crate) const FROZEN_FOR: Duration = LEASE.saturating_add(Duration::from_secs(2));
/// How long a dead process stays dead.
const DEAD_FOR: Duration = Duration::from_millis(300);
/// How often the processes are looked after.
const TEND_EVERY: Duration = Duration::from_millis(50);
/// How long an orderly end may take.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// Where the processes find what they need.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) binary: PathBuf,
    /// Their working folder, empty but for what they write.
    pub(crate) folder: PathBuf,
    /// One file for each process.
    pub(crate) logs: PathBuf,
    /// What tells of a fault point that struck.
    pub(crate) markers: PathBuf,
    /// Addresses of PostgreSQL and of the broker, one pair for each process of a role.
    pub(crate) engines: [(String, String); PER_ROLE],
    /// Telegram's stand-in.
    pub(crate) telegram_url: String,
}

/// All processes.
#[derive(Debug)]
pub(crate) struct Fleet {
    place: Place,
    members: Mutex<Vec<Member>>,
}

#[derive(Debug)]
struct Member {
    role: Role,
    number: usize,
    /// Where `serve` listens, the same after each start.
    port: u16,
    child: Child,
    armed: Option<Armed>,
    /// Standing still until then.
    frozen_until: Option<Instant>,
    /// Dead, and started again then.
    dead_until: Option<Instant>,
    /// Somebody else looks after it.
    held: bool,
}

#[derive(Debug)]
struct Armed {
    plan: Plan,
    marker: PathBuf,
    struck: bool,
}

impl Fleet {
    /// Starts all processes.
    pub(crate) fn start(place: Place) -> anyhow::Result<Self> {
        let mut members = Vec::new();
        for role in Role::ALL {
            for number in 0..PER_ROLE {
                let port = free_port()?;
                let child = place.spawn(role, (number, port), None)?;
                members.push(Member {
                    role,
                    number,
                    port,
                    child,
                    armed: None,
                    frozen_until: None,
                    dead_until: None,
                    held: false,
                });
            }
        }
        Ok(Self { place, members: Mutex::new(members) })
    }

    /// Where the processes find what they need.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Where HTTP is served.
    pub(crate) fn http(&self) -> Vec<String> {
        self.with(|members| {
            let serving = members.iter().filter(|member| member.role == Role::Serve);
            serving.map(|member| format!("http://127.0.0.1:{}", member.port)).collect()
        })
    }

    /// Looks after the processes for ever: those that died are started again, unarmed, and those
    /// that a fault point stopped go on when their leases are over.
    pub(crate) async fn keep(&self) -> anyhow::Result<()> {
        loop {
            self.with(|members| {
                let mut ours = members.iter_mut().filter(|member| !member.held);
                ours.try_for_each(|member| member.tend(&self.place))
            })?;
            tokio::time::sleep(TEND_EVERY).await;
        }
    }

    /// Starts the processes of a role anew with a fault to suffer.
    pub(crate) async fn arm(&self, role: Role, plan: Plan, round: u64) -> anyhow::Result<()> {
        self.with(|members| {
            for member in members.iter_mut().filter(|member| member.role == role) {
                member.held = true;
                member.signal(Signal::TERM);
            }
        });
        let begun = Instant::now();
        while self.is_running(role, begun.elapsed() > STOP_LIMIT)? {
            tokio::time::sleep(TEND_EVERY).await;
        }
        self.with(|members| {
            for member in members.iter_mut().filter(|member| member.role == role) {
                let name = format!("{round}-{}-{}", role.verb(), member.number);
                let marker = self.place.markers.join(name);
                let fault = Some((plan, marker.as_path()));
                member.child = self.place.spawn(role, (member.number, member.port), fault)?;
                member.armed = Some(Armed { plan, marker, struck: false });
                (member.dead_until, member.frozen_until, member.held) = (None, None, false);
            }
            Ok(())
        })
    }

    /// Whether a process of a role runs; kills those that do when it is time.
    fn is_running(&self, role: Role, kill: bool) -> anyhow::Result<bool> {
        self.with(|members| {
            let mut running = false;
            for member in members.iter_mut().filter(|member| member.role == role) {
                if member.child.try_wait()?.is_none() {
                    running = true;
                    if kill {
                        member.child.start_kill()?;
                    }
                }
            }
            Ok(running)
        })
    }

    /// How many armed processes of a role were struck.
    pub(crate) fn struck(&self, role: Role) -> usize {
        let is_struck = |member: &&Member| {
            member.role == role && member.armed.as_ref().is_some_and(|armed| armed.struck)
        };
        self.with(|members| members.iter().filter(is_struck).count())
    }

    /// Whether a process stands still or is dead.
    pub(crate) fn is_hurt(&self) -> bool {
        let is_hurt =
            |member: &Member| member.frozen_until.is_some() || member.dead_until.is_some();
        self.with(|members| members.iter().any(is_hurt))
    }

    /// The process ids of a role that are alive, with their numbers.
    pub(crate) fn pids(&self, role: Role) -> Vec<(usize, u32)> {
        self.with(|members| {
            let alive = members.iter().filter(|member| member.role == role);
            alive.filter_map(|member| Some((member.number, member.child.id()?))).collect()
        })
    }

    /// Kills a process as `kill -9` does.
    pub(crate) fn kill(&self, role: Role, number: usize) {
        self.signal(role, number, Signal::KILL);
    }

    /// Lets a process stand still for longer than its leases last.
    pub(crate) fn freeze(&self, role: Role, number: usize) {
        self.signal(role, number, Signal::STOP);
        self.with(|members| {
            let mut members = members.iter_mut();
            let named = members.find(|member| (member.role, member.number) == (role, number));
            if let Some(member) = named {
                member.frozen_until = Some(Instant::now() + FROZEN_FOR);
            }
        });
    }

    fn signal(&self, role: Role, number: usize, signal: Signal) {
        self.with(|members| {
            for member in members.iter() {
                if (member.role, member.number) == (role, number) {
                    member.signal(signal);
                }
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut [Member]) -> T) -> T {
        work(&mut self.members.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Member {
    fn tend(&mut self, place: &Place) -> anyhow::Result<()> {
        let now = Instant::now();
        if let Some(armed) = &mut self.armed
            && !armed.struck
            && armed.marker.exists()
        {
            armed.struck = true;
            if armed.plan.action == Action::Stop {
                self.frozen_until = Some(now + FROZEN_FOR);
            }
        }
        if self.frozen_until.is_some_and(|until| until <= now) {
            self.frozen_until = None;
            self.signal(Signal::CONT);
        }
        match self.dead_until {
            Some(until) if until <= now => {
                self.child = place.spawn(self.role, (self.number, self.port), None)?;
                self.dead_until = None;
            }
            Some(_) => {}
            None => {
                if self.child.try_wait()?.is_some() {
                    (self.dead_until, self.frozen_until) = (Some(now + DEAD_FOR), None);
                }
            }
        }
        Ok(())
    }

    /// A process that is gone already needs no signal.
    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid
            && let Err(err) = kill_process(pid, signal)
        {
            tracing::debug!(error = %err, "A process was gone before its signal");
        }
    }
}

impl Place {
    fn spawn(
        &self,
        role: Role,
        (number, port): (usize, u16),
        fault: Option<(Plan, &std::path::Path)>,
    ) -> anyhow::Result<Child> {
        let Some((database, broker)) = self.engines.get(number) else {
            bail!("there are no engines for process {number} of a role")
        };
        let name = format!("{}-{number}.log", role.verb());
        let log = File::options().create(true).append(true).open(self.logs.join(name))?;
        // Few connections each: those of killed and frozen processes count for a while, and the
        // tools that look at the world need theirs.
        let (write, follow, query) = match role {
            Role::Serve => (2, 2, 4),
            Role::Work => (6, 2, 2),
            Role::Project => (2, 6, 2),
            Role::Relay => (2, 3, 2),
            Role::Bot => (2, 2, 4),
        };
        let mut command = Command::new(&self.binary);
        command
            .arg(role.verb())
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DATABASE_URL", database)
            .env("NATS_URL", broker)
            .env("KONTOR_MASTER_KEY", MASTER_KEY)
            .env("KONTOR_HTTP_ADDRESS", format!("127.0.0.1:{port}"))
            .env("KONTOR_HTTP_RATE_PER_KEY", "1000000")
            .env("KONTOR_HTTP_RATE_PER_ADDRESS", "1000000")
            .env("KONTOR_POOL_WRITE", write.to_string())
            .env("KONTOR_POOL_FOLLOW", follow.to_string())
            .env("KONTOR_POOL_QUERY", query.to_string())
            .env("KONTOR_NATS_EVENTS_BYTES_MAX", EVENTS_BYTES_MAX)
            .env("KONTOR_LEASE_TTL_MS", LEASE.as_millis().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        if role == Role::Bot {
            command.envs(people::bot_settings(&self.telegram_url));
        }
        if let Some((plan, marker)) = fault {
            command.env("KONTOR_FAULT", plan.to_string()).env("KONTOR_FAULT_MARKER", marker);
        }
        command.spawn().with_context(|| format!("{} cannot be started", self.binary.display()))
    }
}

/// The room of the stream of events: the server reserves it on its disk.
pub(crate) const EVENTS_BYTES_MAX: &str = "268435456";

/// A port that is free now; `serve` must find it again after each start.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
