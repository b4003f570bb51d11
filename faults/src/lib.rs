//! Named places in the program at which a test lets the process die or stand still.
//!
//! The program calls [`reach`] where a crash is most interesting: between a commit and its answer,
//! between an effect and its checkpoint. Without the feature `armed` that is an empty function, and
//! nothing of this crate is in the program. With it, a [`Plan`] that was armed acts at the wanted
//! passage. `make chaos` builds such a program, and no other build may be one.

mod plan;
#[cfg(any(test, feature = "armed"))]
mod strike;

pub use plan::{Action, Plan, PlanError, Point};
#[cfg(feature = "armed")]
pub use strike::{arm, reach};

#[cfg(all(feature = "armed", not(debug_assertions)))]
compile_error!("a release must not have fault points: build it without the feature `armed`");

/// Says that the program is at this place. Does nothing: this build is not armed.
#[cfg(not(feature = "armed"))]
#[inline(always)]
pub fn reach(_point: Point) {}
