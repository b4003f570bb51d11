//! Finds the matches of what changed anew: everything that the change can reach, and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Duration, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    apply::{Bucket, Keys},
    matching::{Fault, How, Left, Right, Verdict, by_reference, by_window, key_of},
};
use crate::{ApplyError, columns::column};

/// How far apart two items may be that only amount and currency bring together: a provider says the
/// same day or the next, a bank takes some days.
fn window(bucket: &str) -> Duration {
    if bucket == "payout" { Duration::days(7) } else { Duration::hours(36) }
}

/// From when on an item that belongs to another one counts as late.
fn late_after(bucket: &str) -> Duration {
    if bucket == "payout" { Duration::days(10) } else { Duration::days(3) }
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    side: i16,
    reference: Option<String>,
    refs: Vec<String>,
    expected_minor: i64,
    currency: String,
    at: DateTime<Utc>,
    adds_up: bool,
}

impl Row {
    fn left(self) -> Left {
        let Self { id, reference, expected_minor, currency, at, .. } = self;
        Left { id, reference: reference.unwrap_or_default(), expected_minor, currency, at }
    }

    fn right(self) -> Right {
        let Self { id, refs, expected_minor, currency, at, adds_up, .. } = self;
        Right { id, references: refs, expected_minor, currency, at, adds_up }
    }
}

macro_rules! select_items {
    ($from:literal) => {
        concat!(
            "select item.id, item.side, item.reference, item.refs, item.expected_minor, \
             item.currency, item.at, \
             item.amount_minor - item.fee_minor = item.net_minor as adds_up from ",
            $from
        )
    };
}

/// Finds again what belongs together in a bucket after its items changed.
pub(super) async fn again(
    db: &mut PgConnection,
    bucket: Bucket<'_>,
    keys: &Keys<'_>,
) -> Result<(), ApplyError> {
    let mut amounts: BTreeSet<(String, i64)> =
        keys.amounts.iter().map(|(currency, minor)| ((*currency).to_owned(), *minor)).collect();
    let reach = Reach::of(db, bucket, keys).await?;
    let verdicts = reach.verdicts(late_after(bucket.name));
    amounts.extend(reach.lefts.iter().map(|it| (it.currency.clone(), it.expected_minor)));
    write(db, &verdicts).await?;
    // What has no ids at all is not within the reach of any.
    again_by_window(db, bucket, &amounts).await
}

/// All that a change of some ids can reach.
struct Reach {
    /// The ids themselves, and all that the lines with one of them name.
    keys: BTreeSet<String>,
    lefts: Vec<Left>,
    rights: Vec<Right>,
}

impl Reach {
    async fn of(
        db: &mut PgConnection,
        bucket: Bucket<'_>,
        changed: &Keys<'_>,
    ) -> Result<Self, ApplyError> {
        let mut keys: BTreeSet<String> =
            changed.references.iter().map(|it| (*it).to_owned()).collect();
        // A line that a changed id belongs to may turn to another of its ids, whose other lines then
        // share with it or not.
        for right in rights(db, bucket, &keys).await? {
            keys.extend(right.references);
        }
        let rights = rights(db, bucket, &keys).await?;
        let named = rights.iter().flat_map(|right| right.references.iter().cloned());
        let asked: BTreeSet<String> = keys.iter().cloned().chain(named).collect();
        let lefts = lefts(db, bucket, &asked).await?;
        Ok(Self { keys, lefts, rights })
    }

    fn verdicts(&self, late_after: Duration) -> Vec<Verdict> {
        let known: BTreeSet<&str> = self.lefts.iter().map(|left| left.reference.as_str()).collect();
        let mut groups: BTreeMap<&str, (Vec<&Left>, Vec<&Right>)> = BTreeMap::new();
        let mut verdicts = Vec::new();
        for left in self.lefts.iter().filter(|left| self.keys.contains(&left.reference)) {
            groups.entry(&left.reference).or_default().0.push(left);
        }
        for right in &self.rights {
            match key_of(right, &known) {
                Some(key) if self.keys.contains(key) => {
                    groups.entry(key).or_default().1.push(right);
                }
                // It belongs to an id that nothing changed for.
                Some(_) => {}
                None => {
                    let fault = Some(Fault::Missing);
                    verdicts.push(Verdict { id: right.id, partner: None, fault });
                }
            }
        }
        for (lefts, rights) in groups.values() {
            by_reference(lefts, rights, late_after, &mut verdicts);
        }
        verdicts
    }
}

