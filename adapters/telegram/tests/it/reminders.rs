//! Reminders of readings on their whole way: from the tenant's rules to a message in the chat, with
//! the clock as an input.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Utc};
use kontor_commands::{clock, policies};
use kontor_domain::meter::MeterRules;
use kontor_postgres::{
    DispatchSettings, Dispatcher, Follower, FollowerSettings, PolicyEffect, Step,
    policies::scheduled,
};
use kontor_projections::Projection;
use kontor_telegram::ReminderMessages;

use crate::world::World;

/// The clock of the messages, in seconds; one test of this file moves it.
static NOW: AtomicI64 = AtomicI64::new(0);

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW.load(Ordering::SeqCst), 0).unwrap()
}

/// The policies with their dispatcher and the follower of the messages, driven by hand.
struct Machine<'a> {
    world: &'a World,
    followers: Vec<Follower>,
    dispatcher: Dispatcher,
}

impl<'a> Machine<'a> {
    fn new(world: &'a World) -> Self {
        let messages = ReminderMessages::new(world.pool.clone(), 50).at(now);
        let mut effects: Vec<Arc<dyn Projection>> = policies::all()
            .into_iter()
            .map(|policy| Arc::new(PolicyEffect::new(policy)) as Arc<dyn Projection>)
            .collect();
        effects.push(Arc::new(messages));
        let follower = |effect| {
            let vault = Some(world.vault.clone());
            let settings = FollowerSettings { vault, ..FollowerSettings::default() };
            Follower::projection(world.pool.clone(), effect, settings)
        };
        let sender = Arc::new(world.sender.clone());
        let settings = DispatchSettings {
            wait: std::time::Duration::from_secs(60),
            ..DispatchSettings::default()
        };
        Self {
            world,
            followers: effects.into_iter().map(follower).collect(),
            dispatcher: Dispatcher::new(world.pool.clone(), sender, settings),
        }
    }

    /// Lets everything happen that is due at an instant.
    async fn live_through(&mut self, at: DateTime<Utc>) {
        NOW.store(at.timestamp(), Ordering::SeqCst);
        loop {
            for follower in &mut self.followers {
                while follower.step().await.unwrap() != Step::Idle {}
            }
            if self.dispatcher.step(at).await.unwrap().taken == 0 {
                break;
            }
        }
        // The sender's clock is the database's: its day has come as well.
        sqlx::query("update telegram_outbox set next_at = clock_timestamp() where next_at > $1")
            .bind(clock::now())
            .execute(&self.world.pool)
            .await
            .unwrap();
    }

    /// When the next command of that name is due.
    async fn due(&self, command: &str) -> DateTime<Utc> {
        let waiting = scheduled::list(&self.world.pool, None, false, 100).await.unwrap();
        let found = waiting.iter().find(|row| row.command.as_deref() == Some(command));
        found.unwrap_or_else(|| panic!("no {command} in {waiting:#?}")).due_at
    }
}

#[tokio::test]
async fn who_has_not_submitted_is_reminded_once_in_their_language_and_can_switch_it_off() {
    let world = World::new().await;
    let bots = world.work();
    let (anna, john, olga) = (
        world.person(1001, "Анна", "ru"),
        world.person(1002, "John", "en"),
        world.person(1003, "Ольга", "ru"),
    );
    anna.register().await;
    anna.add_water_meter("10").await;
    john.say("/start", "your consent").await;
    john.press("I agree", "menu is at the bottom").await;
    john.press("Add a meter", "What does the meter count").await;
    john.press("Gas", "How many digits").await;
    john.press("5", "number of the meter").await;
    john.say("G-7", "Where is the meter").await;
    john.press("Skip", "verification").await;
    john.press("Skip", "show now").await;
    john.say("5", "Please check").await;
    john.press("All right, add it", "meter is added").await;
    // Olga has no meter.
    olga.register().await;

    let mut machine = Machine::new(&world);
    machine.live_through(clock::now()).await;
    let due = machine.due("begin_reading_reminders").await;
    machine.live_through(due).await;
    machine.live_through(due + chrono::Duration::hours(1)).await;
    world.settled().await;
    assert_eq!(anna.count("Напоминаем о показаниях"), 1, "{:#?}", anna.texts());
    assert_eq!(anna.count("· 💧 Холодная вода · №\u{a0}В-77"), 1);
    assert_eq!(john.count("A reminder: readings are taken until"), 1, "{:#?}", john.texts());
    assert_eq!(olga.count("Напоминаем"), 0);

    // The button starts the dialogue, another one ends the reminders; the settings bring them back.
    anna.press("Передать показания", "Сколько сейчас?").await;
    anna.press("Отмена", "Показания не отправлены").await;
    anna.press("Не напоминать", "Больше не напоминаем").await;
    assert!(world.account(1001).await.unwrap().reminders_muted);
    machine.live_through(due + chrono::Duration::hours(2)).await;
    let next = machine.due("begin_reading_reminders").await;
    assert!(next > due + chrono::Duration::days(25), "{next}");
    machine.live_through(next).await;
    world.settled().await;
    assert_eq!(anna.count("Напоминаем о показаниях"), 1);
    assert_eq!(john.count("A reminder"), 2);
    anna.say("Настройки", "Язык: русский").await;
    anna.press("Напоминать о показаниях", "Будем напоминать").await;
    assert!(!world.account(1001).await.unwrap().reminders_muted);

    // Outside the window the bot offers to write when it opens, and does.
    let today = clock::now().with_timezone(&chrono_tz_moscow()).date_naive();
    let first_day: u8 = if chrono::Datelike::day(&today) < 14 { 20 } else { 1 };
    let meter_rules = MeterRules {
        window_first_day: first_day,
        window_last_day: first_day + 5,
        ..MeterRules::default()
    };
    world.take_readings_by(meter_rules).await;
    // The settings that travel with a command are up to a second old.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    anna.say("12", "Показания принимаем с").await;
    anna.press("Напомнить", "Напомню").await;
    machine.live_through(clock::now()).await;
    let opens = machine.due("remind_of_readings").await;
    machine.live_through(opens).await;
    world.settled().await;
    assert_eq!(anna.count("Открылся приём показаний"), 1, "{:#?}", anna.texts());
    bots.stop().await;
}

fn chrono_tz_moscow() -> chrono::FixedOffset {
    chrono::FixedOffset::east_opt(3 * 3600).unwrap()
}
