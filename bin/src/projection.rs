//! `kontor projection`: the generations of read models, and followers that stand still.

mod others;
mod watch;

use std::time::Duration;

use kontor_postgres::{
    GenerationError, followers,
    generations::{self, Progress, PromotionError, PromotionTerms, RetirementError},
    pauses, policies,
};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    COMMAND_CONNECTIONS,
    cli::projection::{GenerationArgs, PauseArgs, ProjectionVerb, RebuildArgs},
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
    output,
};
use others::Kind;

/// How often a promotion is tried again while long queries hold the views.
const PROMOTION_ATTEMPTS: u32 = 20;
/// The pause in between.
const PROMOTION_PAUSE: Duration = Duration::from_millis(250);

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: ProjectionVerb) -> Result<(), Failure> {
    // A wrong name is told before anything is connected.
    if let Some(name) = name_of(&verb) {
        Kind::of(name)?;
    }
    let pool = compose::pool(&Addresses::find(config)?, COMMAND_CONNECTIONS).await?;
    match verb {
        ProjectionVerb::List { name, output } => list(&pool, name.as_deref(), output.json).await,
        ProjectionVerb::Rebuild(args) => rebuild(&pool, args).await,
        ProjectionVerb::Promote { which, force } => promote(config, &pool, &which, force).await,
        ProjectionVerb::Retire(which) => retire(&pool, &which).await,
        ProjectionVerb::Pause(args) => pause(&pool, &args, true).await,
        ProjectionVerb::Resume(args) => pause(&pool, &args, false).await,
    }
}