async fn rights(
    db: &mut PgConnection,
    bucket: Bucket<'_>,
    keys: &BTreeSet<String>,
) -> Result<Vec<Right>, ApplyError> {
    if keys.is_empty() {
        return Ok(vec![]);
    }
    let rows: Vec<Row> = sqlx::query_as(select_items!(
        "recon_items as item where item.id in ( \
             select ref.item_id from unnest($4::text[]) as key (reference) \
             join recon_refs as ref on ref.tenant = $1 and ref.provider = $2 and ref.bucket = $3 \
                 and ref.reference = key.reference \
         ) and not item.void"
    ))
    .bind(bucket.tenant)
    .bind(bucket.provider)
    .bind(bucket.name)
    .bind(keys.iter().collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Row::right).collect())
}

async fn lefts(
    db: &mut PgConnection,
    bucket: Bucket<'_>,
    keys: &BTreeSet<String>,
) -> Result<Vec<Left>, ApplyError> {
    if keys.is_empty() {
        return Ok(vec![]);
    }
    let rows: Vec<Row> = sqlx::query_as(select_items!(
        "unnest($4::text[]) as key (reference) \
         join recon_items as item on item.tenant = $1 and item.provider = $2 \
             and item.bucket = $3 and item.reference = key.reference and item.side = 1 \
         where not item.void"
    ))
    .bind(bucket.tenant)
    .bind(bucket.provider)
    .bind(bucket.name)
    .bind(keys.iter().collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Row::left).collect())
}

/// Matches by amount, currency and time whatever has one of these amounts, and is not matched by an
/// id. Nothing is asked of the database where no line is without ids.
async fn again_by_window(
    db: &mut PgConnection,
    bucket: Bucket<'_>,
    amounts: &BTreeSet<(String, i64)>,
) -> Result<(), ApplyError> {
    let window = window(bucket.name);
    let rows: Vec<Row> = sqlx::query_as(select_items!(
        "( \
             with wanted as (select * from unnest($4::text[], $5::bigint[]) as w (currency, minor)), \
             unnamed as ( \
                 select it.* from wanted join recon_items as it on it.tenant = $1 \
                     and it.provider = $2 and it.bucket = $3 and it.currency = wanted.currency \
                     and it.expected_minor = wanted.minor \
                 where it.side = 2 and it.refs = '{}' \
             ) \
             select * from unnamed union \
             select it.* from unnamed join recon_items as it on it.tenant = $1 \
                 and it.provider = $2 and it.bucket = $3 and it.currency = unnamed.currency \
                 and it.expected_minor = unnamed.expected_minor \
                 and it.at between unnamed.at - $6 and unnamed.at + $6 \
             where it.side = 1 and not it.void and it.matched_by is distinct from 'reference' \
                 and it.fault is distinct from 'duplicate' \
         ) as item"
    ))
    .bind(bucket.tenant)
    .bind(bucket.provider)
    .bind(bucket.name)
    .bind(column(&amounts.iter().collect::<Vec<_>>(), |(currency, _)| currency.as_str()))
    .bind(column(&amounts.iter().collect::<Vec<_>>(), |(_, minor)| *minor))
    .bind(window)
    .fetch_all(&mut *db)
    .await?;
    let mut groups: HashMap<(String, i64), (Vec<Left>, Vec<Right>)> = HashMap::new();
    for row in rows {
        let group = groups.entry((row.currency.clone(), row.expected_minor)).or_default();
        if row.side == 1 { group.0.push(row.left()) } else { group.1.push(row.right()) }
    }
    let mut verdicts = Vec::new();
    for (lefts, rights) in groups.values() {
        let (lefts, rights): (Vec<_>, Vec<_>) = (lefts.iter().collect(), rights.iter().collect());
        by_window(&lefts, &rights, window, &mut verdicts);
    }
    write(db, &verdicts).await
}

/// Writes what came out. Matches that are no more end first, on both sides, so that no item ever
/// belongs to two.
async fn write(db: &mut PgConnection, verdicts: &[Verdict]) -> Result<(), ApplyError> {
    if verdicts.is_empty() {
        return Ok(());
    }
    let ids = column(verdicts, |it| it.id);
    sqlx::query(
        "update recon_items as item set partner = null, matched_by = null, \
             fault = case when item.void then null else 'missing' end \
         where (item.id = any($1) or item.partner = any($1)) and item.partner is not null",
    )
    .bind(&ids)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "update recon_items as item set partner = it.partner, matched_by = it.matched_by, \
             fault = it.fault \
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) \
             as it (id, partner, matched_by, fault) \
         where item.id = it.id \
             and (item.partner, item.matched_by, item.fault) \
                 is distinct from (it.partner, it.matched_by, it.fault)",
    )
    .bind(&ids)
    .bind(column(verdicts, |it| it.partner.map(|(partner, _)| partner)))
    .bind(column(verdicts, |it| it.partner.map(|(_, how)| How::name(how))))
    .bind(column(verdicts, |it| it.fault.map(Fault::name)))
    .execute(db)
    .await?;
    Ok(())
}
