//! Token buckets per key and per address, in a bounded amount of memory.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicI64, Ordering},
};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::HashMapStateStore,
};
use kontor_commands::clock;

/// How many callers have a bucket of their own; beyond that newcomers share one.
const BUCKETS_MAX: usize = 10_000;

/// How often at most idle buckets are thrown away while there are too many; a sweep looks at all.
const SWEEP_EVERY_SECONDS: i64 = 1;

/// How much a caller may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Requests per second in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate of so many requests per second with a burst; zero counts as one.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self { per_second: at_least_one(per_second), burst: at_least_one(burst) }
    }

    fn quota(self) -> Quota {
        Quota::per_second(self.per_second).allow_burst(self.burst)
    }
}

/// One bucket per caller.
pub(crate) struct Buckets<K: Hash + Eq + Clone> {
    own: RateLimiter<K, HashMapStateStore<K>, DefaultClock>,
    shared: DefaultDirectRateLimiter,
    clock: DefaultClock,
    swept_at: AtomicI64,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            own: RateLimiter::hashmap(rate.quota()),
            shared: RateLimiter::direct(rate.quota()),
            clock: DefaultClock::default(),
            swept_at: AtomicI64::new(0),
        }
    }

    /// Takes a token; when there is none, the seconds until there is one, at least 1.
    pub(crate) fn take(&self, caller: &K) -> Result<(), u64> {
        let denied = if self.is_full() {
            self.shared.check().err()
        } else {
            self.own.check_key(caller).err()
        };
        denied.map_or(Ok(()), |denied| {
            let wait = denied.wait_time_from(self.clock.now());
            Err(wait.as_secs().saturating_add(1))
        })
    }

    fn is_full(&self) -> bool {
        if self.own.len() < BUCKETS_MAX {
            return false;
        }
        let now = clock::now().timestamp();
        let swept_at = self.swept_at.load(Ordering::Relaxed);
        let mine = now - swept_at >= SWEEP_EVERY_SECONDS
            && self
                .swept_at
                .compare_exchange(swept_at, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if mine {
            self.own.retain_recent();
        }
        self.own.len() >= BUCKETS_MAX
    }
}

/// The part of an address that one customer of a network provider cannot change at will: all of
/// IPv4, and the first half of IPv6.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_without_tokens_waits_and_others_do_not() {
        let buckets = Buckets::new(Rate::new(1, 2));
        assert_eq!(buckets.take(&"a"), Ok(()));
        assert_eq!(buckets.take(&"a"), Ok(()));
        assert_eq!(buckets.take(&"a"), Err(1));
        assert_eq!(buckets.take(&"b"), Ok(()));
    }

    #[test]
    fn newcomers_share_a_bucket_when_there_are_too_many() {
        let buckets = Buckets::new(Rate::new(1, 1));
        for caller in 0..BUCKETS_MAX {
            assert_eq!(buckets.take(&caller), Ok(()));
        }
        assert_eq!(buckets.take(&BUCKETS_MAX), Ok(()));
        assert_eq!(buckets.take(&(BUCKETS_MAX + 1)), Err(1));
        assert_eq!(buckets.own.len(), BUCKETS_MAX);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let one = "2001:db8:1:2:3:4:5:6".parse().unwrap();
        let other = "2001:db8:1:2:ffff::1".parse().unwrap();
        assert_eq!(network_of(one), network_of(other));
        let mapped = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(network_of(mapped), "192.0.2.7".parse::<IpAddr>().unwrap());
    }
}
