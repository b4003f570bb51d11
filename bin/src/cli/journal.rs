//! `kontor journal`: what can be typed.

use chrono::{DateTime, Utc};
use clap::Args;
use kontor_domain::TenantId;
use kontor_postgres::journal::Action;

use super::OutputArgs;

/// Options of `journal`.
#[derive(Args, Clone, Debug)]
pub struct JournalArgs {
    /// Only what was about this tenant
    #[arg(long)]
    pub tenant: Option<TenantId>,
    /// Only this: `log_in`, `log_out`, `dead_letter_retry`, `dead_letter_skip`, `personal_data_shown`,
    /// `webhook_disable`, `webhook_enable`
    #[arg(long)]
    pub action: Option<Action>,
    /// Only by whoever has this in their name: a key's prefix, or `cli user@host`
    #[arg(long, value_name = "TEXT")]
    pub by: Option<String>,
    /// Only what was done to something that has this in its name, such as an id
    #[arg(long, value_name = "TEXT")]
    pub about: Option<String>,
    /// From this instant on: RFC 3339, or a day with or without a time in UTC
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub from: Option<DateTime<Utc>>,
    /// Before this instant
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub until: Option<DateTime<Utc>>,
    /// The most entries
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
    /// Begin behind this entry: the last one of the page before
    #[arg(long, value_name = "ID")]
    pub after: Option<i64>,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    kontor_commands::clock::typed(text)
        .ok_or_else(|| "give an instant such as 2026-11-27T12:00:00Z, or a day".to_owned())
}
