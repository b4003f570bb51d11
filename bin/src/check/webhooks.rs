//! Which webhooks need somebody. None of this fails the check: containers are judged by it, and an
//! integrator that is down is no fault of theirs.

use std::time::Duration;

use kontor_postgres::webhooks::{self, LATE_AFTER_SECONDS, Troubled};
use sqlx::PgPool;

use super::{Finding, within};

/// A line for each webhook in trouble, or one for all when none is.
pub(super) async fn check(pool: &PgPool) -> Vec<Finding> {
    const WHAT: &str = "webhooks";
    let asked = within(async {
        let summary = webhooks::summary(pool).await?;
        Ok((summary, webhooks::troubled(pool).await?))
    });
    let (summary, troubled) = match asked.await {
        Ok(found) => found,
        Err(err) => {
            return vec![Finding::failed(WHAT, format!("{err:#}"), "look at PostgreSQL's log")];
        }
    };
    if troubled.is_empty() {
        let found = match summary.active {
            0 => return Vec::new(),
            active => format!("{active} are called, {} events wait", summary.pending),
        };
        return vec![Finding::ok(WHAT, found)];
    }
    troubled.iter().map(finding).collect()
}

fn finding(webhook: &Troubled) -> Finding {
    let name = &webhook.name;
    let what = format!("webhook {name}");
    let waiting = format!("{} events wait", webhook.pending);
    let given_up = match webhook.failed {
        0 => String::new(),
        failed => format!(", {failed} were given up"),
    };
    if let Some(reason) = &webhook.disabled_reason {
        let found = format!("disabled: {reason}; {waiting}{given_up}, and nothing is lost");
        let advice = if webhook.by_operator {
            format!("`kontor integrator enable {name}` goes on where it stopped")
        } else {
            format!(
                "ask its owner; then `kontor integrator enable {name}` goes on where it stopped"
            )
        };
        return Finding::notice(what, found, advice);
    }
    if webhook.oldest_seconds > LATE_AFTER_SECONDS {
        let waited = Duration::try_from_secs_f64(webhook.oldest_seconds).unwrap_or_default();
        let minutes = waited.as_secs() / 60;
        let last = webhook.last_failure.as_deref().unwrap_or("nothing was tried yet");
        let found = format!("late by {minutes} min ({last}); {waiting}{given_up}");
        let advice = format!(
            "`kontor integrator deliveries {name} --failed` shows what was tried; if that is \
             nothing, start `kontor relay`"
        );
        return Finding::notice(what, found, advice);
    }
    let advice = format!(
        "`kontor integrator deliveries {name} --failed` says why; `kontor integrator redeliver \
         {name} --failed` delivers them again"
    );
    Finding::notice(what, format!("{waiting}{given_up}"), advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_says_what_to_type() {
        let late = Troubled {
            name: "crm".to_owned(),
            disabled_reason: None,
            by_operator: false,
            last_failure: Some("answered 503".to_owned()),
            pending: 3,
            failed: 0,
            oldest_seconds: 7_201.0,
        };
        let disabled = Troubled {
            disabled_reason: Some("nothing was accepted for 5 days".to_owned()),
            ..late.clone()
        };
        let given_up = Troubled { oldest_seconds: 0.0, failed: 2, pending: 0, ..late.clone() };
        for (webhook, found, advice) in [
            (&late, "late by 120 min (answered 503); 3 events wait", "deliveries crm --failed"),
            (&disabled, "disabled: nothing was accepted for 5 days; 3", "enable crm"),
            (&given_up, "0 events wait, 2 were given up", "redeliver crm --failed"),
        ] {
            let finding = finding(webhook);
            assert!(finding.ok, "{finding:?}");
            assert!(finding.found.starts_with(found), "{finding:?}");
            assert!(finding.advice.as_ref().unwrap().contains(advice), "{finding:?}");
        }
    }
}
