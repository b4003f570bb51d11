//! What a command to a customer's billing leads to.

mod charges;
mod terms;

use uuid::Uuid;

use super::{
    Billing, BillingCommand, BillingEvent, BillingRefusal as No, Closed, DisableReason,
    MethodRemoved, MethodSaved, RechargeDisabled, RechargeFailed, RemoveMethod, RemoveReason,
    SaveMethod, billing_id,
    state::{Method, Stage},
};
use crate::{Actor, Decider, Issued, credit_ledger::PaymentProvider};

type Decision = Result<Vec<BillingEvent>, No>;

/// The longest name of a provider's door, in bytes.
const CHANNEL_BYTES_MAX: usize = 255;

impl Decider for Billing {
    type Order = BillingCommand;
    type Fact = BillingEvent;
    type Reason = No;

    fn decide(&self, issued: Issued<BillingCommand>) -> Decision {
        use BillingCommand as C;
        if !issued.tenant.exists {
            return Err(No::TenantUnknown);
        }
        self.check_actor(&issued)?;
        match &issued.command {
            C::SaveMethod(save) => {
                check_id(issued.id, save.account_id)?;
                self.save_method(save, &issued)
            }
            C::EnableRecharge(enable) => {
                check_id(issued.id, enable.account_id)?;
                self.enable_recharge(enable, &issued)
            }
            C::Close(close) => {
                check_id(issued.id, close.account_id)?;
                Ok(self.close(close.account_id))
            }
            C::RemoveMethod(remove) => self.remove_method(remove),
            C::DisableRecharge(disable) => Ok(self.disabled(disable.reason)),
            C::RequestRecharge(request) => Ok(self.request_recharge(request, &issued)),
            C::BeginCharge(begin) => self.begin_charge(begin),
            C::RecordRechargeSuccess(success) => Ok(self.record_success(success)),
            C::RecordRechargeFailure(failure) => self.record_failure(failure, issued.at),
        }
    }

    /// The holder of the card.
    fn subject(&self, _id: Uuid) -> Option<Uuid> {
        self.account_id
    }

    fn personal_fields(order: &BillingCommand) -> Option<&'static [&'static str]> {
        use BillingCommand as C;
        Some(match order {
            C::SaveMethod(_) => &["/card"],
            C::RemoveMethod(_)
            | C::EnableRecharge(_)
            | C::DisableRecharge(_)
            | C::RequestRecharge(_)
            | C::BeginCharge(_)
            | C::RecordRechargeSuccess(_)
            | C::RecordRechargeFailure(_)
            | C::Close(_) => &[],
        })
    }
}

impl Billing {
    /// Customers agree for themselves and the staff can only end something: nobody with a key can
    /// charge a card that is not theirs.
    fn check_actor(&self, issued: &Issued<BillingCommand>) -> Result<(), No> {
        use BillingCommand as C;
        let allowed = match (&issued.actor, &issued.command) {
            // What a person agrees to, nobody says for them.
            (Actor::System { .. }, C::EnableRecharge(_)) => false,
            (Actor::System { .. }, _) => true,
            (Actor::Customer { account_id }, C::EnableRecharge(enable)) => {
                enable.account_id == *account_id
            }
            (Actor::Customer { account_id }, C::RemoveMethod(remove)) => {
                remove.reason == RemoveReason::Customer && issued.id == billing_id(*account_id)
            }
            (Actor::Customer { account_id }, C::DisableRecharge(disable)) => {
                disable.reason == DisableReason::Customer && issued.id == billing_id(*account_id)
            }
            (Actor::Operator { .. }, C::DisableRecharge(disable)) => {
                disable.reason == DisableReason::Staff
            }
            (
                Actor::Customer { .. } | Actor::Operator { .. },
                C::SaveMethod(_)
                | C::RemoveMethod(_)
                | C::EnableRecharge(_)
                | C::RequestRecharge(_)
                | C::BeginCharge(_)
                | C::RecordRechargeSuccess(_)
                | C::RecordRechargeFailure(_)
                | C::Close(_),
            ) => false,
        };
        if allowed { Ok(()) } else { Err(No::NotAllowed) }
    }

