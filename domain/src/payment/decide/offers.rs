//! From the offer to the door of the provider.

use chrono::{DateTime, Duration, Utc};

use super::{Decision, No, Payment, Sale, Standing, check_range, check_reference};
use crate::{
    Issued,
    payment::{
        Begin, Begun, CheckOut, Expired, Failed, OutcomeUnknown, PaymentCommand, PaymentEvent,
        Pending, RecordFailure, RecordPending, decide::check_reason,
    },
    product::Gives,
};

/// How many credits a purchase may give: as many as a grant.
const CREDITS: (i64, i64) = (1, 1_000_000);
/// What a purchase may cost, in minor units: as much as a grant.
const PRICE_MINOR: (i64, i64) = (1, 100_000_000_000);
/// How long an offer may stand: prices and products change.
const OFFER_DAYS_MAX: i64 = 31;

impl Payment {
    pub(super) fn begin(&self, begin: &Begin, issued: &Issued<PaymentCommand>) -> Decision {
        let Begin { account_id, product, price, provider, channel, expires_at } = begin.clone();
        let wanted = Sale { account_id, product, price, provider, channel, expires_at };
        match &self.sale {
            Some(sale) if *sale == wanted => return Ok(vec![]),
            Some(_) => return Err(No::IdReused { id: issued.id }),
            None => {}
        }
        if !issued.tenant.credit_rules.enabled {
            return Err(No::CreditsOff);
        }
        match product.gives {
            Gives::Credits(credits) => check_range("product.gives.credits", credits, CREDITS)?,
            Gives::Pass(_) => {}
        }
        check_range("price", price.amount_minor, PRICE_MINOR)?;
        check_reference("channel", &wanted.channel)?;
        let (after, latest) = (issued.at, issued.at + Duration::days(OFFER_DAYS_MAX));
        if expires_at <= after || expires_at > latest {
            return Err(No::InstantOutOfRange { field: "expires_at".to_owned(), after, latest });
        }
        let Sale { account_id, product, price, provider, channel, expires_at } = wanted;
        let begun = Begun { account_id, product, price, provider, channel, expires_at };
        Ok(vec![PaymentEvent::Begun(begun)])
    }

    /// Strict, unlike a fact: this is the last moment at which nothing has been charged.
    pub(super) fn check_out(&self, asked: &CheckOut, sale: &Sale, at: DateTime<Utc>) -> Decision {
        if self.standing == Standing::Succeeded {
            return Err(No::AlreadyPaid);
        }
        if asked.payer != sale.account_id {
            return Err(No::OtherPayer);
        }
        if asked.amount != sale.price {
            return Err(No::PriceDiffers { expected: sale.price });
        }
        if self.standing == Standing::Expired || at >= sale.expires_at {
            return Err(No::OfferExpired { expired_at: sale.expires_at });
        }
        Ok(self.rising(Standing::Pending, PaymentEvent::Pending(Pending { provider_ref: None })))
    }

    pub(super) fn pending(&self, pending: RecordPending) -> Decision {
        let RecordPending { provider_ref } = pending;
        if let Some(reference) = &provider_ref {
            check_reference("provider_ref", reference)?;
        }
        Ok(self.rising(Standing::Pending, PaymentEvent::Pending(Pending { provider_ref })))
    }

    pub(super) fn unknown(&self) -> Vec<PaymentEvent> {
        self.rising(Standing::Unknown, PaymentEvent::OutcomeUnknown(OutcomeUnknown {}))
    }

    pub(super) fn failure(&self, failure: RecordFailure) -> Decision {
        let RecordFailure { reason } = failure;
        check_reason(&reason)?;
        Ok(self.rising(Standing::Failed, PaymentEvent::Failed(Failed { reason })))
    }

    /// An offer ends when its time is over, unless the provider has yet to say what came of it.
    pub(super) fn expire(&self, sale: &Sale, at: DateTime<Utc>) -> Vec<PaymentEvent> {
        if at < sale.expires_at {
            return vec![];
        }
        self.rising(Standing::Expired, PaymentEvent::Expired(Expired {}))
    }

    fn rising(&self, standing: Standing, event: PaymentEvent) -> Vec<PaymentEvent> {
        if self.standing < standing { vec![event] } else { vec![] }
    }
}
