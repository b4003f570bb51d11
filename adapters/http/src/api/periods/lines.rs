//! Lines of late entries.

use chrono::{DateTime, Utc};
use kontor_domain::accounting_period::{ClosedBounds, Month, Placement};
use kontor_projections::{books::LineRow, periods::placed};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A line of a late entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LateLineBody {
    /// The booking's position in the log.
    pub(crate) position: i64,
    pub(crate) line: i64,
    #[schema(example = "adjusted")]
    pub(crate) kind: String,
    pub(crate) ledger_id: Uuid,
    pub(crate) account: &'static str,
    pub(crate) unit: String,
    pub(crate) amount: String,
    pub(crate) effective_at: DateTime<Utc>,
    pub(crate) recorded_at: DateTime<Utc>,
    /// The closed month from which on it holds.
    #[schema(value_type = Option<String>, example = "2026-11")]
    pub(crate) late_of: Option<Month>,
    /// The month in which it counts.
    #[schema(value_type = Option<String>, example = "2026-12")]
    pub(crate) counts_in: Option<Month>,
}

impl LateLineBody {
    pub(crate) fn new(closed: &[ClosedBounds], line: LineRow) -> Self {
        let (late_of, counts_in) = late_of(closed, &line);
        Self {
            position: line.position(),
            line: line.line(),
            kind: line.kind,
            ledger_id: line.ledger_id,
            account: line.account.name(),
            unit: line.unit.to_string(),
            amount: line.unit.decimal(line.amount),
            effective_at: line.effective_at,
            recorded_at: line.recorded_at,
            late_of,
            counts_in,
        }
    }
}

/// The closed month of a late entry, and the one in which it counts; none for all other lines.
pub(crate) fn late_of(closed: &[ClosedBounds], line: &LineRow) -> (Option<Month>, Option<Month>) {
    match placed(closed, line) {
        Placement::Late { of, counts_in } => (Some(of), Some(counts_in)),
        Placement::Closed(_) | Placement::Open => (None, None),
    }
}
