//! Ledger by ledger, in parts side by side: each part is a range of ledgers' ids.
//!
//! The log never changes and its positions have no holes, so what stands up to a position is the same
//! whenever it is read: the parts need no snapshot.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;
use chrono::{DateTime, Utc};
use kontor_domain::{
    Metadata, Recorded, TenantId,
    credit_ledger::{
        CreditLedgerEvent, Entry,
        chain::ChainEnd,
        replay::{self, Booked, Replay, RulesThen},
    },
    seals::SealedEnd,
};
use sqlx::{FromRow, PgPool, types::Json};
use uuid::Uuid;

use super::{Decided, Difference, rules::Rules};
use crate::ledger::{books::newest, chains::LEDGERS_MAX};

/// How many bookings are read at a time.
const PAGE: i64 = 2_000;
/// The most parts: more than these the database does not feed.
const PARTS_MAX: usize = 4;
/// How many differences are named; one is enough to act, more show the pattern.
const NAMED_MAX: usize = 20;

#[derive(FromRow)]
struct Row {
    position: i64,
    tenant: String,
    stream_id: Uuid,
    version: i64,
    event_id: Uuid,
    event_type: String,
    schema_version: i32,
    payload: String,
    metadata: Json<Metadata>,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
}

/// What is to be replayed by one part.
#[derive(Clone)]
struct Part {
    pool: PgPool,
    rules: Arc<Rules>,
    tenant: Option<TenantId>,
    until: i64,
    first: Uuid,
    last: Uuid,
}

/// A ledger on its way.
struct OnItsWay {
    ledger_id: Uuid,
    tenant: TenantId,
    opened: i64,
    replay: Replay,
    /// The bookings whose command is not decided yet, by version.
    pending: BTreeMap<i64, i64>,
    differs: bool,
}

/// Decides all bookings up to a position anew.
pub(super) async fn decide(
    pool: &PgPool,
    rules: Rules,
    (tenant, until): (Option<&TenantId>, i64),
) -> anyhow::Result<Decided> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let count = cores.clamp(1, PARTS_MAX);
    let rules = Arc::new(rules);
    let mut tasks = tokio::task::JoinSet::new();
    for (first, last) in ranges(count) {
        let part = Part {
            pool: pool.clone(),
            rules: Arc::clone(&rules),
            tenant: tenant.cloned(),
            until,
            first,
            last,
        };
        tasks.spawn(part.decide());
    }
    let mut decided = Decided::default();
    while let Some(part) = tasks.join_next().await {
        decided.add(part.context("a part of the replay panicked")??);
    }
    decided.differences.sort_unstable_by_key(|difference| difference.position);
    decided.differences.truncate(NAMED_MAX);
    Ok(decided)
}

/// So many ranges that hold all ids, each from its first to its last.
fn ranges(count: usize) -> Vec<(Uuid, Uuid)> {
    let count = u128::try_from(count).unwrap_or(1).max(1);
    let size = u128::MAX / count;
    (0..count)
        .map(|part| {
            let first = size.saturating_mul(part);
            let is_last = part + 1 == count;
            let last = if is_last { u128::MAX } else { first.saturating_add(size - 1) };
            (Uuid::from_u128(first), Uuid::from_u128(last))
        })
        .collect()
}

impl Part {
    async fn decide(self) -> anyhow::Result<Decided> {
        let mut decided = Decided::default();
        let mut current: Option<OnItsWay> = None;
        let (mut ledger, mut version) = (self.first, 0);
        loop {
            let rows = self.page(ledger, version).await.context("the log cannot be read")?;
            let Some(last) = rows.last() else { break };
            (ledger, version) = (last.stream_id, last.version);
            for row in rows {
                let stored = recorded(row)?;
                if current.as_ref().is_none_or(|it| it.ledger_id != stored.stream_id) {
                    if let Some(done) = current.take() {
                        done.finish(&mut decided);
                    }
                    current = Some(OnItsWay::new(&stored));
                }
                let rules = self.rules.at(&stored);
                if let Some(ledger) = &mut current {
                    ledger.take(stored, &rules, &mut decided);
                }
            }
            anyhow::ensure!(
                decided.leaves.len() <= LEDGERS_MAX,
                "there are more than {LEDGERS_MAX} ledgers, the most that are looked at in one run"
            );
        }
        if let Some(done) = current {
            done.finish(&mut decided);
        }
        Ok(decided)
    }

    async fn page(&self, ledger: Uuid, version: i64) -> Result<Vec<Row>, sqlx::Error> {
        sqlx::query_as(
            "select position, tenant, stream_id, version, event_id, event_type, schema_version, \
                 payload::text as payload, metadata, occurred_at, recorded_at from events \
             where stream_type = 'credit_ledger' and (stream_id, version) > ($1, $2) \
                 and stream_id <= $3 and position <= $4 and ($5::text is null or tenant = $5) \
             order by stream_id, version limit $6",
        )
        .bind(ledger)
        .bind(version)
        .bind(self.last)
        .bind(self.until)
        .bind(self.tenant.as_ref().map(TenantId::as_str))
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await
    }
}

