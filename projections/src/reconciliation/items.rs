//! Items of both sides, and the files that lines come from.

use chrono::{DateTime, Utc};
use kontor_domain::{
    Money, Recorded,
    provider_statement::{
        LineKind, LinesRecorded, ProviderStatementEvent, RecordedLine, StatementLine,
        StatementSource,
    },
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::payments::provider_name;
use crate::{
    ApplyError,
    columns::{Shape, column, event_error},
};

/// How many items one event may make.
const ITEMS_MAX: i64 = 1000;

/// An item as an event says it.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: Uuid,
    pub(super) place: i64,
    pub(super) tenant: String,
    pub(super) provider: &'static str,
    pub(super) side: i16,
    pub(super) bucket: &'static str,
    pub(super) kind: &'static str,
    pub(super) reference: Option<String>,
    pub(super) refs: Vec<String>,
    pub(super) external_id: String,
    pub(super) amount_minor: i64,
    pub(super) fee_minor: i64,
    pub(super) net_minor: i64,
    pub(super) expected_minor: i64,
    pub(super) currency: &'static str,
    pub(super) at: DateTime<Utc>,
    pub(super) payout_ref: Option<String>,
    pub(super) payment_id: Option<Uuid>,
    pub(super) file: Option<String>,
    pub(super) void: bool,
    /// What is wrong with it whatever the other side says.
    pub(super) fault: Option<&'static str>,
    pub(super) version: i64,
}

impl Item {
    /// What Kontor says moved.
    pub(super) fn ours(
        event: &Recorded,
        (id, provider, bucket): (Uuid, &'static str, &'static str),
        reference: &str,
        moved: Money,
    ) -> Self {
        Self {
            id,
            place: event.position.saturating_mul(ITEMS_MAX),
            tenant: event.tenant.to_string(),
            provider,
            side: 1,
            bucket,
            kind: bucket,
            reference: Some(reference.to_owned()),
            refs: vec![],
            external_id: reference.to_owned(),
            amount_minor: moved.amount_minor,
            fee_minor: 0,
            net_minor: moved.amount_minor,
            expected_minor: moved.amount_minor,
            currency: moved.currency.code(),
            at: event.occurred_at,
            payout_ref: None,
            payment_id: Some(event.stream_id),
            file: None,
            void: false,
            fault: None,
            version: event.version,
        }
    }

    fn of_line(event: &Recorded, source: StatementSource, of: (i64, &RecordedLine, &str)) -> Self {
        let (number, RecordedLine { line_id, line, .. }, file) = of;
        let place = Place::of(source, line);
        Self {
            id: *line_id,
            place: event.position.saturating_mul(ITEMS_MAX).saturating_add(number),
            tenant: event.tenant.to_string(),
            provider: source.provider().or(line.from).map_or("", provider_name),
            side: place.side,
            bucket: place.bucket,
            kind: line.kind.name(),
            reference: place.reference,
            refs: line.references.iter().cloned().collect(),
            external_id: line.external_id.clone(),
            amount_minor: line.amount_minor,
            fee_minor: line.fee_minor,
            net_minor: line.net_minor,
            expected_minor: place.expected_minor,
            currency: line.currency.code(),
            at: line.at,
            payout_ref: line.payout_ref.clone(),
            payment_id: None,
            file: Some(file.to_owned()),
            void: false,
            fault: None,
            version: event.version,
        }
    }
}

/// Where a line is held against what.
struct Place {
    side: i16,
    bucket: &'static str,
    reference: Option<String>,
    expected_minor: i64,
}

impl Place {
    fn of(source: StatementSource, line: &StatementLine) -> Self {
        let bucket = match line.kind {
            LineKind::Charge => "charge",
            LineKind::Refund => "refund",
            LineKind::Dispute => "dispute",
            LineKind::Other => "other",
            LineKind::Fee => "",
            LineKind::Payout => return Self::payout(line),
            // YooKassa says nothing of what it sends, so nothing can be missing of it.
            LineKind::Arrival if source == StatementSource::Bank && sends_payouts(line) => "payout",
            LineKind::Arrival => "",
        };
        Self { side: 2, bucket, reference: None, expected_minor: line.amount_minor }
    }

