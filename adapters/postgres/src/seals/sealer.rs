//! One look at the log: what is new is checked, added to the tree, signed and stored.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use kontor_domain::{
    Actor, TenantId,
    credit_ledger::chain::{Link, Verifier},
    seals::{Seal, SealDraft, SealedEnd, SealingKey, Tree},
};
use sqlx::{FromRow, PgConnection, PgPool, types::Json};
use uuid::Uuid;

use super::rows::{ends_at, ends_of_ledgers};
use crate::{DatabaseError, error::failed};

/// How many bookings are read at a time.
const PAGE: i64 = 2_000;
/// How many bookings one seal takes in: more are sealed at once by the next one. It bounds the
/// transaction and the lines of the file that belong to one seal.
const BOOKINGS_MAX: usize = 20_000;
/// The most ledgers in a tree: each takes some 64 bytes of memory.
const LEDGERS_MAX: usize = 5_000_000;

/// A seal with the ends that changed since the one before, in order of their leaves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// The seal.
    pub seal: Seal,
    /// What changed.
    pub changed: Vec<SealedEnd>,
}

/// Why nothing could be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The log does not go on from what was sealed before.
    #[error(
        "position {position}, ledger {ledger_id}: {what}. Nothing more is sealed; run `kontor ledger \
         verify --seals FILE` and see docs/guides/ledger.md"
    )]
    Broken {
        /// The position of the booking.
        position: i64,
        /// Its ledger.
        ledger_id: Uuid,
        /// What is wrong.
        what: String,
    },
    /// The tables of seals do not agree with themselves.
    #[error(
        "the ends that the database holds do not come to the root of seal {number}; nothing more is \
         sealed; run `kontor ledger verify --seals FILE`"
    )]
    OtherRoot {
        /// The last seal.
        number: i64,
    },
    /// There are more ledgers than a tree takes.
    #[error("there are more than {LEDGERS_MAX} ledgers, the most that are sealed")]
    TooMany,
    /// There is no key.
    #[error("there is no key to seal with")]
    NoKey,
}

#[derive(FromRow)]
struct Row {
    position: i64,
    tenant: String,
    stream_id: Uuid,
    version: i64,
    event_type: String,
    schema_version: i32,
    payload: String,
    actor: Option<String>,
}

/// A ledger that has new bookings.
struct Grown {
    leaf: i64,
    tenant: TenantId,
    verifier: Verifier,
}

/// What was found since the last seal.
#[derive(Default)]
struct News {
    ledgers: BTreeMap<Uuid, Grown>,
    bookings: usize,
    /// The position of the last booking.
    last: i64,
    /// How far the log was read.
    reached: i64,
    /// Whether there is more than one seal takes.
    more: bool,
    /// How many ledgers there are with the new ones.
    leaves: usize,
    /// The number of the seal that they are behind. Another process may have made the next one: then
    /// this one's has the same number, and is refused by the table.
    number: i64,
}

/// Where sealing stands in memory.
struct Known {
    tree: Tree,
    last: Option<Seal>,
    /// Up to where the log holds no booking that is not sealed.
    position: i64,
}

/// Seals what is new. One per process, under the lease.
pub struct Sealer {
    pool: PgPool,
    keys: Vec<SealingKey>,
    every_seconds: i64,
    known: Option<Known>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer that signs with the first key; the others are those of before. `every_seconds` is
    /// how often it looks, for those who watch it.
    pub fn new(pool: PgPool, keys: Vec<SealingKey>, every_seconds: i64) -> Self {
        Self { pool, keys, every_seconds, known: None }
    }

