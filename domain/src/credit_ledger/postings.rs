//! The lines that each fact is booked with: debits positive, credits negative.

use uuid::Uuid;

use super::{
    BookAccount as A, BooksDefect, CreditLedger, CreditLedgerEvent, DisputeClosed, DisputeOutcome,
    Entry, Granted, HoldCaptured, Payment, PaymentProvider, Posting, RefundReturned, Slice, Spent,
    Unit,
    books::add,
    canary::{Canary, is_broken},
};
use crate::Money;

type Entries = Result<Vec<Entry>, BooksDefect>;

/// The lines of a fact, given the ledger before it.
pub(super) fn of(event: &CreditLedgerEvent, ledger: &CreditLedger) -> Entries {
    use CreditLedgerEvent as E;
    let mut entries = match event {
        E::Opened(_) | E::Low(_) | E::ResetBegun(_) => vec![],
        E::Granted(granted) => issue(granted),
        E::PassGranted(granted) => sale(granted.pass_id, granted.payment.as_ref()),
        E::Spent(spent) => spend(spent, ledger)?,
        E::Held(held) => moves(ledger, &held.slices, Place::Own, Place::Held)?,
        E::HoldCaptured(captured) => capture(captured, ledger)?,
        E::HoldReleased(released) => moves(ledger, &released.slices, Place::Held, Place::Own)?,
        E::SpendReversed(reversed) => {
            let back = consume(ledger, &reversed.slices, Place::Own, A::IncomeMessages)?;
            mirrored(back)?
        }
        E::GrantExpired(expired) => leave(ledger, &expired.slice, (A::Expired, A::IncomeBreakage))?,
        E::GrantRefunded(refunded) => refund(ledger, &refunded.slice)?,
        E::PartRefunded(part) => part_refund(ledger, &part.slice, part.amount)?,
        E::RefundReturned(returned) => refund_return(ledger, returned)?,
        E::GrantRevoked(revoked) => leave(ledger, &revoked.slice, (A::Revoked, A::IncomeBreakage))?,
        E::DisputeOpened(opened) => {
            let clearing = clearing_of(ledger, opened.grant_id)?;
            transfer(A::DisputeReserve, clearing, opened.amount)?
        }
        E::DisputeClosed(closed) => close_dispute(closed, ledger)?,
        E::DebtCovered(covered) => {
            leave(ledger, &covered.slice, (A::Receivable, A::IncomeRecovered))?
        }
        E::DebtWrittenOff(written) => vec![
            Entry::credits(A::WrittenOff, written.credits),
            Entry::credits(A::Receivable, negative(written.credits)?),
        ],
        E::PassRecognised(recognised) => match recognised.value {
            Some(value) => defer(recognised.pass_id, value, A::IncomePasses)?,
            None => vec![],
        },
        E::PassRefunded(refunded) => {
            let clearing = clearing_of(ledger, refunded.pass_id)?;
            defer(refunded.pass_id, refunded.value, clearing)?
        }
        E::Adjusted(adjusted) => {
            let mut entries = Vec::new();
            for Posting { debit, credit, amount } in &adjusted.postings {
                entries.extend(transfer(*debit, *credit, *amount)?);
            }
            entries
        }
    };
    entries.retain(|entry| entry.amount != 0);
    if is_broken(Canary::DropEntry) && entries.len() > 3 {
        entries.pop();
    }
    Ok(entries)
}

/// Where the customer's credits lie.
#[derive(Clone, Copy)]
enum Place {
    /// They may be spent.
    Own,
    /// They wait for a delivery.
    Held,
}

impl Place {
    fn account(self, ledger: &CreditLedger, grant_id: Uuid) -> Result<A, BooksDefect> {
        let grant = ledger.grants.get(&grant_id).ok_or(BooksDefect::Unknown { id: grant_id })?;
        Ok(match self {
            Self::Held => A::HeldCredits,
            Self::Own if grant.source.is_paid() => A::PaidCredits,
            Self::Own => A::PromoCredits,
        })
    }
}

fn negative(amount: i64) -> Result<i64, BooksDefect> {
    amount.checked_neg().ok_or(BooksDefect::Overflow)
}

fn negative_money(money: Money) -> Result<Money, BooksDefect> {
    Ok(Money::new(negative(money.amount_minor)?, money.currency))
}

