//! What the zones of one meter show, in the compact form that the state keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Zone;
use crate::Quantity;

/// One value per zone in the order of [`Zone::ALL`]; zones that a meter does not have stay zero.
///
/// A map per reading would cost more memory than all other state of a meter together.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct ZoneValues([Quantity; 3]);

impl ZoneValues {
    /// The values by zone, for the first `zones` zones.
    pub(super) fn iter(&self, zones: u8) -> impl Iterator<Item = (Zone, Quantity)> + use<> {
        Zone::ALL.into_iter().zip(self.0).take(zones.into())
    }

    /// The values as an event carries them.
    pub(super) fn to_map(self, zones: u8) -> BTreeMap<Zone, Quantity> {
        self.iter(zones).collect()
    }
}

impl From<&BTreeMap<Zone, Quantity>> for ZoneValues {
    /// A zone without a value shows zero.
    fn from(values: &BTreeMap<Zone, Quantity>) -> Self {
        Self(Zone::ALL.map(|zone| values.get(&zone).copied().unwrap_or_default()))
    }
}

/// The sum over all zones; a sum too large for a quantity stays at the largest.
pub(super) fn total(values: &BTreeMap<Zone, Quantity>) -> Quantity {
    Quantity(values.values().fold(0, |sum, value| sum.saturating_add(value.milli())))
}
