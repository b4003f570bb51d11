//! The ledger as a child would keep it: every credit is a coin that lies in one place.

use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    Free,
    Held(u128),
    Spent,
    Expired,
    Refunded,
    Revoked,
}

#[derive(Clone, Debug)]
pub(super) struct Purse {
    pub(super) paid: bool,
    pub(super) until: Option<i64>,
    pub(super) disputed: bool,
    pub(super) lost: bool,
    pub(super) coins: Vec<Place>,
}

/// Purses by id, in the order in which they came; coins are named by purse and place.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) purses: BTreeMap<u128, Purse>,
    pub(super) holds: BTreeMap<u128, (i64, Vec<(u128, usize)>)>,
    pub(super) spends: BTreeMap<u128, Vec<(u128, usize)>>,
    pub(super) passes: Vec<(i64, i64)>,
    pub(super) owed: i64,
}

impl Model {
    pub(super) fn settle(&mut self, now: i64) {
        let late: Vec<u128> =
            self.holds.iter().filter(|(_, hold)| hold.0 <= now).map(|(id, _)| *id).collect();
        for id in late {
            self.release(id);
        }
        for purse in self.purses.values_mut() {
            let over = purse.until.is_some_and(|until| until <= now);
            if over && !purse.disputed && !purse.lost {
                for coin in purse.coins.iter_mut().filter(|coin| **coin == Place::Free) {
                    *coin = Place::Expired;
                }
            }
        }
    }

    pub(super) fn release(&mut self, hold: u128) {
        for (purse, coin) in self.holds.remove(&hold).unwrap().1 {
            self.purses.get_mut(&purse).unwrap().coins[coin] = Place::Free;
        }
    }

    pub(super) fn add(&mut self, id: u128, paid: bool, credits: i64, until: Option<i64>) {
        let mut coins = vec![Place::Free; usize::try_from(credits).unwrap()];
        if paid {
            for coin in &mut coins {
                if self.owed > 0 {
                    *coin = Place::Spent;
                    self.owed -= 1;
                }
            }
        }
        self.purses.insert(id, Purse { paid, until, disputed: false, lost: false, coins });
    }

    /// The coins that may be spent, first those that are to be spent first.
    fn usable(&self, now: i64) -> Vec<(u128, usize)> {
        let mut purses: Vec<(&u128, &Purse)> = self.purses.iter().collect();
        purses.retain(|(_, purse)| !purse.disputed && !purse.lost);
        purses.retain(|(_, purse)| purse.until.is_none_or(|until| until > now));
        purses.sort_by_key(|(id, purse)| (purse.until.unwrap_or(i64::MAX), purse.paid, **id));
        let coins = purses.into_iter().flat_map(|(id, purse)| {
            let free = purse.coins.iter().enumerate().filter(|(_, coin)| **coin == Place::Free);
            free.map(|(place, _)| (*id, place))
        });
        coins.collect()
    }

    pub(super) fn balance(&self, now: i64) -> i64 {
        i64::try_from(self.usable(now).len()).unwrap()
    }

    /// The coins that are there or on their way.
    pub(super) fn kept(&self, now: i64) -> i64 {
        let coins = self.purses.values().flat_map(|purse| &purse.coins);
        let held = coins.filter(|coin| matches!(coin, Place::Held(_))).count();
        self.balance(now) + i64::try_from(held).unwrap()
    }

    pub(super) fn pass_is_on(&self, now: i64) -> bool {
        self.passes.iter().any(|(from, to)| *from <= now && now < *to)
    }

    /// Takes coins to another place; none when there are too few, or something is owed.
    pub(super) fn take(
        &mut self,
        messages: i64,
        now: i64,
        place: Place,
    ) -> Option<Vec<(u128, usize)>> {
        if self.owed > 0 {
            return None;
        }
        if self.pass_is_on(now) {
            return Some(vec![]);
        }
        let coins = self.usable(now);
        let coins = coins.get(..usize::try_from(messages).unwrap())?.to_vec();
        for (purse, coin) in &coins {
            self.purses.get_mut(purse).unwrap().coins[*coin] = place;
        }
        Some(coins)
    }

    pub(super) fn capture(&mut self, hold: u128, credits: usize) {
        let coins = self.holds[&hold].1.clone();
        self.release(hold);
        for (purse, coin) in &coins[..credits] {
            self.purses.get_mut(purse).unwrap().coins[*coin] = Place::Spent;
        }
        self.spends.insert(hold, coins[..credits].to_vec());
    }

    /// Gives the last coins of a spend back; not when one came from a payment that was lost.
    pub(super) fn reverse(&mut self, spend: u128, credits: usize) -> bool {
        let Some(coins) = self.spends.get(&spend).cloned() else { return false };
        if credits == 0 || credits > coins.len() {
            return false;
        }
        let (rest, back) = coins.split_at(coins.len() - credits);
        if back.iter().any(|(purse, _)| self.purses[purse].lost) {
            return false;
        }
        for (purse, coin) in back {
            self.purses.get_mut(purse).unwrap().coins[*coin] = Place::Free;
        }
        self.spends.insert(spend, rest.to_vec());
        true
    }

    pub(super) fn free(&self, id: u128) -> usize {
        self.count(id, Place::Free)
    }

    pub(super) fn count(&self, id: u128, place: Place) -> usize {
        self.purses[&id].coins.iter().filter(|coin| **coin == place).count()
    }

    pub(super) fn refund(&mut self, id: u128, credits: usize) {
        let coins = &mut self.purses.get_mut(&id).unwrap().coins;
        for coin in coins.iter_mut().filter(|coin| **coin == Place::Free).take(credits) {
            *coin = Place::Refunded;
        }
    }

    pub(super) fn lose(&mut self, id: u128) {
        let touching = self.holds.iter().filter(|(_, hold)| hold.1.iter().any(|one| one.0 == id));
        let touching: Vec<u128> = touching.map(|(hold, _)| *hold).collect();
        for hold in touching {
            self.release(hold);
        }
        self.owed += i64::try_from(self.count(id, Place::Spent)).unwrap();
        let purse = self.purses.get_mut(&id).unwrap();
        (purse.disputed, purse.lost) = (false, true);
        for coin in purse.coins.iter_mut().filter(|coin| **coin == Place::Free) {
            *coin = Place::Revoked;
        }
    }
}