fn name_of(verb: &ProjectionVerb) -> Option<&str> {
    match verb {
        ProjectionVerb::List { name, .. } => name.as_deref(),
        ProjectionVerb::Rebuild(args) => Some(&args.name),
        ProjectionVerb::Promote { which, .. } | ProjectionVerb::Retire(which) => Some(&which.name),
        ProjectionVerb::Pause(args) | ProjectionVerb::Resume(args) => Some(&args.name),
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Failed(error.into())
}

async fn list(pool: &PgPool, name: Option<&str>, as_json: bool) -> Result<(), Failure> {
    let progress = generations::progress(pool, name).await.map_err(failed)?;
    let others = followers::list_others(pool, name).await.map_err(failed)?;
    let pauses = pauses::list(pool).await.map_err(failed)?;
    // Of those that never ran: all others say it themselves.
    let shown = |name: &str| {
        progress.iter().any(|it| it.generation.name == name)
            || others.iter().any(|it| it.name == name)
    };
    let paused: Vec<&str> = pauses
        .iter()
        .filter(|pause| name.is_none_or(|name| name == pause.name) && !shown(&pause.name))
        .map(|pause| pause.name.as_str())
        .collect();
    if as_json {
        let generations: Vec<Value> = progress.iter().map(as_value).collect();
        output::json(&json!({
            "generations": generations, "followers": others, "paused": paused,
        }))?;
        return Ok(());
    }
    let titles = [
        "READ MODEL",
        "GENERATION",
        "VERSION",
        "STATE",
        "DOING",
        "POSITION",
        "BEHIND",
        "SEGMENTS",
        "PARKED",
    ];
    if !progress.is_empty() || others.is_empty() {
        output::table(&titles, &progress.iter().map(row).collect::<Vec<_>>());
    }
    if !others.is_empty() {
        if !progress.is_empty() {
            output::line("");
        }
        output::table(&others::TITLES, &others.iter().map(others::row).collect::<Vec<_>>());
    }
    for name in paused {
        output::line(&format!("{name} is paused."));
    }
    Ok(())
}

fn row(progress: &Progress) -> Vec<String> {
    let it = &progress.generation;
    vec![
        it.name.clone(),
        it.number.to_string(),
        it.code_version.to_string(),
        it.standing.to_string(),
        doing(progress).to_owned(),
        progress.position.to_string(),
        progress.behind().to_string(),
        it.segments.to_string(),
        progress.parked.to_string(),
    ]
}

/// What a generation's followers do; heard of within the last half minute.
fn doing(progress: &Progress) -> &str {
    match (&progress.state, progress.heartbeat_age_seconds) {
        _ if progress.paused => "paused",
        (Some(state), Some(age)) if age < watch::SILENCE_MAX.as_secs_f64() => state,
        _ => "nobody fills it",
    }
}

pub(super) fn as_value(progress: &Progress) -> Value {
    let it = &progress.generation;
    json!({
        "name": it.name,
        "generation": it.number,
        "code_version": it.code_version,
        "state": it.standing.as_str(),
        "doing": progress.state,
        "paused": progress.paused,
        "segments": it.segments,
        "auto_promote": it.auto_promote,
        "position": progress.position,
        "head": progress.head,
        "behind": progress.behind(),
        "parked": progress.parked,
        "last_error": progress.last_error,
        "heartbeat_age_seconds": progress.heartbeat_age_seconds,
        "created_at": it.created_at,
        "promoted_at": it.promoted_at,
    })
}

async fn rebuild(pool: &PgPool, args: RebuildArgs) -> Result<(), Failure> {
    let projections = kontor_projections::all();
    let Some(projection) = projections.iter().find(|it| it.name() == args.name) else {
        let why = others::not_rebuilt(&args.name, Kind::of(&args.name)?);
        return Err(Failure::Usage(why.unwrap_or_default()));
    };
    let begun = generations::begin(pool, &**projection, args.segments, !args.no_promote).await;
    let number = match begun {
        Ok(generation) => generation.number,
        Err(GenerationError::Building { number, .. }) => {
            output::note(&format!("Generation {number} of {} is being built already.", args.name));
            number
        }
        Err(error @ GenerationError::Segments(_)) => return Err(Failure::Usage(error.to_string())),
        Err(error) => return Err(failed(error)),
    };
    if !args.no_wait {
        return watch::until_built(pool, &args, number).await;
    }
    if args.output.json {
        let name = &args.name;
        output::json(&json!({ "name": name, "generation": number, "state": "building" }))?;
        return Ok(());
    }
    output::line(&format!(
        "Generation {number} of {} is being built; kontor projection list shows how far it is.",
        args.name
    ));
    Ok(())
}

async fn promote(
    config: &Config,
    pool: &PgPool,
    which: &GenerationArgs,
    force: bool,
) -> Result<(), Failure> {
    let (name, number) = (which.name.as_str(), which.generation);
    let kind = Kind::of(name)?;
    if let Some(why) = others::not_promoted(name, kind) {
        return Err(Failure::Usage(why));
    }
    if kind == Kind::Reactor {
        let moved = followers::hand_over(pool, name, number).await.map_err(failed)?;
        let text = if moved {
            format!("Version {number} of {name} is to go on; a process of it must run.")
        } else {
            format!("Version {number} of {name} has the place already.")
        };
        return say(which.output.json, &json!({ "name": name, "version": number }), &text);
    }
    let terms = PromotionTerms {
        behind_max: config.promote_within.into(),
        with_parked: force,
        ..PromotionTerms::default()
    };
    let mut attempt = 1;
    let promoted = loop {
        match generations::promote(pool, name, number, &terms).await {
            Ok(promoted) => break promoted,
            Err(PromotionError::Busy(_)) if attempt < PROMOTION_ATTEMPTS => attempt += 1,
            Err(error) => return Err(failed(error)),
        }
        tokio::time::sleep(PROMOTION_PAUSE).await;
    };
    let text = match promoted.before {
        Some(before) if before == number => {
            format!("Generation {number} of {name} is read already.")
        }
        Some(before) => format!(
            "Generation {number} of {name} is read now. To go back: kontor projection promote \
             {name} {before}; when it is not needed any more: kontor projection retire {name} {before}"
        ),
        None => format!("Generation {number} of {name} is read now."),
    };
    let value = json!({
        "name": name, "generation": number, "before": promoted.before,
        "milliseconds": u64::try_from(promoted.took.as_millis()).unwrap_or(u64::MAX),
    });
    say(which.output.json, &value, &text)
}

async fn retire(pool: &PgPool, which: &GenerationArgs) -> Result<(), Failure> {
    let (name, number) = (which.name.as_str(), which.generation);
    let kind = Kind::of(name)?;
    if let Some(why) = others::not_retired(name, kind) {
        return Err(Failure::Usage(why));
    }
    if kind == Kind::Policy {
        let forgotten = policies::retire(pool, name, number).await.map_err(failed)?;
        let value = json!({ "name": name, "version": number, "forgotten": forgotten });
        let text =
            format!("Version {number} of {name} is retired; {forgotten} instances are gone.");
        return say(which.output.json, &value, &text);
    }
    generations::retire(pool, name, number)
        .await
        .map_err(|error: RetirementError| failed(error))?;
    let value = json!({ "name": name, "generation": number, "state": "retired" });
    say(which.output.json, &value, &format!("Generation {number} of {name} is retired."))
}

async fn pause(pool: &PgPool, args: &PauseArgs, stand: bool) -> Result<(), Failure> {
    let (name, version) = (args.name.as_str(), args.generation.unwrap_or(pauses::WHOLE));
    if args.generation.is_some() && Kind::of(name)? != Kind::ReadModel {
        let text = format!("`{name}` has no generations; leave --generation out");
        return Err(Failure::Usage(text));
    }
    let changed = if stand {
        pauses::pause(pool, name, version).await
    } else {
        pauses::resume(pool, name, version).await
    };
    let changed = changed.map_err(failed)?;
    let what = args
        .generation
        .map_or_else(|| name.to_owned(), |generation| format!("Generation {generation} of {name}"));
    let text = match (stand, changed) {
        (true, true) => format!("{what} stands still within two seconds."),
        (true, false) => format!("{what} was paused already."),
        (false, true) => format!("{what} goes on within two seconds."),
        (false, false) => format!("{what} was not paused."),
    };
    let value = json!({
        "name": name, "generation": args.generation, "paused": stand, "changed": changed,
    });
    say(args.output.json, &value, &text)
}

fn say(as_json: bool, value: &Value, text: &str) -> Result<(), Failure> {
    if as_json {
        output::json(value)?;
    } else {
        output::line(text);
    }
    Ok(())
}
