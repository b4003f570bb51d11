//! How a follower works.

use std::time::Duration;

use kontor_domain::Upcasters;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Leases, Members, Page, Vault};

/// The payloads of a page should not exceed this many bytes, so that a follower's memory does not
/// depend on what is in the log. A page that does makes the next one smaller.
const PAGE_BYTES_TARGET: usize = 4 * 1024 * 1024;

/// How a follower works.
#[derive(Clone, Debug)]
pub struct FollowerSettings {
    /// The name of the process in the leases, unique to it.
    pub owner: String,
    /// How long the follower stands still after a crash before another process takes over.
    pub lease_ttl: Duration,
    /// The processes that share the followers; owner and time to live are then those of the member.
    /// Without them the first process keeps what it has.
    pub members: Option<Members>,
    /// How often to ask for the lease while another process holds it.
    pub standby_every: Duration,
    /// How often to look for new events when nobody wakes the follower.
    pub poll_every: Duration,
    /// How long the checkpoint may stay behind what was read, when nothing in it was for the follower.
    /// Zero writes it at once.
    pub skim_max: Duration,
    /// The least time from the end of one page to the next, so that under load a page gathers several
    /// events instead of costing a transaction for each. After a longer quiet nobody waits.
    pub gather: Duration,
    /// How long a follower that is woken waits before it reads. All of them are woken by one append, and
    /// whoever caused it is on the way to its answer at that moment, on the same processors.
    pub wake_pause: Duration,
    /// How often to show that it is alive when there is nothing to do.
    pub heartbeat_every: Duration,
    /// How often to look whether an operator paused the follower, or another version wants its place.
    pub orders_look_every: Duration,
    /// The size of a page when the follower is up to date, in positions.
    pub page_live: u32,
    /// The largest page while it catches up.
    pub page_catching_up: u32,
    /// The pause after a failed step; it doubles, with jitter.
    pub pause_first: Duration,
    /// The longest pause after a failed step.
    pub pause_max: Duration,
    /// The longest step of [`crate::Follower::run`]. Statements end sooner by themselves; this is for
    /// a connection that went silent, and for outside calls that never return.
    pub step_max: Duration,
    /// The pause before a parked event is tried again; it doubles, with jitter.
    pub parked_pause_first: Duration,
    /// The longest pause before a parked event is tried again.
    pub parked_pause_max: Duration,
    /// After so many attempts a parked event waits for an operator.
    pub parked_attempts_max: u32,
    /// How often to look whether a parked event is due.
    pub parked_look_every: Duration,
    /// The most parked streams; one more stops the follower.
    pub parked_streams_max: usize,
    /// How old events are read.
    pub upcasters: &'static Upcasters,
    /// Opens the personal data in events. Without it a reactor gets events as they are stored, and
    /// a projection stands still at the first one that has some.
    pub vault: Option<Vault>,
}

impl Default for FollowerSettings {
    fn default() -> Self {
        Self {
            owner: Uuid::now_v7().to_string(),
            lease_ttl: Duration::from_secs(10),
            members: None,
            standby_every: Duration::from_secs(1),
            poll_every: Duration::from_millis(200),
            skim_max: Duration::from_millis(20),
            gather: Duration::from_millis(4),
            wake_pause: Duration::from_millis(1),
            heartbeat_every: Duration::from_secs(5),
            orders_look_every: Duration::from_secs(1),
            page_live: 500,
            page_catching_up: 2_000,
            pause_first: Duration::from_millis(100),
            pause_max: Duration::from_secs(30),
            step_max: Duration::from_secs(120),
            parked_pause_first: Duration::from_secs(2),
            parked_pause_max: Duration::from_secs(600),
            // About half an hour of attempts by itself.
            parked_attempts_max: 10,
            parked_look_every: Duration::from_secs(1),
            // Their ids take a few hundred kilobytes; more parked streams than this are not single
            // odd events but a wrong projection.
            parked_streams_max: 10_000,
            upcasters: Upcasters::current(),
            vault: None,
        }
    }
}

impl FollowerSettings {
    /// The leases of a follower with these settings.
    pub(super) fn leases(&self, pool: &PgPool) -> Leases {
        self.members.as_ref().map_or_else(
            || Leases::new(pool.clone(), self.owner.clone(), self.lease_ttl),
            Members::leases,
        )
    }

    /// The size of the page after this one: it grows while pages are full, and shrinks when their
    /// payloads are large.
    pub(super) fn next_limit(&self, limit: u32, page: &Page) -> u32 {
        let largest = self.page_catching_up.max(1);
        let bytes: usize = page.events.iter().map(|event| event.payload.len()).sum();
        if bytes > PAGE_BYTES_TARGET {
            let halvings = (bytes / PAGE_BYTES_TARGET).ilog2() + 1;
            return (limit >> halvings.min(31)).max(1);
        }
        if page.full {
            limit.saturating_mul(2).min(largest)
        } else {
            self.page_live.clamp(1, largest)
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kontor_domain::{Actor, Metadata, Recorded};
    use uuid::Uuid;

    use super::{FollowerSettings, PAGE_BYTES_TARGET};
    use crate::Page;

    fn page(full: bool, bytes: usize) -> Result<Page, kontor_domain::ValueError> {
        let event = Recorded {
            position: 1,
            tenant: "demo".parse()?,
            stream_type: "meter".to_owned(),
            stream_id: Uuid::nil(),
            version: 1,
            event_id: Uuid::nil(),
            event_type: "meter.registered".to_owned(),
            schema_version: 1,
            payload: "x".repeat(bytes),
            metadata: Metadata {
                actor: Actor::System { name: "test".to_owned() },
                command_id: Uuid::nil(),
                correlation_id: Uuid::nil(),
                causation_id: None,
                trace: None,
            },
            occurred_at: DateTime::UNIX_EPOCH,
            recorded_at: DateTime::UNIX_EPOCH,
        };
        Ok(Page { events: vec![event], last_position: Some(1), full, ..Page::default() })
    }

    #[test]
    fn pages_grow_while_they_are_full_and_shrink_when_they_are_heavy()
    -> Result<(), kontor_domain::ValueError> {
        let settings = FollowerSettings::default();
        assert_eq!(settings.next_limit(500, &page(true, 10)?), 1_000);
        assert_eq!(settings.next_limit(2_000, &page(true, 10)?), 2_000);
        assert_eq!(settings.next_limit(2_000, &page(false, 10)?), 500);
        let heavy = page(true, PAGE_BYTES_TARGET + 1)?;
        assert_eq!(settings.next_limit(2_000, &heavy), 1_000);
        assert_eq!(settings.next_limit(1, &heavy), 1);
        let heavier = page(true, PAGE_BYTES_TARGET * 4)?;
        assert_eq!(settings.next_limit(2_000, &heavier), 250);
        Ok(())
    }
}
