//! Faults that only the tests can switch on: for each of them the suite must fail, or it does not
//! bite. An ordinary build has none of this; the questions below are answered `false` at compile time.

/// A mistake that somebody could make in the ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Canary {
    /// A spend that comes again is spent again.
    ForgetSpends,
    /// Credits are spent in the order of their ids.
    BurnInAnyOrder,
    /// Credits that ran out are spent.
    SpendExpired,
    /// Credits whose payment is disputed are spent.
    SpendDisputed,
    /// Money is rounded for each credit, not on the running sum.
    RoundEachCredit,
    /// A spend is given back as often as one likes.
    ReverseAgain,
    /// What is given back goes to the first grant first.
    ReverseForwards,
    /// The rest of a hold is not given back when a part is captured.
    CaptureAll,
    /// Credits that ran out keep their money.
    ForgetBreakage,
    /// Nobody owes credits that were spent before their payment was lost.
    ForgetDebt,
    /// A pass never ends.
    PassWithoutEnd,
    /// A refund gives the whole price back.
    RefundPrice,
    /// One line of a booking is left out.
    DropEntry,
    /// Held credits may be captured after their time.
    CaptureLate,
    /// A customer is warned again with each message.
    WarnAgain,
}

impl Canary {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 15] = [
        Self::ForgetSpends,
        Self::BurnInAnyOrder,
        Self::SpendExpired,
        Self::SpendDisputed,
        Self::RoundEachCredit,
        Self::ReverseAgain,
        Self::ReverseForwards,
        Self::CaptureAll,
        Self::ForgetBreakage,
        Self::ForgetDebt,
        Self::PassWithoutEnd,
        Self::RefundPrice,
        Self::DropEntry,
        Self::CaptureLate,
        Self::WarnAgain,
    ];
}

#[cfg(test)]
std::thread_local! {
    static BROKEN: std::cell::Cell<Option<Canary>> = const { std::cell::Cell::new(None) };
}

/// Whether the test of this thread wants this mistake to be made.
#[cfg(test)]
pub(super) fn is_broken(canary: Canary) -> bool {
    BROKEN.with(|broken| broken.get() == Some(canary))
}

/// Whether this mistake is made: never.
#[cfg(not(test))]
pub(super) const fn is_broken(_: Canary) -> bool {
    false
}

/// Runs something with a mistake switched on for this thread.
#[cfg(test)]
pub(super) fn with_broken<T>(canary: Canary, run: impl FnOnce() -> T) -> T {
    BROKEN.with(|broken| broken.set(Some(canary)));
    let result = run();
    BROKEN.with(|broken| broken.set(None));
    result
}
