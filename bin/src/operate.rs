//! The verbs that look at the log and steer it.

mod causal;
mod diff;
mod events;
mod log;
mod mask;
mod personal;
mod stream;
mod verify;

pub(crate) use self::{
    events::EventView,
    log::find as find_event,
    mask::{MASK, Shown},
    personal::{note_action, shown},
};
use crate::{
    COMMAND_CONNECTIONS,
    cli::{OperateVerb, OutputArgs, VerifyArgs},
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
};

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: OperateVerb) -> Result<(), Failure> {
    let pool = compose::pool(&Addresses::find(config)?, COMMAND_CONNECTIONS).await?;
    let vault = compose::vault(config, &pool)?;
    match verb {
        OperateVerb::Log(verb) => log::run((&pool, &vault), verb).await,
        OperateVerb::Stream(verb) => stream::run((&pool, &vault), verb).await,
        OperateVerb::Causal(args) => causal::run(&pool, args).await,
        OperateVerb::Verify(args) => verify::run(config, (&pool, &vault), &args).await,
    }
}

/// Verifies a database that was just filled, read models apart.
pub(crate) async fn verify_everything(
    config: &Config,
    pool: &sqlx::PgPool,
    json: bool,
) -> Result<(), Failure> {
    let output = OutputArgs { json };
    let vault = compose::vault(config, pool)?;
    let args = VerifyArgs { from: 1, sample: 1, projections: None, output };
    verify::run(config, (pool, &vault), &args).await
}
