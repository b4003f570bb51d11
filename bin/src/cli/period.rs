//! The verbs for the months of the books.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kontor_domain::{
    TenantId,
    accounting_period::{Acknowledgement, AcknowledgementReason, Check, Month},
};

use super::OutputArgs;

const CLOSE_HELP: &str = "\
Examples:
  kontor period close 2026-11 --tenant demo_credits --dry-run   # figures and what stands against it
  kontor period close 2026-11 --tenant demo_credits \\
      --acknowledge clearing_open=settles_later \\
      --acknowledge differences_open=in_work=TICKET-17

Months are closed in order. What the checks find is acknowledged with a reason: settles_later, checked,
immaterial or in_work, and where more is written. What is booked later and holds within the month is a
late entry and counts in the first month that is open. `kontor work` must be running.";

const REPORT_HELP: &str = "\
Examples:
  kontor period report 2026-11 --tenant demo_credits
  kontor period report 2026-11 --tenant demo_credits --text > report.txt
  sha256sum report.txt        # the hash that stands in the log, and on every copy of the report";

const VERIFY_HELP: &str = "\
Examples:
  kontor period verify                                  # every close of every tenant
  kontor period verify --tenant demo_credits --json

Each report is made anew from the log, booking by booking, and compared with what was closed: figures,
hash, the ends of the ledgers, and the seal. Exit code 1 names what differs.";

/// What to do with months.
#[derive(Debug, Subcommand)]
pub enum PeriodVerb {
    /// List the months that were closed, and the one that comes next
    List(PeriodListArgs),
    /// Close a month
    #[command(after_help = CLOSE_HELP)]
    Close(PeriodCloseArgs),
    /// Print the report of a closed month
    #[command(after_help = REPORT_HELP)]
    Report(PeriodReportArgs),
    /// Make every report anew from the log, and compare
    #[command(after_help = VERIFY_HELP)]
    Verify(PeriodVerifyArgs),
}

/// Whose months to list.
#[derive(Args, Debug)]
pub struct PeriodListArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT")]
    pub tenant: TenantId,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which month to close.
#[derive(Args, Debug)]
pub struct PeriodCloseArgs {
    /// The month, such as 2026-11
    #[arg(value_name = "MONTH", value_parser = month)]
    pub month: Month,
    /// The tenant
    #[arg(long, value_name = "TENANT")]
    pub tenant: TenantId,
    /// What is known and does not stand against the close: CHECK=REASON or CHECK=REASON=REFERENCE
    #[arg(long, value_name = "CHECK=REASON", value_parser = acknowledgement)]
    pub acknowledge: Vec<Acknowledgement>,
    /// Say what the close would say, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Who closes it, as the log will say
    #[arg(long, default_value = "command_line")]
    pub by: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which report to print.
#[derive(Args, Debug)]
pub struct PeriodReportArgs {
    /// The month, such as 2026-11
    #[arg(value_name = "MONTH", value_parser = month)]
    pub month: Month,
    /// The tenant
    #[arg(long, value_name = "TENANT")]
    pub tenant: TenantId,
    /// Print the text whose SHA-256 stands in the log, and nothing else
    #[arg(long, conflicts_with_all = ["json", "xlsx"])]
    pub text: bool,
    /// Write it as a workbook into a file that must not exist yet
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub xlsx: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which closes to verify.
#[derive(Args, Debug)]
pub struct PeriodVerifyArgs {
    /// Those of one tenant alone
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<TenantId>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

fn month(text: &str) -> Result<Month, String> {
    text.parse().map_err(|err: kontor_domain::ValueError| err.to_string())
}

/// Reads `clearing_open=settles_later=TICKET-17`.
fn acknowledgement(text: &str) -> Result<Acknowledgement, String> {
    let mut words = text.splitn(3, '=');
    let named = words.next().unwrap_or_default();
    let check = Check::ALL.into_iter().find(|check| check.name() == named);
    let check =
        check.ok_or_else(|| format!("there are {}", Check::ALL.map(Check::name).join(", ")))?;
    let named = words.next().unwrap_or_default();
    let reasons = AcknowledgementReason::ALL;
    let reason = reasons.into_iter().find(|reason| reason.name() == named).ok_or_else(|| {
        let names = reasons.map(AcknowledgementReason::name).join(", ");
        format!("give a reason behind {}=, one of {names}", check.name())
    })?;
    Ok(Acknowledgement { check, reason, reference: words.next().map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_names_its_check_and_its_reason() {
        let read = acknowledgement("clearing_open=settles_later=T=17").unwrap();
        assert_eq!((read.check, read.reference.as_deref()), (Check::ClearingOpen, Some("T=17")));
        assert_eq!(acknowledgement("credits_held=checked").unwrap().reference, None);
        assert!(acknowledgement("weather=checked").unwrap_err().contains("differences_open"));
        assert!(acknowledgement("credits_held").unwrap_err().contains("immaterial"));
    }
}