    /// Looks through the log once. Returns a seal when there was something new, and whether there is
    /// more at once.
    ///
    /// # Errors
    /// [`SealError`]. What is in memory is read again with the next look.
    pub async fn look(&mut self, now: DateTime<Utc>) -> Result<(Option<Sealed>, bool), SealError> {
        // Taken out, so that a failure leaves nothing behind that the table does not hold.
        let mut known = match self.known.take() {
            Some(known) => known,
            None => self.load().await?,
        };
        let mut tx = self.pool.begin().await.map_err(failed("begin to seal"))?;
        let news = read_news(&mut tx, &known).await?;
        let sealed = match news.bookings {
            0 => None,
            _ => Some(self.seal(&mut tx, &mut known, (&news, now)).await?),
        };
        sqlx::query(
            "insert into ledger_sealer (position, every_seconds, looked_at) \
             values ($1, $2, clock_timestamp()) on conflict (only_one) do update \
             set position = excluded.position, every_seconds = excluded.every_seconds, \
                 looked_at = excluded.looked_at",
        )
        .bind(news.reached)
        .bind(self.every_seconds)
        .execute(&mut *tx)
        .await
        .map_err(failed("note the look of the sealer"))?;
        tx.commit().await.map_err(failed("commit a seal"))?;
        known.position = news.reached;
        if let Some(sealed) = &sealed {
            known.last = Some(sealed.seal.clone());
        }
        self.known = Some(known);
        Ok((sealed, news.more))
    }

    /// Reads the tree of the last seal, and checks that it is the one that was signed.
    async fn load(&self) -> Result<Known, SealError> {
        let Some(last) = super::last(&self.pool).await? else {
            return Ok(Known { tree: Tree::default(), last: None, position: 0 });
        };
        let number = last.number;
        let ends = ends_at(&self.pool, number).await?;
        let in_order = (0..).zip(&ends).all(|(leaf, end)| end.leaf == leaf);
        let mut tree = Tree::of(ends.iter().map(SealedEnd::leaf_hash).collect());
        if !in_order || tree.root() != last.root {
            return Err(SealError::OtherRoot { number });
        }
        let position = last.position;
        Ok(Known { tree, last: Some(last), position })
    }