    /// One card is kept at a time: another one takes its place, also for what was agreed to, unless
    /// its provider takes other money.
    fn save_method(&self, save: &SaveMethod, issued: &Issued<BillingCommand>) -> Decision {
        if self.is_closed {
            return Err(No::BillingClosed);
        }
        if !issued.tenant.credit_rules.enabled {
            return Err(No::CreditsOff);
        }
        check_provider(save.provider)?;
        check_channel(&save.channel)?;
        let mut events = Vec::new();
        if let Some(Method { method_id, .. }) = &self.method {
            if *method_id == save.method_id {
                return Ok(vec![]);
            }
            if self.terms.as_ref().is_some_and(|terms| terms.channel != save.channel) {
                events.extend(self.disabled(DisableReason::MethodReplaced));
            }
            events.push(BillingEvent::MethodRemoved(MethodRemoved {
                account_id: save.account_id,
                method_id: *method_id,
                reason: RemoveReason::Replaced,
            }));
        }
        let SaveMethod { account_id, method_id, provider, channel, card } = save.clone();
        let saved = MethodSaved { account_id, method_id, provider, channel, card };
        events.push(BillingEvent::MethodSaved(saved));
        Ok(events)
    }

    /// Whoever removes a card that is not kept any more has what they want.
    fn remove_method(&self, remove: &RemoveMethod) -> Decision {
        let RemoveMethod { method_id, reason } = *remove;
        let Some(account_id) = self.account_id else { return Err(No::MethodUnknown { method_id }) };
        if self.method.as_ref().is_none_or(|kept| kept.method_id != method_id) {
            return Ok(vec![]);
        }
        let mut events = self.disabled(DisableReason::MethodRemoved);
        let removed = MethodRemoved { account_id, method_id, reason };
        events.push(BillingEvent::MethodRemoved(removed));
        Ok(events)
    }

    /// Ends the agreement, and with it a charge that nobody was asked for yet.
    fn disabled(&self, reason: DisableReason) -> Vec<BillingEvent> {
        let (Some(account_id), Some(_)) = (self.account_id, &self.terms) else { return vec![] };
        let disabled = RechargeDisabled { account_id, reason };
        let mut events = vec![BillingEvent::RechargeDisabled(disabled)];
        if let Some(charge) = self.under_way().filter(|it| it.stage == Stage::Requested) {
            let (payment_id, reason) = (charge.payment_id, charges::STOPPED.to_owned());
            let failed = RechargeFailed { account_id, payment_id, reason, retry_at: None };
            events.push(BillingEvent::RechargeFailed(failed));
        }
        events
    }

    fn close(&self, account_id: Uuid) -> Vec<BillingEvent> {
        if self.is_closed {
            return vec![];
        }
        let mut events = self.disabled(DisableReason::ConsentWithdrawn);
        if let Some(Method { method_id, .. }) = self.method {
            let reason = RemoveReason::Erased;
            let removed = MethodRemoved { account_id, method_id, reason };
            events.push(BillingEvent::MethodRemoved(removed));
        }
        events.push(BillingEvent::Closed(Closed { account_id }));
        events
    }
}

fn check_id(id: Uuid, account_id: Uuid) -> Result<(), No> {
    let expected = billing_id(account_id);
    if id == expected { Ok(()) } else { Err(No::IdMismatch { expected }) }
}

fn check_provider(provider: PaymentProvider) -> Result<(), No> {
    match provider {
        PaymentProvider::Stripe | PaymentProvider::Yookassa => Ok(()),
        PaymentProvider::TelegramStars | PaymentProvider::Manual => Err(No::ProviderUnfit),
    }
}

fn check_channel(channel: &str) -> Result<(), No> {
    let fits = (1..=CHANNEL_BYTES_MAX).contains(&channel.len())
        && channel.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(());
    }
    let expected = "1 to 255 visible ASCII characters, such as `stripe/shop`".to_owned();
    Err(No::Malformed { field: "channel".to_owned(), expected })
}

fn check_range(field: &str, value: i64, (min, max): (i64, i64)) -> Result<(), No> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(No::OutOfRange { field: field.to_owned(), min, max })
}