fn recorded(row: Row) -> anyhow::Result<Recorded> {
    let Row { position, stream_id, version, event_id, event_type, schema_version, .. } = row;
    let tenant = row.tenant.parse();
    Ok(Recorded {
        position,
        tenant: tenant.with_context(|| format!("the tenant at position {position} is none"))?,
        stream_type: "credit_ledger".to_owned(),
        stream_id,
        version,
        event_id,
        event_type,
        schema_version,
        payload: row.payload,
        metadata: row.metadata.0,
        occurred_at: row.occurred_at,
        recorded_at: row.recorded_at,
    })
}

impl OnItsWay {
    fn new(first: &Recorded) -> Self {
        Self {
            ledger_id: first.stream_id,
            tenant: first.tenant.clone(),
            opened: first.position,
            replay: Replay::new(first.stream_id),
            pending: BTreeMap::new(),
            differs: false,
        }
    }

    fn take(&mut self, stored: Recorded, rules: &RulesThen, decided: &mut Decided) {
        decided.bookings += 1;
        match decided.kinds.get_mut(&stored.event_type) {
            Some(count) => *count += 1,
            None => drop(decided.kinds.insert(stored.event_type.clone(), 1)),
        }
        if self.differs {
            return;
        }
        let (position, version) = (stored.position, stored.version);
        let (actor, command_id) = (stored.metadata.actor.clone(), stored.metadata.command_id);
        if stored.tenant != self.tenant {
            self.differ(position, version, "it belongs to another tenant".to_owned(), decided);
            return;
        }
        let events = match newest::<CreditLedgerEvent>(stored) {
            Ok(events) => events,
            Err(unreadable) => {
                self.differ(position, version, format!("{unreadable:#}"), decided);
                return;
            }
        };
        for event in events {
            self.pending.insert(version, position);
            let booked = Booked { version, command_id, actor: actor.clone(), event };
            let taken = self.replay.take(booked, rules);
            self.sum(taken, decided);
        }
    }

    /// Adds up what was decided, or notes where it differs.
    fn sum(
        &mut self,
        taken: Result<Vec<CreditLedgerEvent>, replay::Difference>,
        decided: &mut Decided,
    ) {
        match taken {
            Ok(events) => {
                for event in &events {
                    self.pending.remove(&event.booking().number);
                    for entry in &event.booking().entries {
                        decided.add_entry(entry);
                    }
                }
            }
            Err(difference) => {
                let position = self.pending.get(&difference.version).copied();
                let version = difference.version;
                self.differ(position.unwrap_or(self.opened), version, difference.what, decided);
            }
        }
    }

    fn differ(&mut self, position: i64, version: i64, what: String, decided: &mut Decided) {
        self.differs = true;
        decided.differing += 1;
        if decided.differences.len() < NAMED_MAX {
            let ledger_id = self.ledger_id;
            decided.differences.push(Difference { position, ledger_id, version, what });
        }
    }

    fn finish(mut self, decided: &mut Decided) {
        decided.ledgers += 1;
        if !self.differs {
            let last = self.replay.finish();
            self.sum(last, decided);
        }
        decided.commands += self.replay.decided();
        let ChainEnd { length: version, head } = self.replay.end();
        let (tenant, ledger_id) = (self.tenant, self.ledger_id);
        let end = SealedEnd { leaf: 0, tenant, ledger_id, version, head };
        decided.leaves.push((self.opened, end.leaf_hash()));
    }
}

impl Decided {
    fn add_entry(&mut self, entry: &Entry) {
        let place = self.sums.entry((entry.account, entry.unit)).or_default();
        *place = place.saturating_add(i128::from(entry.amount));
    }

    fn add(&mut self, part: Self) {
        self.ledgers += part.ledgers;
        self.bookings += part.bookings;
        self.commands += part.commands;
        self.differing += part.differing;
        self.differences.extend(part.differences);
        for (kind, count) in part.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        for (place, sum) in part.sums {
            let total = self.sums.entry(place).or_default();
            *total = total.saturating_add(sum);
        }
        self.leaves.extend(part.leaves);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_hold_every_id_once() {
        for count in 1..=5 {
            let ranges = ranges(count);
            assert_eq!(ranges.len(), count);
            assert_eq!(ranges[0].0, Uuid::nil());
            assert_eq!(ranges[count - 1].1, Uuid::max());
            for pair in ranges.windows(2) {
                assert_eq!(pair[0].1.as_u128() + 1, pair[1].0.as_u128());
            }
        }
    }
}
