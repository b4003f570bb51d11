//! What a seed does.

use kontor_faults::{Action, Point};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The passage of a fault point that is struck: early enough to be reached within the load of a
/// round by either process of a role, late enough to fall among other work.
const PASSAGE_MAX: u32 = 12;

/// A kind of process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Serve,
    Work,
    Project,
    Relay,
    Bot,
}

impl Role {
    pub(crate) const ALL: [Self; 5] =
        [Self::Serve, Self::Work, Self::Project, Self::Relay, Self::Bot];

    /// The verb of the command line.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Work => "work",
            Self::Project => "project",
            Self::Relay => "relay",
            Self::Bot => "bot",
        }
    }

    /// Who comes by a fault point.
    pub(crate) fn at(point: Point) -> Self {
        match point {
            Point::AppendBefore
            | Point::AppendAfter
            | Point::ReplyBefore
            | Point::AckBefore
            | Point::AckAfter
            | Point::EraseRecorded
            | Point::EraseNoted
            | Point::EraseConversations
            | Point::EraseMeters
            | Point::EraseKey
            | Point::EraseCommands
            | Point::EraseBeforeCommit
            | Point::EraseAfterCommit => Self::Work,
            Point::RelaySent | Point::RelayPublished => Self::Relay,
            Point::ProjectBeforeCommit | Point::ProjectAfterCommit => Self::Project,
            Point::InboxStored
            | Point::TurnBeforeCommand
            | Point::TurnAfterCommand
            | Point::SendBefore
            | Point::SendAfter => Self::Bot,
        }
    }
}

/// An engine that a network fault cuts off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Engine {
    Postgres,
    Broker,
}

/// What happens to connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// All are closed, several times.
    Cut,
    /// Everything takes much longer.
    Delay,
    /// Nothing comes through, and nobody is told.
    BlackHole,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// A process dies or stands still at a place in the program.
    At(Point, Action),
    /// A process is killed at a random moment, up to three times.
    Killed(Role),
    /// A process stands still for longer than its leases last.
    Frozen(Role),
    /// PostgreSQL is killed, or ends at once, and recovers.
    PostgresCrash,
    /// nats-server is killed and started on its store.
    BrokerCrash,
    /// nats-server is killed, and its store is gone.
    BrokerStoreLost,
    /// The connections to an engine.
    Network(Engine, Trouble),
    /// PostgreSQL's disk is full for some seconds.
    DiskFull,
}

impl Fault {
    /// Every kind, in the order of the seeds.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for action in [Action::Kill, Action::Stop] {
            // An erasure takes seconds; to die in each of its steps shows what standing still would.
            let struck = |point: &Point| action == Action::Kill || !is_erasure(*point);
            let struck = Point::ALL.into_iter().filter(struck);
            all.extend(struck.map(|point| Self::At(point, action)));
        }
        all.extend(Role::ALL.map(Self::Killed));
        all.extend(Role::ALL.map(Self::Frozen));
        all.extend([Self::PostgresCrash, Self::BrokerCrash, Self::BrokerStoreLost]);
        for engine in [Engine::Postgres, Engine::Broker] {
            let troubles = [Trouble::Cut, Trouble::Delay, Trouble::BlackHole];
            all.extend(troubles.map(|trouble| Self::Network(engine, trouble)));
        }
        all.push(Self::DiskFull);
        all
    }

    /// Its name in the report.
    pub(crate) fn name(self) -> String {
        match self {
            Self::At(point, action) => {
                let role = Role::at(point).verb();
                format!("{} {role} at {}", action.name(), point.name())
            }
            Self::Killed(role) => format!("kill {} at any moment", role.verb()),
            Self::Frozen(role) => format!("freeze {} beyond its leases", role.verb()),
            Self::PostgresCrash => "crash PostgreSQL".to_owned(),
            Self::BrokerCrash => "crash nats-server".to_owned(),
            Self::BrokerStoreLost => "lose nats-server's store".to_owned(),
            Self::Network(engine, trouble) => {
                let engine = match engine {
                    Engine::Postgres => "PostgreSQL",
                    Engine::Broker => "nats-server",
                };
                match trouble {
                    Trouble::Cut => format!("cut connections to {engine}"),
                    Trouble::Delay => format!("delay connections to {engine}"),
                    Trouble::BlackHole => format!("black-hole connections to {engine}"),
                }
            }
            Self::DiskFull => "fill PostgreSQL's disk".to_owned(),
        }
    }
}

