//! Watching a build: on a terminal one line that changes, in a pipe a line now and then.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use kontor_postgres::generations::{self, Progress, Standing};
use sqlx::PgPool;

use super::{as_value, failed};
use crate::{cli::projection::RebuildArgs, failure::Failure, output};

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often to print in a pipe.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// A follower that was not heard of for so long does not run.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long a new generation may wait for a process to fill it before that is said.
const START_MAX: Duration = Duration::from_secs(10);

/// Watches until the generation is read, or ready to be when the switch is left to the operator.
pub(super) async fn until_built(
    pool: &PgPool,
    args: &RebuildArgs,
    number: i32,
) -> Result<(), Failure> {
    let mut watch = Watch::new(args);
    loop {
        let all = generations::progress(pool, Some(&args.name)).await.map_err(failed)?;
        let Some(progress) = all.iter().find(|it| it.generation.number == number) else {
            let name = &args.name;
            let text = format!("generation {number} of {name} was retired meanwhile");
            return Err(Failure::Failed(anyhow::anyhow!(text)));
        };
        if let Some(text) = watch.end(progress) {
            watch.show(progress, true)?;
            watch.close();
            if !args.output.json {
                output::line(&text);
            }
            return Ok(());
        }
        watch.show(progress, false)?;
        watch.warn_once(progress);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

struct Watch {
    as_json: bool,
    on_terminal: bool,
    began: Instant,
    /// The sum of the positions at the first look.
    first_sum: Option<i64>,
    printed_at: Option<Instant>,
    warned: bool,
}

impl Watch {
    fn new(args: &RebuildArgs) -> Self {
        Self {
            as_json: args.output.json,
            on_terminal: std::io::stdout().is_terminal() && !args.output.json,
            began: Instant::now(),
            first_sum: None,
            printed_at: None,
            warned: false,
        }
    }

    /// What to say when there is nothing more to wait for.
    fn end(&self, progress: &Progress) -> Option<String> {
        let it = &progress.generation;
        let (name, number) = (&it.name, it.number);
        match it.standing {
            Standing::Active => Some(format!("Generation {number} of {name} is read now.")),
            Standing::Building if !it.auto_promote && progress.behind() == 0 => Some(format!(
                "Generation {number} of {name} has caught up; to switch: kontor projection promote \
                 {name} {number}"
            )),
            Standing::Standby => Some(format!("Generation {number} of {name} is on standby.")),
            Standing::Building | Standing::Retired => None,
        }
    }

    fn show(&mut self, progress: &Progress, last: bool) -> Result<(), Failure> {
        let first_sum = *self.first_sum.get_or_insert(progress.positions_sum);
        let due = self.printed_at.is_none_or(|at| at.elapsed() >= LINE_EVERY);
        if !(self.on_terminal || due || last) {
            return Ok(());
        }
        self.printed_at = Some(Instant::now());
        let segments = i64::from(progress.generation.segments).max(1);
        let passed = (progress.positions_sum - first_sum) / segments;
        let elapsed_ms = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX).max(1);
        let per_second = passed.saturating_mul(1_000) / elapsed_ms;
        let left = progress.head - progress.positions_sum / segments;
        if self.as_json {
            let mut value = as_value(progress);
            value["events_per_second"] = per_second.into();
            value["seconds_left"] = seconds_left(left, per_second).into();
            return Ok(output::json(&value)?);
        }
        self.print(&sentence(progress, per_second, left));
        Ok(())
    }

    fn print(&self, text: &str) {
        if !self.on_terminal {
            output::line(text);
            return;
        }
        let mut out = std::io::stdout().lock();
        // A terminal that is gone needs no progress.
        drop(write!(out, "\r\u{1b}[K{text}").and_then(|()| out.flush()));
    }

    /// Ends the line that changes.
    fn close(&self) {
        if self.on_terminal {
            output::line("");
        }
    }

    fn warn_once(&mut self, progress: &Progress) {
        let heard =
            progress.heartbeat_age_seconds.is_some_and(|age| age < SILENCE_MAX.as_secs_f64());
        let warning = if progress.parked > 0 {
            "Events of it could not be applied, so it is not promoted by itself; see kontor \
             dead-letters list."
        } else if progress.paused {
            "It is paused; kontor projection resume lets it go on."
        } else if !heard && self.began.elapsed() >= START_MAX {
            "No process fills it: kontor project (or kontor up) of this version must run."
        } else {
            return;
        };
        if !self.warned {
            self.warned = true;
            self.close();
            output::note(warning);
        }
    }
}

fn sentence(progress: &Progress, per_second: i64, left: i64) -> String {
    let it = &progress.generation;
    let share = if progress.head == 0 { 100 } else { (progress.head - left) * 100 / progress.head };
    let eta = seconds_left(left, per_second)
        .map_or_else(String::new, |seconds| format!(", {seconds} s left"));
    format!(
        "{} generation {}: {share} % ({} of {}), {per_second} events/s{eta}",
        it.name,
        it.number,
        progress.head - left,
        progress.head
    )
}

fn seconds_left(left: i64, per_second: i64) -> Option<i64> {
    (per_second > 0).then(|| left / per_second)
}