fn mirrored(entries: Vec<Entry>) -> Entries {
    let mirror = |entry: Entry| Ok(Entry { amount: negative(entry.amount)?, ..entry });
    entries.into_iter().map(mirror).collect()
}

fn transfer(debit: A, credit: A, money: Money) -> Entries {
    Ok(vec![Entry::money(debit, money), Entry::money(credit, negative_money(money)?)])
}

/// Money that is not deferred any more.
fn defer(id: Uuid, value: Money, to: A) -> Entries {
    let deferred = Entry::money(A::DeferredRevenue, value).of(id);
    Ok(vec![deferred, Entry::money(to, negative_money(value)?)])
}

fn clearing(provider: PaymentProvider) -> A {
    match provider {
        PaymentProvider::Stripe => A::ClearingStripe,
        PaymentProvider::Yookassa => A::ClearingYookassa,
        PaymentProvider::TelegramStars => A::ClearingTelegramStars,
        PaymentProvider::Manual => A::ClearingManual,
    }
}

fn clearing_of(ledger: &CreditLedger, id: Uuid) -> Result<A, BooksDefect> {
    let payment = ledger.payment_of(id).ok_or(BooksDefect::Unknown { id })?;
    Ok(clearing(payment.provider))
}

fn sale(id: Uuid, payment: Option<&Payment>) -> Vec<Entry> {
    let Some(Payment { provider, price, .. }) = payment else { return vec![] };
    // A price is positive and in range, so it has a negative.
    let deferred = Money::new(price.amount_minor.saturating_neg(), price.currency);
    vec![
        Entry::money(clearing(*provider), *price),
        Entry::money(A::DeferredRevenue, deferred).of(id),
    ]
}

fn issue(granted: &Granted) -> Vec<Entry> {
    let (issued, own) = if granted.source.is_paid() {
        (A::IssuedPaid, A::PaidCredits)
    } else {
        (A::IssuedPromo, A::PromoCredits)
    };
    let mut entries = vec![
        Entry::credits(issued, granted.credits),
        Entry::credits(own, granted.credits.saturating_neg()).of(granted.grant_id),
    ];
    entries.extend(sale(granted.grant_id, granted.payment.as_ref()));
    entries
}

fn spend(spent: &Spent, ledger: &CreditLedger) -> Entries {
    match spent.pass_id {
        Some(pass_id) => under_pass(pass_id, spent.messages),
        None => consume(ledger, &spent.slices, Place::Own, A::IncomeMessages),
    }
}

fn under_pass(pass_id: Uuid, messages: i64) -> Entries {
    let line = |account, amount| Entry { account, unit: Unit::Messages, amount, grant_id: None };
    Ok(vec![
        line(A::UsageMessages, messages),
        line(A::UsagePasses, negative(messages)?).of(pass_id),
    ])
}

fn capture(captured: &HoldCaptured, ledger: &CreditLedger) -> Entries {
    if let Some(pass_id) = captured.pass_id {
        return under_pass(pass_id, captured.messages);
    }
    let mut entries = consume(ledger, &captured.slices, Place::Held, A::IncomeMessages)?;
    entries.extend(moves(ledger, &captured.released, Place::Held, Place::Own)?);
    Ok(entries)
}

/// Credits that go from one place of the customer to another.
fn moves(ledger: &CreditLedger, slices: &[Slice], from: Place, to: Place) -> Entries {
    let mut entries = Vec::with_capacity(slices.len().saturating_mul(2));
    for Slice { grant_id, credits, .. } in slices {
        let debit = from.account(ledger, *grant_id)?;
        let credit = to.account(ledger, *grant_id)?;
        entries.push(Entry::credits(debit, *credits).of(*grant_id));
        entries.push(Entry::credits(credit, negative(*credits)?).of(*grant_id));
    }
    Ok(entries)
}

