//! What a customer agrees to.

use super::{Billing, BillingEvent, Decision, No, check_channel, check_provider, check_range};
use crate::{
    Issued,
    billing::{BillingCommand, EnableRecharge, RechargeEnabled, RechargeTerms, RequestRecharge},
    product::{Gives, ProductTerms},
};

/// The longest words that are agreed to, in characters.
const WORDS_LENGTH_MAX: usize = 2_000;

impl Billing {
    /// Other terms are agreed to anew: the newest words hold.
    pub(super) fn enable_recharge(
        &self,
        enable: &EnableRecharge,
        issued: &Issued<BillingCommand>,
    ) -> Decision {
        let EnableRecharge { account_id, terms, credits_left } = enable;
        if self.is_closed {
            return Err(No::BillingClosed);
        }
        if !issued.tenant.credit_rules.enabled {
            return Err(No::CreditsOff);
        }
        check(terms)?;
        let Some(method) = &self.method else { return Err(No::NoMethod) };
        if method.channel != terms.channel {
            let (kept, asked) = (method.channel.clone(), terms.channel.clone());
            return Err(No::OtherChannel { kept, asked });
        }
        if self.terms.as_ref() == Some(terms) {
            return Ok(vec![]);
        }
        let (account_id, terms) = (*account_id, terms.clone());
        let enabled =
            BillingEvent::RechargeEnabled(Box::new(RechargeEnabled { account_id, terms }));
        // Whoever agrees while little is left agrees that it is filled up now.
        let mut after = self.clone();
        cqrs_es::Aggregate::apply(&mut after, enabled.clone());
        let request = RequestRecharge { credits_left: *credits_left };
        let mut events = vec![enabled];
        events.extend(after.request_recharge(&request, issued));
        Ok(events)
    }
}

fn check(terms: &RechargeTerms) -> Result<(), No> {
    check_provider(terms.provider)?;
    check_channel(&terms.channel)?;
    let Gives::Credits(credits) = terms.product.gives else { return Err(No::NotCredits) };
    check_range("product.gives.credits", credits, bounds(&Gives::CREDITS))?;
    // A package always leads above the threshold, so that one spend never buys two.
    check_range("threshold_credits", terms.threshold_credits, (1, credits))?;
    let (_, price_max) = bounds(&ProductTerms::PRICE_MINOR);
    check_range("price", terms.price.amount_minor, bounds(&ProductTerms::PRICE_MINOR))?;
    if terms.monthly_cap.currency != terms.price.currency {
        return Err(No::CurrencyDiffers);
    }
    // At least one package fits into a month.
    let caps = (terms.price.amount_minor, price_max);
    check_range("monthly_cap", terms.monthly_cap.amount_minor, caps)?;
    let is_text = |c: char| !c.is_control() || c == '\n';
    if (1..=WORDS_LENGTH_MAX).contains(&terms.words.chars().count())
        && terms.words.chars().all(is_text)
    {
        return Ok(());
    }
    let expected = "the words that were agreed to, 1 to 2,000 characters".to_owned();
    Err(No::Malformed { field: "words".to_owned(), expected })
}

fn bounds(range: &std::ops::RangeInclusive<i64>) -> (i64, i64) {
    (*range.start(), *range.end())
}
