//! Whether credit ledgers are sealed. None of this fails the check: containers are judged by it, and a
//! process that does not seal serves all the same.

use kontor_postgres::seals::{self, Standing};
use sqlx::PgPool;

use super::{Finding, within};
use crate::{
    config::Config,
    seals::{MISSING, find, path_of_file},
};

const WHAT: &str = "seals";

/// One line about the last seal; none where there is nothing to seal.
pub(super) async fn check(pool: &PgPool, config: &Config) -> Option<Finding> {
    let asked = within(async {
        let ledgers: bool = sqlx::query_scalar("select exists (select from credit_balances)")
            .fetch_one(pool)
            .await?;
        Ok((ledgers, seals::standing(pool).await?))
    });
    match asked.await {
        Ok((_, Some(standing))) => Some(finding(&standing, config)),
        Ok((true, None)) => {
            let found = "credit ledgers are not sealed".to_owned();
            let advice = match find(config) {
                Ok(Some(_)) => "start `kontor relay`, which seals".to_owned(),
                Ok(None) => MISSING.to_owned(),
                Err(err) => format!("{err:#}"),
            };
            Some(Finding::notice(WHAT, found, advice))
        }
        Ok((false, None)) => None,
        Err(err) => Some(Finding::failed(WHAT, format!("{err:#}"), "look at PostgreSQL's log")),
    }
}

fn finding(standing: &Standing, config: &Config) -> Finding {
    let Standing { number, position, looked_seconds, age_seconds, .. } = *standing;
    let age = age_seconds.map_or_else(String::new, |age| format!(", {age:.0} s old"));
    let found = match number {
        0 => format!("nothing to seal up to position {position}"),
        _ => format!("seal {number}{age}; looked up to position {position}"),
    };
    let found = format!("{found}, {looked_seconds:.0} s ago");
    if standing.is_silent() {
        let advice = "nobody seals: start `kontor relay` with KONTOR_SEAL_KEY; if it runs, its log \
            says why, and `kontor ledger verify --seals FILE` whether the log was touched";
        return Finding::notice(WHAT, found, advice.to_owned());
    }
    if path_of_file(config).is_none() && matches!(find(config), Ok(Some(_))) {
        let advice = "KONTOR_SEAL_FILE is not set: seals are kept in NATS alone, beside the table";
        return Finding::notice(WHAT, found, advice.to_owned());
    }
    Finding::ok(WHAT, found)
}
