//! The reconciliation: what Kontor says moved against what providers and banks say, and the work on
//! what fits nothing.
//!
//! Which items belong together is a function of what there is, and of no order in which it came: files
//! and payments may come late, twice and mixed. An item belongs to one other at most, which the
//! database enforces.

mod apply;
mod find;
mod items;
mod matching;
mod payments;
mod reports;
mod rows;
mod work;

pub(crate) use self::rows::open_before;
pub use self::{
    reports::{
        Awaited, DayRow, FileRow, KindRow, PayoutRow, SideRow, TenantRow, days, files, kinds,
        payouts, sides, tenants,
    },
    rows::{Difference, DifferenceKind, Filter, ItemRow, difference, differences},
    work::WorkRow,
};

/// The projection behind these tables; its follower is called `reconciliation`.
#[derive(Clone, Copy, Debug)]
pub struct Reconciliations;
