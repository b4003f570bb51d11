//! Carries an armed plan out.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};
#[cfg(feature = "armed")]
use std::{sync::OnceLock, thread, time::Duration};

#[cfg(feature = "armed")]
use rustix::process::{Signal, getpid, kill_process};

use crate::{Plan, Point};

/// A signal to the own process may reach this thread a moment later than the call returns; until
/// then it must not go on.
#[cfg(feature = "armed")]
const UNTIL_STRUCK: Duration = Duration::from_millis(100);

/// The plan of this process. It is armed once, before anything runs.
#[cfg(feature = "armed")]
static ARMED: OnceLock<Armed> = OnceLock::new();

/// A plan, how often its place was passed, and the file that tells of the strike.
struct Armed {
    plan: Plan,
    marker: PathBuf,
    passages: AtomicU32,
}

impl Armed {
    fn new(plan: Plan, marker: &Path) -> Self {
        Self { plan, marker: marker.to_owned(), passages: AtomicU32::new(0) }
    }

    /// Counts a passage. `true` for the one that is meant, once the marker stands.
    fn is_due(&self, point: Point) -> io::Result<bool> {
        if point != self.plan.point {
            return Ok(false);
        }
        let passage = self.passages.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        if passage != self.plan.passage {
            return Ok(false);
        }
        // Whoever reads the marker must find it whole.
        let unfinished = self.marker.with_added_extension("tmp");
        fs::write(&unfinished, self.plan.to_string())?;
        fs::rename(&unfinished, &self.marker)?;
        Ok(true)
    }
}

/// Arms the plan for this process; `marker` is the file that is written when it strikes. A second
/// plan is ignored.
#[cfg(feature = "armed")]
pub fn arm(plan: Plan, marker: &Path) {
    drop(ARMED.set(Armed::new(plan, marker)));
}

/// Says that the program is at this place, and lets an armed plan strike.
#[cfg(feature = "armed")]
pub fn reach(point: Point) {
    let Some(armed) = ARMED.get() else { return };
    // Without the marker nobody would know; then it is better that nothing happens, and the test
    // that waits for it fails.
    if !armed.is_due(point).unwrap_or(false) {
        return;
    }
    let signal = match armed.plan.action {
        crate::Action::Kill => Signal::KILL,
        crate::Action::Stop => Signal::STOP,
    };
    if kill_process(getpid(), signal).is_ok() {
        thread::sleep(UNTIL_STRUCK);
    }
}

#[cfg(test)]
mod tests {
    use super::Armed;
    use crate::{Action, Plan, Point};

    #[test]
    fn a_plan_is_due_once_at_its_passage_and_leaves_its_marker() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("marker");
        let plan = Plan { point: Point::AppendAfter, action: Action::Kill, passage: 3 };
        let armed = Armed::new(plan, &marker);
        for _ in 0..2 {
            assert!(!armed.is_due(Point::AppendAfter).unwrap());
            assert!(!armed.is_due(Point::AppendBefore).unwrap(), "another place");
        }
        assert!(!marker.exists());
        assert!(armed.is_due(Point::AppendAfter).unwrap());
        assert_eq!(std::fs::read_to_string(&marker).unwrap(), "append.after:kill:3");
        assert!(!armed.is_due(Point::AppendAfter).unwrap(), "once");
    }

    #[test]
    fn without_its_marker_a_plan_does_not_strike() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { point: Point::AckAfter, action: Action::Stop, passage: 1 };
        let armed = Armed::new(plan, &folder.path().join("absent").join("marker"));
        armed.is_due(Point::AckAfter).unwrap_err();
    }
}
