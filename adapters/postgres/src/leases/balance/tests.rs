use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

/// Processes by name, each with what it wants.
fn world(members: &[(&str, &[&str])]) -> Snapshot {
    let member = |(owner, wants): &(&str, &[&str])| {
        let wants = wants.iter().map(|name| (*name).to_owned()).collect();
        ((*owner).to_owned(), Member { wants, holds: BTreeSet::new() })
    };
    Snapshot { members: members.iter().map(member).collect(), foreign: BTreeSet::new() }
}

fn shards(count: usize) -> Vec<String> {
    (0..count).map(|shard| format!("shard/{shard}")).collect()
}

/// So many processes that all want so many shards.
fn uniform(processes: usize, count: usize) -> Snapshot {
    let wants: BTreeSet<String> = shards(count).into_iter().collect();
    let members = (0..processes).map(|number| {
        let member = Member { wants: wants.clone(), holds: BTreeSet::new() };
        (format!("process {number}"), member)
    });
    Snapshot { members: members.collect(), foreign: BTreeSet::new() }
}

impl Snapshot {
    fn held(&self, owner: &str, of_kind: &str) -> usize {
        self.members[owner].holds.iter().filter(|name| kind(name) == of_kind).count()
    }

    fn is_free(&self, name: &str) -> bool {
        !self.is_held_by_another("nobody", name)
    }

    /// How often somebody has two more than another who wants one of them.
    fn unfair(&self) -> usize {
        let plan = Plan::of(self, "shard");
        plan.holds.keys().filter(|owner| plan.gift(owner).is_some()).count()
    }
}

/// One round: each process in its order looks, gives back and takes. Returns whether anything moved.
fn round(world: &mut Snapshot, order: &[String]) -> bool {
    let mut moved = false;
    for me in order {
        for name in world.surplus(me) {
            world.members.get_mut(me).unwrap().holds.remove(&name);
            moved = true;
        }
        let wants = world.members[me].wants.clone();
        for name in wants {
            if world.is_free(&name) && world.is_turn(me, &name) {
                world.members.get_mut(me).unwrap().holds.insert(name);
                moved = true;
            }
        }
    }
    moved
}

/// Rounds until nothing moves; every world comes to rest.
fn settle(world: &mut Snapshot, dice: &mut StdRng) {
    let mut order: Vec<String> = world.members.keys().cloned().collect();
    for _ in 0..200 {
        for place in (1..order.len()).rev() {
            order.swap(place, dice.random_range(0..=place));
        }
        if !round(world, &order) {
            return;
        }
    }
    panic!("the leases wander for ever: {world:?}");
}

fn loads(world: &Snapshot, kind: &str) -> Vec<usize> {
    let mut loads: Vec<usize> = world.members.keys().map(|owner| world.held(owner, kind)).collect();
    loads.sort_unstable();
    loads
}

#[test]
fn equal_processes_share_evenly_however_many_they_are() {
    let mut dice = StdRng::seed_from_u64(1);
    for (processes, count) in [(1, 8), (2, 8), (3, 8), (5, 8), (8, 8), (11, 8), (2, 5), (4, 3)] {
        let mut world = uniform(processes, count);
        settle(&mut world, &mut dice);
        let loads = loads(&world, "shard");
        assert_eq!(loads.iter().sum::<usize>(), count, "{processes}: {loads:?}");
        assert_eq!(loads[processes - 1], count.div_ceil(processes), "{processes}: {loads:?}");
        assert_eq!(loads[0], count / processes, "{processes}: {loads:?}");
    }
}

#[test]
fn a_newcomer_gets_its_part_at_one_look_and_no_more_moves_than_needed() {
    let mut world = uniform(2, 8);
    world.set_holds("process 0", &shards(8));
    let given = world.surplus("process 0");
    assert_eq!(given, ["shard/4", "shard/5", "shard/6", "shard/7"]);
    // While they are on their way nothing else is given, and nothing taken back.
    world.set_holds("process 0", &shards(4));
    assert!(world.surplus("process 0").is_empty());
    assert!(!world.is_turn("process 0", "shard/4"), "the other one has less");
    assert!(given.iter().all(|name| world.is_turn("process 1", name)));
}

#[test]
fn two_givers_do_not_give_the_same_part_twice() {
    let mut world = uniform(3, 8);
    world.set_holds("process 0", &shards(8)[..4]);
    world.set_holds("process 1", &shards(8)[4..]);
    assert_eq!(world.surplus("process 0").len(), 1);
    assert_eq!(world.surplus("process 1").len(), 1);
}

#[test]
fn what_nobody_else_wants_is_never_given_back() {
    let mut world = world(&[
        ("everything", &["follower.a", "follower.b", "follower.relay"]),
        ("relay", &["follower.relay"]),
        ("serve", &[]),
    ]);
    settle(&mut world, &mut StdRng::seed_from_u64(2));
    assert_eq!(world.held("everything", "follower"), 2);
    assert_eq!(world.held("relay", "follower"), 1);
    let old: &[&str] = &["follower.a.v1", "follower.b.v1"];
    let mut versions = self::world(&[("old", old), ("new", &["follower.a.v2"])]);
    settle(&mut versions, &mut StdRng::seed_from_u64(3));
    assert_eq!(loads(&versions, "follower"), [1, 2], "{versions:?}");
}

#[test]
fn kinds_do_not_weigh_on_each_other() {
    let wants: &[&str] = &["shard/0", "shard/1", "follower.x"];
    let mut world = world(&[("a", wants), ("b", wants)]);
    world.set_holds("a", &["shard/0".to_owned(), "follower.x".to_owned()]);
    assert!(world.surplus("a").is_empty());
    assert!(!world.is_turn("a", "shard/1"));
    assert!(world.is_turn("b", "shard/1"));
}

#[test]
fn an_owner_that_takes_no_part_keeps_what_it_has() {
    let mut world = uniform(2, 3);
    world.foreign.extend(shards(2));
    settle(&mut world, &mut StdRng::seed_from_u64(4));
    assert_eq!(loads(&world, "shard"), [0, 1]);
}

#[test]
fn any_processes_with_any_wants_come_to_rest_with_everything_served() {
    for seed in 0..1_000 {
        let mut dice = StdRng::seed_from_u64(seed);
        let names = dice.random_range(1..12);
        let mut world = uniform(dice.random_range(1..7), names);
        for member in world.members.values_mut() {
            member.wants.retain(|_| dice.random_ratio(2, 3));
        }
        // Some begin with whatever they took when they were alone.
        for number in 0..world.members.len() {
            let owner = format!("process {number}");
            let wants = world.members[&owner].wants.clone();
            let free = wants.into_iter().filter(|name| world.is_free(name));
            let held: Vec<String> = free.filter(|_| dice.random_ratio(1, 3)).collect();
            world.set_holds(&owner, &held);
        }
        settle(&mut world, &mut dice);
        let wanted: BTreeSet<&String> =
            world.members.values().flat_map(|member| &member.wants).collect();
        assert!(!wanted.iter().any(|name| world.is_free(name)), "seed {seed}: {world:?}");
        assert_eq!(world.unfair(), 0, "seed {seed}: {world:?}");
    }
}
