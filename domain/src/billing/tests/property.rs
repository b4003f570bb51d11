//! Whatever happens in whatever order: never two charges, never more than the cap, never without an
//! agreement.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Save(u128),
    Enable(i64),
    Disable,
    Left(i64),
    Begin(u64),
    Succeed(u64),
    Fail(u64, &'static str),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..3_u128).prop_map(Step::Save),
        (499..2_500_i64).prop_map(Step::Enable),
        Just(Step::Disable),
        (0..7_i64).prop_map(Step::Left),
        (1..9_u64).prop_map(Step::Begin),
        (1..9_u64).prop_map(Step::Succeed),
        (1..9_u64, prop_oneof![Just("generic_decline"), Just("lost_card")])
            .prop_map(|(number, reason)| Step::Fail(number, reason)),
        (0..200_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..80)
}

/// What an onlooker counts.
#[derive(Default)]
struct Onlooker {
    cap_minor: Option<i64>,
    open: Vec<Uuid>,
    begun: Vec<Uuid>,
    paid_minor: std::collections::BTreeMap<chrono::NaiveDate, i64>,
    months: std::collections::BTreeMap<Uuid, chrono::NaiveDate>,
}

impl Onlooker {
    fn see(&mut self, event: &BillingEvent) {
        use BillingEvent as E;
        match event {
            E::RechargeEnabled(enabled) => {
                self.cap_minor = Some(enabled.terms.monthly_cap.amount_minor);
            }
            E::RechargeDisabled(_) => self.cap_minor = None,
            E::RechargeRequested(requested) => {
                let cap = self.cap_minor.expect("nothing is charged without an agreement");
                assert_eq!(self.open, [] as [Uuid; 0], "one is under way");
                let paid = self.paid_minor.get(&requested.month).copied().unwrap_or_default();
                assert!(paid + requested.price.amount_minor <= cap, "more than was agreed");
                assert!(self.months.insert(requested.payment_id, requested.month).is_none());
                self.open.push(requested.payment_id);
            }
            E::ChargeBegun(begun) => {
                assert!(self.cap_minor.is_some(), "it was stopped before");
                self.begun.push(begun.payment_id);
            }
            E::RechargeSucceeded(succeeded) => {
                self.open.retain(|id| *id != succeeded.payment_id);
                let month = self.months[&succeeded.payment_id];
                *self.paid_minor.entry(month).or_default() += 499;
            }
            E::RechargeFailed(failed) => self.open.retain(|id| *id != failed.payment_id),
            E::MethodSaved(_) | E::MethodRemoved(_) | E::CapReached(_) | E::Closed(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_what_was_agreed_holds(steps in steps()) {
        let (mut desk, mut onlooker) = (Desk::with_card(), Onlooker::default());
        let payment = |number| recharge_payment_id(ANNA, number);
        for step in steps {
            let (actor, command) = match step {
                Step::Save(method) => (kontor(), save(method)),
                Step::Enable(cap) => {
                    let monthly_cap = dollars(cap);
                    (anna(), enable(RechargeTerms { monthly_cap, ..terms() }))
                }
                Step::Disable => (anna(), disable(DisableReason::Customer)),
                Step::Left(credits) => (kontor(), left(credits)),
                Step::Begin(number) => (kontor(), begin(payment(number))),
                // Only what is at the provider can be paid.
                Step::Succeed(number) if onlooker.begun.contains(&payment(number)) => {
                    (kontor(), succeeded(payment(number)))
                }
                Step::Succeed(_) => continue,
                Step::Fail(number, reason) => (kontor(), failed(payment(number), reason)),
                Step::Wait(hours) => {
                    desk.at += Duration::hours(hours);
                    continue;
                }
            };
            let Ok(events) = desk.ask(actor.clone(), command.clone()) else { continue };
            events.iter().for_each(|event| onlooker.see(event));
            let again = desk.ask(actor, command);
            prop_assert!(
                matches!(again.as_deref(), Ok([]) | Err(BillingRefusal::ChargeStopped)),
                "the same again does something: {again:?}"
            );
        }
    }
}
