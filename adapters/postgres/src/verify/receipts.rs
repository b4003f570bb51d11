//! Receipts against events, from both sides.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Check, Verifier, events::Place};
use crate::{DatabaseError, error::failed, limits::APPEND_EVENTS_MAX};

/// How many receipts are looked at in one statement.
const PAGE: i64 = 2_000;

/// The receipts of a page's commands. The clock is read with them: what is missing now was not
/// deleted later.
const OF_COMMANDS: &str = "
    select w.command_id, w.tenant, r.stream_id, r.stream_type, r.first_position, r.last_position,
           r.refusal is not null as refused, clock_timestamp() as now
    from unnest($1::uuid[], $2::text[]) as w (command_id, tenant)
    left join receipts r on r.command_id = w.command_id and r.tenant = w.tenant";

/// A page of receipts with the events that they claim. A claim longer than an append can be is not
/// followed to its end.
const RECEIPTS: &str = "
    select r.command_id, r.tenant, r.stream_id, r.version, r.first_position, r.last_position,
           r.refusal is not null as refused, length(r.fingerprint) as fingerprint_length,
           c.own, c.last_version, s.version as stream_version
    from (
        select * from receipts
        where (command_id, tenant) > ($1, $2) order by command_id, tenant limit $3
    ) r
    left join lateral (
        select count(*) filter (
                   where e.tenant = r.tenant and e.stream_id = r.stream_id
                       and e.stream_type = r.stream_type
                       and e.metadata ->> 'command_id' = r.command_id::text
               ) as own,
               max(e.version) as last_version
        from events e
        where e.position between r.first_position
            and least(r.last_position, r.first_position + $4)
    ) c on r.first_position is not null
    left join lateral (
        select version from events e where e.stream_id = r.stream_id
        order by version desc limit 1
    ) s on true
    order by r.command_id, r.tenant";

#[derive(Debug, FromRow)]
struct OfCommand {
    command_id: Uuid,
    tenant: String,
    stream_id: Option<Uuid>,
    stream_type: Option<String>,
    first_position: Option<i64>,
    last_position: Option<i64>,
    refused: bool,
    now: DateTime<Utc>,
}

/// Whether the events of a page have receipts that claim them, as far as receipts are kept.
pub(super) async fn check_page(
    verifier: &mut Verifier<'_>,
    page: &[Place],
) -> Result<(), DatabaseError> {
    let commands: BTreeSet<(Uuid, &str)> = page
        .iter()
        .filter_map(|place| Some((place.command_id()?, place.tenant.as_str())))
        .collect();
    let (ids, tenants): (Vec<Uuid>, Vec<&str>) = commands.into_iter().unzip();
    let found: Vec<OfCommand> = sqlx::query_as(OF_COMMANDS)
        .bind(&ids)
        .bind(&tenants)
        .fetch_all(&mut verifier.db)
        .await
        .map_err(failed("read the receipts of events"))?;
    let kept =
        chrono::Duration::from_std(verifier.options.receipts_kept).unwrap_or(chrono::Duration::MAX);
    let found: std::collections::HashMap<(Uuid, &str), &OfCommand> =
        found.iter().map(|row| ((row.command_id, row.tenant.as_str()), row)).collect();
    for place in page {
        let Some(command) = place.command_id() else { continue };
        let Some(row) = found.get(&(command, place.tenant.as_str())) else { continue };
        if let Some(what) = of_event(place, row, kept) {
            verifier.findings.damage(Check::Receipts, place.name(), what);
        }
    }
    Ok(())
}

fn of_event(place: &Place, row: &OfCommand, kept: chrono::Duration) -> Option<String> {
    let command = row.command_id;
    let (Some(stream), Some(stream_type)) = (row.stream_id, &row.stream_type) else {
        let young =
            row.now.checked_sub_signed(kept).is_none_or(|oldest| place.recorded_at > oldest);
        return young.then(|| format!("command {command} has no receipt though it is young"));
    };
    if row.refused {
        return Some(format!("the receipt of command {command} says that it was refused"));
    }
    let claimed = row.first_position.is_some_and(|first| first <= place.position)
        && row.last_position.is_some_and(|last| place.position <= last);
    if !claimed {
        return Some(format!("the receipt of command {command} does not claim this event"));
    }
    (stream != place.stream_id || *stream_type != place.stream_type)
        .then(|| format!("the receipt of command {command} names another stream, {stream}"))
}

#[derive(Debug, FromRow)]
struct Receipt {
    command_id: Uuid,
    tenant: String,
    stream_id: Uuid,
    version: i64,
    first_position: Option<i64>,
    last_position: Option<i64>,
    refused: bool,
    fingerprint_length: i32,
    own: Option<i64>,
    last_version: Option<i64>,
    stream_version: Option<i64>,
}

/// Whether receipts claim events that exist and are theirs.
pub(super) async fn check(verifier: &mut Verifier<'_>) -> Result<(), DatabaseError> {
    let mut after = (Uuid::nil(), String::new());
    let mut done: i64 = 0;
    loop {
        let page: Vec<Receipt> = sqlx::query_as(RECEIPTS)
            .bind(after.0)
            .bind(&after.1)
            .bind(PAGE)
            .bind(i64::try_from(APPEND_EVENTS_MAX).unwrap_or(i64::MAX))
            .fetch_all(&mut verifier.db)
            .await
            .map_err(failed("read a page of receipts"))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = (last.command_id, last.tenant.clone());
        for receipt in &page {
            if receipt.last_position.is_some_and(|last| last < verifier.options.from) {
                continue;
            }
            if let Some(what) = receipt.fault() {
                let place = format!("receipt of command {}", receipt.command_id);
                verifier.findings.damage(Check::Receipts, place, what);
            }
        }
        verifier.findings.looked(Check::Receipts, page.len());
        done += i64::try_from(page.len()).unwrap_or(0);
        verifier.tell(Check::Receipts, done, 0);
    }
}

impl Receipt {
    fn fault(&self) -> Option<String> {
        if self.fingerprint_length != 16 {
            return Some(format!("its fingerprint has {} bytes", self.fingerprint_length));
        }
        match (self.first_position, self.last_position) {
            (Some(_), Some(_)) if self.refused => Some("it was refused and has events".to_owned()),
            (Some(first), Some(last)) => self.claim_fault(first, last),
            (None, None) if self.version > self.stream_version.unwrap_or(0) => Some(format!(
                "it says version {}, stream {} has {}",
                self.version,
                self.stream_id,
                self.stream_version.unwrap_or(0)
            )),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                Some("it has one end of its events and not the other".to_owned())
            }
        }
    }

    fn claim_fault(&self, first: i64, last: i64) -> Option<String> {
        let claimed = last.saturating_sub(first).saturating_add(1);
        let own = self.own.unwrap_or(0);
        if claimed < 1 || own != claimed {
            return Some(format!(
                "it claims positions {first} to {last}, of which {own} are events of this command"
            ));
        }
        (self.last_version != Some(self.version)).then(|| {
            format!(
                "it says version {}, its last event has {}",
                self.version,
                self.last_version.unwrap_or(0)
            )
        })
    }
}