/// Credits of several grants that are consumed, and the money that is earned with them; one line of
/// each currency for the income.
fn consume(ledger: &CreditLedger, slices: &[Slice], from: Place, income: A) -> Entries {
    let mut entries = Vec::new();
    let mut consumed = 0_i64;
    let mut earned: Vec<Money> = Vec::new();
    for Slice { grant_id, credits, value } in slices {
        entries.push(Entry::credits(from.account(ledger, *grant_id)?, *credits).of(*grant_id));
        consumed = add(consumed, *credits)?;
        let Some(value) = value else { continue };
        entries.push(Entry::money(A::DeferredRevenue, *value).of(*grant_id));
        match earned.iter_mut().find(|sum| sum.currency == value.currency) {
            Some(sum) => sum.amount_minor = add(sum.amount_minor, value.amount_minor)?,
            None => earned.push(*value),
        }
    }
    entries.push(Entry::credits(A::Consumed, negative(consumed)?));
    for sum in earned {
        entries.push(Entry::money(income, negative_money(sum)?));
    }
    Ok(entries)
}

/// Credits of one grant that leave the customer, and where they and their money go.
fn leave(ledger: &CreditLedger, slice: &Slice, (to, income): (A, A)) -> Entries {
    let own = Place::Own.account(ledger, slice.grant_id)?;
    let mut entries = vec![
        Entry::credits(own, slice.credits).of(slice.grant_id),
        Entry::credits(to, negative(slice.credits)?),
    ];
    if let Some(value) = slice.value {
        entries.extend(defer(slice.grant_id, value, income)?);
    }
    Ok(entries)
}

fn refund(ledger: &CreditLedger, slice: &Slice) -> Entries {
    leave(ledger, slice, (A::IssuedPaid, clearing_of(ledger, slice.grant_id)?))
}

/// A part of the price that goes back: out of what was not earned yet, as far as that reaches.
fn part_refund(ledger: &CreditLedger, slice: &Slice, amount: Money) -> Entries {
    let Slice { grant_id, credits, value } = *slice;
    let mut entries = Vec::new();
    if ledger.grants.contains_key(&grant_id) {
        let own = Place::Own.account(ledger, grant_id)?;
        entries.push(Entry::credits(own, credits).of(grant_id));
        entries.push(Entry::credits(A::IssuedPaid, negative(credits)?));
    }
    let value = value.unwrap_or(Money::new(0, amount.currency));
    let lost = amount.amount_minor.checked_sub(value.amount_minor);
    let lost = lost.ok_or(BooksDefect::Overflow)?;
    entries.push(Entry::money(A::DeferredRevenue, value).of(grant_id));
    entries.push(Entry::money(house_pays(lost), Money::new(lost, amount.currency)));
    let clearing = clearing_of(ledger, grant_id)?;
    entries.push(Entry::money(clearing, negative_money(amount)?));
    Ok(entries)
}

fn refund_return(ledger: &CreditLedger, returned: &RefundReturned) -> Entries {
    let mut refunds = ledger.refunds.iter();
    let known = refunds.find(|refund| refund.refund_id == returned.refund_id);
    match known.and_then(|refund| refund.paid_back) {
        Some(amount) => mirrored(part_refund(ledger, &returned.slice, amount)?),
        None => mirrored(refund(ledger, &returned.slice)?),
    }
}

/// What was earned and is lost is a bad debt; what was not earned and is not lost is kept.
fn house_pays(lost: i64) -> A {
    if lost > 0 { A::BadDebt } else { A::IncomeBreakage }
}

fn close_dispute(closed: &DisputeClosed, ledger: &CreditLedger) -> Entries {
    let DisputeClosed { grant_id, amount, revoked, owed, unearned_minor, .. } = closed;
    match closed.outcome {
        DisputeOutcome::Won => {
            transfer(clearing_of(ledger, *grant_id)?, A::DisputeReserve, *amount)
        }
        DisputeOutcome::Lost => {
            let currency = amount.currency;
            let money = |minor| Money::new(minor, currency);
            let lost = amount.amount_minor.checked_sub(*unearned_minor);
            let lost = lost.ok_or(BooksDefect::Overflow)?;
            let gone = negative(add(*revoked, *owed)?)?;
            let mut entries = vec![
                Entry::credits(A::Receivable, *owed),
                Entry::credits(A::Revoked, gone),
                Entry::money(A::DisputeReserve, negative_money(*amount)?),
                Entry::money(A::DeferredRevenue, money(*unearned_minor)).of(*grant_id),
                Entry::money(house_pays(lost), money(lost)),
            ];
            if ledger.grants.contains_key(grant_id) {
                let own = Place::Own.account(ledger, *grant_id)?;
                entries.push(Entry::credits(own, *revoked).of(*grant_id));
            }
            Ok(entries)
        }
    }
}
