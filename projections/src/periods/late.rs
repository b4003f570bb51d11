//! Late entries: what holds within a closed month and was booked after its close.

use chrono::{DateTime, Utc};
use kontor_domain::{
    TenantId,
    accounting_period::{ClosedBounds, Placement, placement},
};
use sqlx::PgPool;

use super::draft::behind;
use crate::{
    Page, PageRequest, QueryError,
    books::{LineRow, select_lines},
    paging::List,
};

/// Which late entries are wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LateScope {
    /// They hold from this instant or later; from the beginning when absent.
    pub from: Option<DateTime<Utc>>,
    /// They hold from before this instant: the end of a closed month.
    pub before: DateTime<Utc>,
    /// They were booked behind this position: that of the close.
    pub after_position: i64,
    /// They were booked up to this position: that of the close in which they count; all when absent.
    pub to_position: Option<i64>,
}

impl LateScope {
    /// Those that count in a month: what holds from before it and was booked between two closes.
    pub fn counting_in(starts_at: DateTime<Utc>, previous: i64, position: Option<i64>) -> Self {
        Self { from: None, before: starts_at, after_position: previous, to_position: position }
    }
}

/// The lines of late entries in the order of the log.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn late_lines(
    pool: &PgPool,
    tenant: &TenantId,
    scope: LateScope,
    page: &PageRequest,
) -> Result<Page<LineRow>, QueryError> {
    let first = behind(scope.after_position);
    let key = page.key(List::LateLines, first.saturating_sub(1))?.max(first.saturating_sub(1));
    let rows: Vec<LineRow> = sqlx::query_as(select_lines!(
        "where tenant = $1 and place > $2 and place < $3 and effective_at < $4 \
             and ($5::timestamptz is null or effective_at >= $5) order by place limit $6"
    ))
    .bind(tenant.as_str())
    .bind(key)
    .bind(scope.to_position.map_or(i64::MAX, behind))
    .bind(scope.before)
    .bind(scope.from)
    .bind(page.rows_to_read())
    .fetch_all(pool)
    .await?;
    Ok(page.cut(List::LateLines, rows, |row| row.place))
}

/// Where a line counts.
pub fn placed(closed: &[ClosedBounds], line: &LineRow) -> Placement {
    placement(closed, line.effective_at, line.position())
}
