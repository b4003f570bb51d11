//! Per tenant: the ledgers of its new customers, with the credits that welcome them.

use kontor_domain::{
    EventDecodeError, Recorded,
    credit_ledger::{CreditLedgerCommand, Open, credit_ledger_id},
    tenant::TenantEvent,
};
use serde::{Deserialize, Serialize};

use crate::policy::{Audience, Directive, Instance, Order, Policy, PolicyError};

const REGISTERED: &str = "account.registered";

/// Opens a ledger for each account that is registered while its tenant deals with credits.
///
/// How many of them welcome its holder is decided there, by the tenant's rules; a ledger that is open already
/// is given nothing a second time.
#[derive(Clone, Copy, Debug)]
pub struct WelcomeCredits;

/// What is remembered of a tenant.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Tenant {
    /// It deals with credits. Known here, so that the residents of a utility cost no command each.
    #[serde(default)]
    enabled: bool,
}

impl Policy for WelcomeCredits {
    type State = Tenant;

    fn name(&self) -> &'static str {
        "welcome_credits"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[REGISTERED, "tenant.credit_rules_changed"]
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        Ok(Audience::One(event.tenant.stream_id()))
    }

    fn react(
        &self,
        state: &mut Tenant,
        _instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        if event.event_type == REGISTERED {
            return if state.enabled { Ok(vec![open(event)?]) } else { Ok(vec![]) };
        }
        match event.body::<TenantEvent>()? {
            TenantEvent::CreditRulesChanged(changed) => {
                state.enabled = changed.credit_rules.enabled;
            }
            // Not asked for.
            TenantEvent::Created(_)
            | TenantEvent::Renamed(_)
            | TenantEvent::LocaleChanged(_)
            | TenantEvent::MeterRulesChanged(_)
            | TenantEvent::ReadingRemindersChanged(_)
            | TenantEvent::ReadingRemindersDue(_) => {}
        }
        Ok(vec![])
    }
}

/// The order to open the ledger of an account that was registered.
fn open(event: &Recorded) -> Result<Order, PolicyError> {
    let account_id = event.stream_id;
    let command = CreditLedgerCommand::Open(Open { account_id });
    let ledger_id = credit_ledger_id(account_id);
    Ok(Order::Send(Directive::new("credit_ledger", ledger_id, &command)?))
}
