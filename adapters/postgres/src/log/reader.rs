//! Reading the log in order of position.

use kontor_domain::{Recorded, Upcasters};
use sqlx::{PgConnection, PgPool};

use super::{
    limits::PAGE_EVENTS_MAX,
    rows::{self, Newest, Reading},
    segment::Segment,
};
use crate::{DatabaseError, Vault, error::failed};

/// One statement is one snapshot: the page's end is the position of a row that this snapshot holds,
/// never a head read separately. Rows of other types are looked at by position only, so their
/// payloads are never fetched; the last one comes along to move the reader on. `$2` bounds the stretch
/// and `$7` the rows: when there are so many, the page ends with the last of them.
const PAGE: &str = "
    with page as materialized (
        select max(w.position) as last
        from (select position from events where position > $1 order by position limit $2) w
    )
    select position, tenant, stream_type, stream_id, version, event_id, event_type, schema_version,
           case when ($4 or event_type = any($3))
                   and ($5 = 0 or get_byte(uuid_send(stream_id), 15) & $5 = $6)
               then payload::text end,
           metadata, occurred_at, recorded_at
    from events
    where position > $1 and position <= (select last from page)
        and (
            ($4 or event_type = any($3))
                and ($5 = 0 or get_byte(uuid_send(stream_id), 15) & $5 = $6)
            or position = (select last from page)
        )
    order by position
    limit $7";

/// Reads the log in order of position. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EventReader {
    pool: PgPool,
    upcasters: &'static Upcasters,
    /// None: events come as they are stored, personal data encrypted.
    vault: Option<Vault>,
}

/// A stretch of the log.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The events of the wanted types in their newest forms, in order of position. Several may share
    /// a position: the parts of one stored event.
    pub events: Vec<Recorded>,
    /// The positions of events that no upcaster could read. They stand among the events as they are
    /// stored, whatever was wanted.
    pub unreadable: Vec<i64>,
    /// The position up to which the log was read, the position of a row that exists; absent when
    /// there was nothing new.
    pub last_position: Option<i64>,
    /// Whether the page was full, so that more may stand behind it.
    pub full: bool,
}

impl EventReader {
    /// A reader of events as they are stored, by the upcasters of this build: personal data stays
    /// encrypted. For whoever carries events out of the house.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, upcasters: Upcasters::current(), vault: None }
    }

    /// A reader that opens personal data.
    pub fn opened(pool: PgPool, vault: Vault) -> Self {
        Self { vault: Some(vault), ..Self::new(pool) }
    }

    /// The same reader by other upcasters.
    #[must_use]
    pub fn read_by(self, upcasters: &'static Upcasters) -> Self {
        Self { upcasters, ..self }
    }

    /// The next `limit` positions (at most [`PAGE_EVENTS_MAX`]) after `after`, with the events among
    /// them that are of the given types; empty `types` means all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn page(
        &self,
        after: i64,
        limit: u32,
        types: &[&str],
    ) -> Result<Page, DatabaseError> {
        self.page_of(Segment::WHOLE, after, limit, types).await
    }

    /// The events of one segment in the stretch of the log after `after`: at most `limit` events, and
    /// so many times more positions as there are segments.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn page_of(
        &self,
        segment: Segment,
        after: i64,
        limit: u32,
        types: &[&str],
    ) -> Result<Page, DatabaseError> {
        let limit = i64::from(limit.clamp(1, PAGE_EVENTS_MAX));
        let read = self.read(segment, after, limit, types).await;
        let (mut rows, mut page) = read.map_err(failed("read a page of the log"))?;
        // First opened, then upcast: an upcaster sees what the event said when it was written.
        self.open(&mut rows).await?;
        let reading = Reading { types, upcasters: self.upcasters };
        let Newest { events, unreadable } = reading.newest(rows);
        page.events = events;
        page.unreadable = unreadable;
        Ok(page)
    }

    /// The events at the given positions, in order, inside the caller's transaction. An event may
    /// have become several of one position, or none.
    pub(crate) async fn events_at(
        &self,
        db: &mut PgConnection,
        positions: &[i64],
        types: &[&str],
    ) -> Result<Vec<Recorded>, DatabaseError> {
        let mut rows = rows::events_at(db, positions).await?;
        self.open(&mut rows).await?;
        Ok(Reading { types, upcasters: self.upcasters }.newest(rows).events)
    }

    async fn open(&self, rows: &mut [Recorded]) -> Result<(), DatabaseError> {
        match &self.vault {
            Some(vault) => Ok(vault.open(rows).await?),
            None => Ok(()),
        }
    }

    /// The rows as they are stored, and the page without its events.
    async fn read(
        &self,
        segment: Segment,
        after: i64,
        limit: i64,
        types: &[&str],
    ) -> Result<(Vec<Recorded>, Page), sqlx::Error> {
        let stretch = limit * i64::from(segment.count());
        let rows = sqlx::query(PAGE)
            .bind(after)
            .bind(stretch)
            .bind(self.upcasters.stored_types(types))
            .bind(types.is_empty())
            .bind(segment.mask())
            .bind(segment.index())
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        let Some(last_row) = rows.last() else { return Ok(Default::default()) };
        let last: i64 = sqlx::Row::try_get(last_row, 0)?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let unwanted =
                sqlx::Row::try_get_raw(row, 8).map(|value| sqlx::ValueRef::is_null(&value))?;
            if !unwanted {
                events.push(rows::recorded(row)?);
            }
        }
        let cut_short = i64::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
        let full = cut_short || last - after >= stretch;
        Ok((events, Page { last_position: Some(last), full, ..Page::default() }))
    }

    /// The last position of the log; 0 when it is empty.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn head(&self) -> Result<i64, DatabaseError> {
        sqlx::query_scalar("select coalesce(max(position), 0) from events")
            .fetch_one(&self.pool)
            .await
            .map_err(failed("read the head of the log"))
    }

    /// The event at a position; of one that became several, the first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn event(&self, position: i64) -> Result<Option<Recorded>, DatabaseError> {
        let page = self.page(position - 1, 1, &[]).await?;
        Ok(page.events.into_iter().find(|event| event.position == position))
    }
}
