//! Which credits are spent first.
//!
//! Lower priority first; then what expires sooner, and last what never does; then given before
//! bought; then older; then by id. The order is total, so the same state always gives the same
//! slices.

use std::{cmp::Reverse, collections::BTreeMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Slice,
    canary::{Canary, is_broken},
    grant::GrantState,
};

/// Divides so many credits over the grants, in order; when they do not suffice, how many there are.
pub(super) fn allocate(
    grants: &BTreeMap<Uuid, GrantState>,
    credits: i64,
    at: DateTime<Utc>,
) -> Result<Vec<Slice>, i64> {
    let mut usable: Vec<(&Uuid, &GrantState)> =
        grants.iter().filter(|(_, grant)| grant.usable(at) > 0).collect();
    if !is_broken(Canary::BurnInAnyOrder) {
        usable.sort_by_key(|(id, grant)| {
            let never = grant.expires_at.is_none();
            let paid = grant.source.is_paid();
            (grant.priority, never, grant.expires_at, paid, grant.granted_at, **id)
        });
    }
    let mut missing = credits;
    let mut slices = Vec::new();
    for (grant_id, grant) in usable {
        if missing == 0 {
            break;
        }
        let credits = grant.usable(at).min(missing);
        missing -= credits;
        slices.push(Slice { grant_id: *grant_id, credits, value: None });
    }
    if missing > 0 { Err(credits - missing) } else { Ok(slices) }
}

/// Takes so many credits off the end of some slices: what was taken last goes back first.
pub(super) fn from_the_end(slices: &[Slice], credits: i64) -> Vec<Slice> {
    let mut order: Vec<(usize, &Slice)> = slices.iter().enumerate().collect();
    if !is_broken(Canary::ReverseForwards) {
        order.sort_by_key(|(place, _)| Reverse(*place));
    }
    let mut missing = credits;
    let mut taken = Vec::new();
    for (_, slice) in order {
        let credits = slice.credits.min(missing);
        if credits > 0 {
            missing -= credits;
            taken.push(Slice { credits, ..*slice });
        }
    }
    taken
}