    async fn seal(
        &self,
        db: &mut PgConnection,
        known: &mut Known,
        (news, now): (&News, DateTime<Utc>),
    ) -> Result<Sealed, SealError> {
        let mut changed: Vec<SealedEnd> = news.ledgers.iter().map(end_of).collect();
        changed.sort_unstable_by_key(|end| end.leaf);
        for end in &changed {
            let leaf = usize::try_from(end.leaf).unwrap_or(usize::MAX);
            if leaf >= LEDGERS_MAX || !known.tree.set(leaf, end.leaf_hash()) {
                return Err(SealError::TooMany);
            }
        }
        let before = known.last.as_ref();
        let bookings = before.map_or(0, |seal| seal.bookings);
        let now = now.trunc_subsecs(6);
        let draft = SealDraft {
            position: news.last,
            ledgers: count(known.tree.len()),
            bookings: bookings.saturating_add(count(news.bookings)),
            changed: count(changed.len()),
            root: known.tree.root(),
            // A clock that was set back does not make a seal that nobody believes.
            sealed_at: before.map_or(now, |seal| seal.sealed_at.max(now)),
        };
        let seal = Seal::sign(&draft, before, &self.keys).ok_or(SealError::NoKey)?;
        let sealed = Sealed { seal, changed };
        store(db, &sealed).await?;
        Ok(sealed)
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn end_of((ledger_id, grown): (&Uuid, &Grown)) -> SealedEnd {
    let end = grown.verifier.end();
    SealedEnd {
        leaf: grown.leaf,
        tenant: grown.tenant.clone(),
        ledger_id: *ledger_id,
        version: end.length,
        head: end.head,
    }
}

/// Reads the bookings behind the last seal, and checks that each goes on from what was sealed.
async fn read_news(db: &mut PgConnection, known: &Known) -> Result<News, SealError> {
    let reached: i64 = sqlx::query_scalar("select coalesce(max(position), 0) from events")
        .fetch_one(&mut *db)
        .await
        .map_err(failed("look for the end of the log"))?;
    let (last, leaves) = (known.position, known.tree.len());
    let number = known.last.as_ref().map_or(0, |seal| seal.number);
    let mut news = News { last, reached, leaves, number, ..News::default() };
    loop {
        let rows: Vec<Row> = sqlx::query_as(
            "select position, tenant, stream_id, version, event_type, schema_version, \
                 payload::text as payload, (metadata -> 'actor')::text as actor from events \
             where stream_type = 'credit_ledger' and position > $1 and position <= $2 \
             order by position limit $3",
        )
        .bind(news.last)
        .bind(reached)
        .bind(PAGE)
        .fetch_all(&mut *db)
        .await
        .map_err(failed("read what is to be sealed"))?;
        add_known(db, &mut news, &rows).await?;
        for row in &rows {
            take(&mut news, row)?;
        }
        if rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
            return Ok(news);
        }
        if news.bookings >= BOOKINGS_MAX {
            (news.more, news.reached) = (true, news.last);
            return Ok(news);
        }
    }
}

/// Looks up where the ledgers of a page ended in the last seal.
async fn add_known(
    db: &mut PgConnection,
    news: &mut News,
    rows: &[Row],
) -> Result<(), DatabaseError> {
    let mut unknown: Vec<Uuid> = rows.iter().map(|row| row.stream_id).collect();
    unknown.retain(|id| !news.ledgers.contains_key(id));
    unknown.sort_unstable();
    unknown.dedup();
    if unknown.is_empty() {
        return Ok(());
    }
    for end in ends_of_ledgers(db, &unknown, news.number).await? {
        let verifier = Verifier::resume(end.ledger_id, end.end());
        let grown = Grown { leaf: end.leaf, tenant: end.tenant, verifier };
        news.ledgers.insert(end.ledger_id, grown);
    }
    Ok(())
}

fn take(news: &mut News, row: &Row) -> Result<(), SealError> {
    let Row { position, stream_id: ledger_id, version, .. } = *row;
    let broken = |what: String| SealError::Broken { position, ledger_id, what };
    let tenant: TenantId =
        row.tenant.parse().map_err(|_| broken("its tenant is none".to_owned()))?;
    let actor = row.actor.as_deref().and_then(|text| serde_json::from_str::<Actor>(text).ok());
    let actor = actor.ok_or_else(|| broken("it says of nobody who booked it".to_owned()))?;
    if !news.ledgers.contains_key(&ledger_id) {
        let leaf = count(news.leaves);
        news.leaves = news.leaves.saturating_add(1);
        let verifier = Verifier::new(ledger_id, None);
        news.ledgers.insert(ledger_id, Grown { leaf, tenant: tenant.clone(), verifier });
    }
    let Some(grown) = news.ledgers.get_mut(&ledger_id) else { return Ok(()) };
    if grown.tenant != tenant {
        return Err(broken(format!("it belongs to {}, not to {tenant}", grown.tenant)));
    }
    let link = Link {
        version,
        event_type: &row.event_type,
        schema_version: row.schema_version,
        actor: &actor,
        payload: &row.payload,
    };
    grown.verifier.take(link).map_err(|err| broken(err.to_string()))?;
    news.bookings = news.bookings.saturating_add(1);
    news.last = position;
    Ok(())
}

async fn store(db: &mut PgConnection, sealed: &Sealed) -> Result<(), DatabaseError> {
    let seal = &sealed.seal;
    sqlx::query(
        "insert into ledger_seals (number, position, ledgers, bookings, changed, sealed_at, seal) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(seal.number)
    .bind(seal.position)
    .bind(seal.ledgers)
    .bind(seal.bookings)
    .bind(seal.changed)
    .bind(seal.sealed_at)
    .bind(Json(seal))
    .execute(&mut *db)
    .await
    .map_err(failed("store a seal"))?;
    let ends = &sealed.changed;
    let column = |of: fn(&SealedEnd) -> i64| ends.iter().map(of).collect::<Vec<i64>>();
    sqlx::query(
        "insert into ledger_seal_ends (leaf, number, ledger_id, tenant, version, head) \
         select leaf, $1, ledger_id, tenant, version, head \
         from unnest($2::bigint[], $3::uuid[], $4::text[], $5::bigint[], $6::text[]) \
             as t (leaf, ledger_id, tenant, version, head)",
    )
    .bind(seal.number)
    .bind(column(|end| end.leaf))
    .bind(ends.iter().map(|end| end.ledger_id).collect::<Vec<Uuid>>())
    .bind(ends.iter().map(|end| end.tenant.as_str()).collect::<Vec<&str>>())
    .bind(column(|end| end.version))
    .bind(ends.iter().map(|end| end.head.to_string()).collect::<Vec<String>>())
    .execute(db)
    .await
    .map_err(failed("store the ends of a seal"))?;
    Ok(())
}