/// A round as its seed makes it.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) fault: Fault,
    /// The passage of a fault point.
    pub(crate) passage: u32,
    /// Everything else that is left to chance.
    pub(crate) chance: StdRng,
}

impl Scenario {
    pub(crate) fn of(seed: u64) -> Self {
        let faults = Fault::all();
        let kinds = u64::try_from(faults.len()).unwrap_or(u64::MAX);
        let kind = usize::try_from(seed % kinds).unwrap_or_default();
        let fault = faults.get(kind).copied().unwrap_or(Fault::PostgresCrash);
        let mut chance = StdRng::seed_from_u64(seed);
        let passage = match fault {
            // One person is erased in a round.
            Fault::At(point, _) if is_erasure(point) => 1,
            Fault::At(..)
            | Fault::Killed(_)
            | Fault::Frozen(_)
            | Fault::PostgresCrash
            | Fault::BrokerCrash
            | Fault::BrokerStoreLost
            | Fault::Network(..)
            | Fault::DiskFull => chance.random_range(1..=PASSAGE_MAX),
        };
        Self { seed, fault, passage, chance }
    }
}

/// Whether a place is passed in the erasure of a person only.
pub(crate) fn is_erasure(point: Point) -> bool {
    point.name().starts_with("erase.")
}

/// The seeds of the short form: a crash at each kind of seam, a frozen worker, and each engine lost
/// once, the broker with its store.
pub(crate) fn short() -> Vec<u64> {
    let chosen = [
        Fault::At(Point::AppendAfter, Action::Kill),
        Fault::BrokerStoreLost,
        Fault::At(Point::ProjectBeforeCommit, Action::Kill),
        Fault::Frozen(Role::Work),
        Fault::PostgresCrash,
        Fault::At(Point::RelayPublished, Action::Kill),
        Fault::At(Point::TurnAfterCommand, Action::Kill),
    ];
    let all = Fault::all();
    let seed = |fault| all.iter().position(|known| *known == fault).unwrap_or_default();
    chosen.into_iter().map(|fault| u64::try_from(seed(fault)).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Fault, Role, Scenario, short};

    #[test]
    fn consecutive_seeds_walk_through_every_kind_of_fault() {
        let all = Fault::all();
        let names: BTreeSet<String> = all.iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), all.len(), "every kind has a name of its own");
        for (seed, fault) in (0..).zip(&all) {
            assert_eq!(Scenario::of(seed).fault, *fault);
            let again = Scenario::of(seed + u64::try_from(all.len()).unwrap());
            assert_eq!(again.fault, *fault);
        }
    }

    #[test]
    fn a_seed_always_makes_the_same_round() {
        for seed in [0, 7, u64::MAX] {
            let (mut one, mut two) = (Scenario::of(seed), Scenario::of(seed));
            assert_eq!((one.fault, one.passage), (two.fault, two.passage));
            use rand::RngExt;
            assert_eq!(one.chance.random::<u64>(), two.chance.random::<u64>());
        }
    }

    #[test]
    fn the_short_form_strikes_every_writing_role_and_both_engines() {
        let faults: Vec<Fault> = short().into_iter().map(|seed| Scenario::of(seed).fault).collect();
        assert_eq!(faults.iter().map(|fault| fault.name()).collect::<BTreeSet<_>>().len(), 7);
        for role in [Role::Work, Role::Project, Role::Relay, Role::Bot] {
            let strikes = |fault: &&Fault| match fault {
                Fault::At(point, _) => Role::at(*point) == role,
                Fault::Killed(struck) | Fault::Frozen(struck) => *struck == role,
                Fault::PostgresCrash
                | Fault::BrokerCrash
                | Fault::BrokerStoreLost
                | Fault::Network(..)
                | Fault::DiskFull => false,
            };
            assert!(faults.iter().any(|fault| strikes(&fault)), "{role:?}");
        }
        assert!(faults.contains(&Fault::PostgresCrash) && faults.contains(&Fault::BrokerStoreLost));
    }
}
