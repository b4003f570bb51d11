//! `kontor verify`: the database against what the log promises.

use std::io::IsTerminal;

use anyhow::Context;
use kontor_postgres::{
    Vault,
    verify::{self, Progress, Report, VerifyOptions},
};
use kontor_projections::Projection;
use sqlx::PgPool;
use tokio::time::{Duration, Instant};

use crate::{cli::VerifyArgs, compose, config::Config, failure::Failure, output};

/// How often a person sees the progress.
const SHOW_EVERY: Duration = Duration::from_millis(500);

/// Runs all checks and prints what came out; damage ends with exit code 1.
pub(super) async fn run(
    config: &Config,
    place: (&PgPool, &Vault),
    args: &VerifyArgs,
) -> Result<(), Failure> {
    let options = VerifyOptions {
        from: args.from,
        sample: args.sample,
        receipts_kept: config.retention.receipts,
    };
    let all = kontor_projections::all();
    let all: Vec<&dyn Projection> = all.iter().map(|projection| &**projection).collect();
    let compared = chosen(&all, args.projections.as_deref())?;
    let mut shown = Shown::new();
    let mut on_progress = |progress| shown.show(progress);
    let folds = compose::folds();
    let mut report = verify::verify(place, &folds, &all, options, &mut on_progress)
        .await
        .context("the checks did not come to an end")?;
    let mut left_out = Vec::new();
    if !compared.is_empty() {
        let comparison = verify::compare(place, &compared, &mut on_progress)
            .await
            .context("the read models were not compared")?;
        report.checks.push(comparison.report);
        left_out = comparison.left_out;
    }
    print(&report, &left_out, args.output.json)?;
    if report.is_sound() { Ok(()) } else { Err(Failure::Told) }
}

/// The read models that are to be compared.
fn chosen<'a>(
    all: &[&'a dyn Projection],
    names: Option<&[String]>,
) -> Result<Vec<&'a dyn Projection>, Failure> {
    let Some(names) = names else { return Ok(Vec::new()) };
    for name in names {
        if all.iter().all(|projection| projection.name() != name) {
            let known: Vec<&str> = all.iter().map(|projection| projection.name()).collect();
            let known = known.join(", ");
            return Err(Failure::Usage(format!(
                "there is no read model `{name}`; there are {known}"
            )));
        }
    }
    let wanted = |projection: &&&dyn Projection| {
        names.is_empty() || names.iter().any(|name| name == projection.name())
    };
    Ok(all.iter().filter(wanted).copied().collect())
}

/// The progress on a terminal; a pipe gets the result only.
struct Shown {
    terminal: bool,
    next_at: Instant,
}

impl Shown {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), next_at: Instant::now() + SHOW_EVERY }
    }

    fn show(&mut self, progress: Progress) {
        if !self.terminal || Instant::now() < self.next_at {
            return;
        }
        self.next_at = Instant::now() + SHOW_EVERY;
        let of = if progress.total > 0 { format!(" of {}", progress.total) } else { String::new() };
        output::note(&format!("{}: {}{of}", progress.check.promise(), progress.done));
    }
}

fn print(report: &Report, left_out: &[String], json: bool) -> anyhow::Result<()> {
    if json {
        let mut value = serde_json::to_value(report)?;
        value["sound"] = report.is_sound().into();
        value["left_out"] = serde_json::to_value(left_out)?;
        return output::json(&value);
    }
    let rows: Vec<Vec<String>> = report
        .checks
        .iter()
        .map(|check| {
            let state = if check.damaged == 0 { "ok" } else { "DAMAGED" };
            let looked_at = check.looked_at.to_string();
            vec![check.check.promise().to_owned(), looked_at, state.to_owned()]
        })
        .collect();
    output::table(&["PROMISE", "LOOKED AT", "STATE"], &rows);
    for check in &report.checks {
        for damage in &check.first {
            output::line(&format!("→ {}: {}", damage.place, damage.what));
        }
        let named = i64::try_from(check.first.len()).unwrap_or(i64::MAX);
        if check.damaged > named {
            output::line(&format!("→ and {} places more like these", check.damaged - named));
        }
    }
    for sentence in left_out {
        output::line(&format!("! {sentence}"));
    }
    let range = format!("positions {} to {}", report.from, report.head);
    output::line(&if report.is_sound() {
        format!("Everything holds ({range}).")
    } else {
        format!("Not everything holds ({range}). Write nothing by hand: restore, or ask for help.")
    });
    Ok(())
}
