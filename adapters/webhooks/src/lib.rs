//! Webhooks: integrators that are called for each of their events.
//!
//! Signed as Standard Webhooks says, at least once, and in the order of each stream: an event that
//! fails holds back the later ones of its own stream and no other. What waits stands in the database
//! (`kontor_postgres::webhooks`), so a restart forgets nothing.

mod call;
mod courier;
mod delivery;
pub mod figures;
mod office;
mod piece;
mod schedule;
mod signature;
mod target;

pub use call::{Answer, Caller, CallerError};
pub use courier::{Courier, CourierError, Next};
pub use office::Office;
pub use schedule::{ATTEMPTS_MAX, DISABLED_AFTER, GIVEN_UP_AFTER};
pub use signature::signature;
pub use target::{Target, TargetError, is_allowed};
