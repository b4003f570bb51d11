//! Failures on demand, repeatable by their seed.

use std::sync::{Mutex, PoisonError};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// What goes wrong in a [`super::MemoryStore`], in chances out of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Where the dice begin; the same seed and the same calls fail in the same places.
    pub seed: u64,
    /// Reading a stream fails.
    pub load_fails_per_mille: u16,
    /// An append fails, and nothing was appended.
    pub append_fails_before_per_mille: u16,
    /// An append fails after events and receipt were recorded: its outcome is unknown.
    pub append_fails_after_per_mille: u16,
    /// The most times that a call lets other tasks go first, before and after it does its work.
    pub yields_max: u8,
}

/// The failure that a [`super::MemoryStore`] was told to have.
#[derive(Debug, thiserror::Error)]
#[error("a fault was injected")]
pub(super) struct InjectedFault;

/// The dice behind [`Faults`].
pub(super) struct FaultSource {
    faults: Faults,
    dice: Mutex<StdRng>,
}

impl FaultSource {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, dice: Mutex::new(StdRng::seed_from_u64(faults.seed)) }
    }

    /// Throws the dice for one kind of failure.
    pub(super) fn strikes(&self, chance: impl Fn(&Faults) -> u16) -> bool {
        self.throw(1000) < u32::from(chance(&self.faults))
    }

    /// Lets other tasks go first, as often as the dice say.
    pub(super) async fn dawdle(&self) {
        for _ in 0..self.throw(u32::from(self.faults.yields_max) + 1) {
            tokio::task::yield_now().await;
        }
    }

    fn throw(&self, sides: u32) -> u32 {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..sides)
    }
}
