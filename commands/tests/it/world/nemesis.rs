//! What goes wrong, and when.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{HORIZON, PROCESSES, World, process::Process};

pub(super) struct Nemesis {
    processes: Vec<Process>,
    started: usize,
}

impl Nemesis {
    /// Starts the processes.
    pub(super) fn start(world: &Arc<World>) -> Self {
        let mut nemesis = Self { processes: Vec::new(), started: 0 };
        for _ in 0..PROCESSES {
            let process = nemesis.process(world, Duration::ZERO);
            nemesis.processes.push(process);
        }
        nemesis
    }

    fn process(&mut self, world: &Arc<World>, after: Duration) -> Process {
        self.started += 1;
        Process::start(world, format!("process {}", self.started), after)
    }

    /// Lets things fail until the horizon.
    pub(super) async fn rage(&mut self, world: &Arc<World>) {
        while world.began.elapsed() < HORIZON {
            sleep(Duration::from_millis(100 + world.throw(600))).await;
            self.strike(world).await;
        }
    }

    async fn strike(&mut self, world: &Arc<World>) {
        let victim = usize::try_from(world.throw(self.processes.len() as u64)).unwrap();
        let pause = Duration::from_millis(world.throw(5_000));
        match world.throw(12) {
            0..=2 => {
                let successor = self.process(world, pause / 2);
                let dead = std::mem::replace(&mut self.processes[victim], successor);
                world.note(format!("{} dies", dead.name));
                dead.kill().await;
            }
            3..=5 => {
                let process = &self.processes[victim];
                world.note(format!("{} stands still for {pause:?}", process.name));
                process.freeze(pause);
            }
            6 | 7 => steal(world, pause / 4),
            8 => jump(world),
            9 => {
                world.note("the queue's store is lost");
                world.queue.lose();
            }
            10 => {
                world.note("the stream's store is lost");
                world.stream.lose();
            }
            _ => {
                world.note(format!("the queue is cut off for {pause:?}"));
                world.queue.cut_until(Instant::now() + pause / 2);
            }
        }
    }

    /// Ends the processes; a task that panicked ends the world with it.
    pub(super) async fn end(self) {
        for process in self.processes {
            process.kill().await;
        }
    }
}

/// Somebody takes a lease from its holder, who does not know.
fn steal(world: &World, lasts: Duration) {
    let chosen = world.throw(100);
    let lasts_ms = i64::try_from(lasts.as_millis()).unwrap();
    let stolen = world.with_tables(|tables, now_ms| {
        let count = tables.leases.len().max(1) as u64;
        let place = usize::try_from(chosen % count).unwrap();
        tables.leases.iter_mut().nth(place).map(|(name, row)| {
            row.owner = "thief".to_owned();
            row.epoch += 1;
            row.expires_at_ms = now_ms + lasts_ms;
            name.clone()
        })
    });
    if let Some(name) = stolen {
        world.note(format!("{name} is stolen"));
    }
}

/// The database's clock jumps: leases end early or last long.
fn jump(world: &World) {
    let by_ms = i64::try_from(world.throw(8_000)).unwrap() - 4_000;
    world.note(format!("the clock jumps by {by_ms} ms"));
    world.with_tables(|tables, _| tables.clock_offset_ms += by_ms);
}