    /// A payout is what a provider says it sent, and what the bank must have got.
    fn payout(line: &StatementLine) -> Self {
        let named = line.payout_ref.clone().or_else(|| line.references.first().cloned());
        Self {
            side: 1,
            bucket: "payout",
            reference: Some(named.unwrap_or_else(|| line.external_id.clone())),
            expected_minor: line.amount_minor.saturating_neg(),
        }
    }
}

fn sends_payouts(line: &StatementLine) -> bool {
    line.from.is_some_and(|from| matches!(provider_name(from), "stripe" | "telegram_stars"))
}

pub(super) fn of_statement(
    event: &Recorded,
    recorded: &LinesRecorded,
    items: &mut Vec<Item>,
) -> Result<(), ApplyError> {
    for (number, line) in (0..).zip(&recorded.lines) {
        if number >= ITEMS_MAX {
            let position = event.position;
            let reason =
                format!("the event at position {position} has more than {ITEMS_MAX} lines");
            return Err(event_error(Shape(reason)));
        }
        let of = (number, line, recorded.file.sha256.as_str());
        items.push(Item::of_line(event, recorded.source, of));
    }
    Ok(())
}

/// Notes the files that lines come from, each once, by the first event that names it.
pub(super) async fn note_files(
    db: &mut PgConnection,
    events: &[&Recorded],
) -> Result<(), ApplyError> {
    for event in events {
        let ProviderStatementEvent::LinesRecorded(recorded) = event.body()?;
        sqlx::query(
            "insert into recon_files as row (tenant, source, sha256, lines, position, recorded_at) \
             values ($1, $2, $3, $4, $5, $6) on conflict (tenant, source, sha256) do update \
             set position = excluded.position, recorded_at = excluded.recorded_at \
             where row.position > excluded.position",
        )
        .bind(event.tenant.as_str())
        .bind(recorded.source.name())
        .bind(recorded.file.sha256)
        .bind(recorded.file.lines)
        .bind(event.position)
        .bind(event.recorded_at)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// Items of this page whose own id was another one before, under that one: what it belonged to must be
/// looked at again.
pub(super) async fn renamed(
    db: &mut PgConnection,
    items: &[Item],
) -> Result<Vec<Item>, ApplyError> {
    let payouts: Vec<&Item> =
        items.iter().filter(|item| item.side == 1 && item.kind == "payout").collect();
    if payouts.is_empty() {
        return Ok(vec![]);
    }
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "select item.id, item.reference from unnest($1::uuid[], $2::text[]) as it (id, reference) \
         join recon_items as item on item.id = it.id \
         where item.reference is distinct from it.reference and item.reference is not null",
    )
    .bind(column(&payouts, |item| item.id))
    .bind(column(&payouts, |item| item.reference.as_deref()))
    .fetch_all(db)
    .await?;
    let before = rows.into_iter().filter_map(|(id, reference)| {
        let item = payouts.iter().find(|item| item.id == id)?;
        Some(Item { reference: Some(reference), ..(**item).clone() })
    });
    Ok(before.collect())
}

/// Writes items. One that is there is filled in by later events of its stream, and keeps its place,
/// its file and its match; those of a page are written in the order of the log.
pub(super) async fn write(db: &mut PgConnection, items: &[Item]) -> Result<(), ApplyError> {
    // A statement must not touch a row twice; of several events of one page the last one says most.
    let mut first: std::collections::HashMap<Uuid, usize> = std::collections::HashMap::new();
    let mut rows: Vec<Item> = Vec::new();
    for item in items {
        match first.get(&item.id) {
            Some(at) => {
                let Item { refs, payout_ref, reference, void, version, .. } = item.clone();
                let first = rows[*at].clone();
                rows[*at] = Item { refs, payout_ref, reference, void, version, ..first };
            }
            None => {
                first.insert(item.id, rows.len());
                rows.push(item.clone());
            }
        }
    }
    insert(db, &rows).await?;
    let refs: Vec<(&Item, &str)> = rows
        .iter()
        .filter(|item| item.side == 2 && !item.bucket.is_empty())
        .flat_map(|item| item.refs.iter().map(move |reference| (item, reference.as_str())))
        .collect();
    sqlx::query(
        "insert into recon_refs (item_id, reference, tenant, provider, bucket) \
         select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) \
         on conflict do nothing",
    )
    .bind(column(&refs, |(item, _)| item.id))
    .bind(column(&refs, |(_, reference)| *reference))
    .bind(column(&refs, |(item, _)| item.tenant.as_str()))
    .bind(column(&refs, |(item, _)| item.provider))
    .bind(column(&refs, |(item, _)| item.bucket))
    .execute(db)
    .await?;
    Ok(())
}

async fn insert(db: &mut PgConnection, rows: &[Item]) -> Result<(), ApplyError> {
    // Lists of lists cannot be unnested by row, so the ids of a line come as JSON.
    let refs: Vec<serde_json::Value> = column(rows, |row| row.refs.clone().into());
    sqlx::query(
        "insert into recon_items as row (id, place, tenant, provider, side, bucket, kind, reference, \
             refs, external_id, amount_minor, fee_minor, net_minor, expected_minor, currency, at, \
             payout_ref, payment_id, file, void, version, fault) \
         select id, place, tenant, provider, side, bucket, kind, reference, \
             array(select jsonb_array_elements_text(refs)), external_id, amount_minor, fee_minor, \
             net_minor, expected_minor, currency, at, payout_ref, payment_id, file, void, version, \
             case when void then null when wrong is not null then wrong \
                 when bucket = '' and amount_minor - fee_minor <> net_minor \
                 then 'fee_unexplained' end \
         from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::smallint[], $6::text[], \
             $7::text[], $8::text[], $9::jsonb[], $10::text[], $11::bigint[], $12::bigint[], \
             $13::bigint[], $14::bigint[], $15::text[], $16::timestamptz[], $17::text[], \
             $18::uuid[], $19::text[], $20::boolean[], $21::bigint[], $22::text[]) \
             as it (id, place, tenant, provider, side, bucket, kind, reference, refs, external_id, \
                 amount_minor, fee_minor, net_minor, expected_minor, currency, at, payout_ref, \
                 payment_id, file, void, version, wrong) \
         on conflict (id) do update set refs = excluded.refs, payout_ref = excluded.payout_ref, \
             reference = excluded.reference, void = excluded.void, version = excluded.version, \
             fault = case when excluded.void then null else row.fault end \
         where row.version < excluded.version",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.place))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.provider))
    .bind(column(rows, |row| row.side))
    .bind(column(rows, |row| row.bucket))
    .bind(column(rows, |row| row.kind))
    .bind(column(rows, |row| row.reference.as_deref()))
    .bind(refs)
    .bind(column(rows, |row| row.external_id.as_str()))
    .bind(column(rows, |row| row.amount_minor))
    .bind(column(rows, |row| row.fee_minor))
    .bind(column(rows, |row| row.net_minor))
    .bind(column(rows, |row| row.expected_minor))
    .bind(column(rows, |row| row.currency))
    .bind(column(rows, |row| row.at))
    .bind(column(rows, |row| row.payout_ref.as_deref()))
    .bind(column(rows, |row| row.payment_id))
    .bind(column(rows, |row| row.file.as_deref()))
    .bind(column(rows, |row| row.void))
    .bind(column(rows, |row| row.version))
    .bind(column(rows, |row| row.fault))
    .execute(db)
    .await?;
    Ok(())
}
