//! Whole conversations, as people have them.

use chrono::{Datelike, Duration, Months};
use kontor_commands::clock;
use kontor_domain::{
    Quantity,
    account::telegram_account_id,
    meter::{
        MeterCommand, MeterKind, MeterRules, PhotoReference, ReadingSource, Register,
        SubmitReading, Zone,
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::world::{BOT, World, until};

#[tokio::test]
async fn a_customer_meets_the_bot_adds_a_meter_and_submits_readings_in_russian() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");

    anna.say("/start ref_9f2c", "Здравствуйте, Анна!").await;
    assert!(world.account(1001).await.is_none(), "nothing is registered before consent");
    anna.say("История", "Сначала нужно ваше согласие").await;
    assert!(world.account(1001).await.is_none());
    world.settled().await;
    let asked = anna.seen().into_iter().filter(|seen| !seen.buttons.is_empty()).count();
    assert_eq!(asked, 1, "an older question loses its buttons");
    anna.press("Даю согласие", "Добавим ваш первый счётчик").await;
    let account = world.account(1001).await.unwrap();
    assert_eq!(account.display_name.as_str(), "Анна");
    assert!(account.consent.is_some());

    anna.press("Добавить счётчик", "Что считает счётчик?").await;
    anna.press("Электричество", "Сколько тарифных зон").await;
    anna.press("Две: день и ночь", "Сколько цифр до запятой").await;
    anna.press("Назад", "Сколько тарифных зон").await;
    anna.press("Две: день и ночь", "Сколько цифр до запятой").await;
    anna.press("6", "Напишите номер счётчика").await;
    anna.say("№ 0123-АБ", "Где стоит счётчик").await;
    anna.say("кухня", "До какого дня").await;
    anna.say("31.02.2030", "Не узнаю дату").await;
    anna.say("01.02.2030", "показывает сейчас на Т1").await;
    anna.say("минус пять", "Не вижу числа").await;
    anna.say("1 147,0", "показывает сейчас на Т2").await;
    let summary = anna.say("567", "Проверьте, всё ли верно").await;
    assert!(summary.text.contains("Поверка до: 1\u{a0}февраля\u{a0}2030"), "{}", summary.text);
    assert!(summary.text.contains("Т1\u{a0}1\u{a0}147,0 · Т2\u{a0}567,0"), "{}", summary.text);
    anna.press("Всё верно, добавить", "Счётчик добавлен").await;
    let meter = world.meters(1001).await.remove(0);
    assert_eq!((meter.zones, meter.digits, meter.place.as_str()), (2, 6, "кухня"));

    let question = anna.say("Передать показания", "Т1: в начале было 1\u{a0}147,0").await;
    assert!(question.text.contains("Электричество · кухня"), "{}", question.text);
    anna.say("1234,5678", "После запятой бывает до трёх цифр").await;
    anna.say("12345678", "Прочитали 12\u{a0}345\u{a0}678,0").await;
    anna.say("1234,5", "Т2: в начале было 567,0").await;
    let review = anna.say("567", "Отправляем?").await;
    assert!(review.text.contains("Т1\u{a0}1\u{a0}234,5 · Т2\u{a0}567,0"), "{}", review.text);
    let accepted = anna.press("Отправить", "Показания приняты").await;
    assert_eq!(
        accepted.text,
        "Показания приняты: Т1\u{a0}1\u{a0}234,5 · Т2\u{a0}567,0. \
         С начальных показаний 87,5\u{a0}кВт·ч."
    );

    anna.press("Исправить", "сейчас записано 1\u{a0}234,5").await;
    anna.say("Т1 1235 т2 568", "Исправлено: Т1\u{a0}1\u{a0}235,0 · Т2\u{a0}568,0.").await;
    world.newest_reading(meter.id, 1, 1).await;
    let history = anna.say("История", "показания Т1\u{a0}1\u{a0}235,0").await;
    assert!(history.text.contains("исправлено"), "{}", history.text);
    assert_eq!(world.telegram.calls("sendPhoto").len(), 0, "one month is no picture");

    anna.say("/start", "С возвращением").await;
    assert_eq!(anna.count("Здравствуйте, Анна"), 1, "the name is said once");
    bots.stop().await;
}

#[tokio::test]
async fn a_customer_meets_the_bot_and_submits_a_quick_reading_with_a_photo_in_english() {
    let world = World::new().await;
    let bots = world.work();
    let john = world.person(1002, "John", "en-GB");

    john.say("/start", "Hello, John!").await;
    john.press("Русский", "нужно ваше согласие").await;
    john.press("English", "we need your consent").await;
    john.press("I agree", "add your first meter").await;
    john.press("Add a meter", "What does the meter count?").await;
    john.press("Electricity", "How many tariff zones").await;
    john.press("One zone", "How many digits").await;
    john.say("12", "3 to 9 digits").await;
    john.say("5", "number of the meter").await;
    john.say("E-1", "Where is the meter").await;
    john.press("Skip", "verification").await;
    john.say("2030-02-01", "show now").await;
    john.say("1,147", "Please check").await;
    john.press("All right, add it", "The meter is added").await;

    let photo = json!({"caption": "1,234.5 kWh", "photo": [
        {"file_id": "PHOTO-1", "file_unique_id": "u", "width": 900, "height": 600, "file_size": 9},
    ]});
    let accepted = john.send(photo, "Reading accepted: 1,234.5").await;
    assert_eq!(accepted.text, "Reading accepted: 1,234.5. 87.5\u{a0}kWh since the first reading.");
    let meter = world.meters(1002).await.remove(0);
    assert_eq!(meter.last_values[&Zone::T1], Quantity(1_234_500));
    assert_eq!(
        world.newest_reading(meter.id, 1, 0).await.photo,
        Some(PhotoReference::Telegram { bot: BOT.into(), file_id: "PHOTO-1".into() })
    );
    john.say("/history", "reading 1,234.5").await;
    john.say("/language", "Which language").await;
    john.press("Русский", "Теперь говорим по-русски").await;
    let account = world.account(1002).await.unwrap();
    assert_eq!(account.language, kontor_domain::Language::Ru);
    john.say("/help", "Это бот «Горводоканал»").await;
    bots.stop().await;
}

/// Registers a meter with one reading in each of the last `months`, as an operator's import would.
async fn meter_with_history(world: &World, user_id: i64, consumption: &[i64]) -> Uuid {
    let meter_id = Uuid::now_v7();
    let address = (&world.tenant, "meter", meter_id);
    let first = clock::now().checked_sub_months(Months::new(24)).unwrap();
    let register = MeterCommand::Register(Register {
        account_id: telegram_account_id(&world.tenant, user_id),
        kind: MeterKind::Electricity,
        zones: 1,
        digits: 5,
        serial_number: "E-77".into(),
        place: "гараж".into(),
        verification_due_on: None,
        initial_values_milli: [(Zone::T1, Quantity(1_000_000))].into(),
    });
    world.command(address, &register, first).await;
    let mut value = 1_000_000;
    for (index, amount) in consumption.iter().enumerate() {
        value += amount * 1000;
        let back = u32::try_from(consumption.len() - index).unwrap();
        let at = clock::now().checked_sub_months(Months::new(back)).unwrap();
        let submit = MeterCommand::SubmitReading(SubmitReading {
            reading_id: Uuid::now_v7(),
            values_milli: [(Zone::T1, Quantity(value))].into(),
            taken_on: None,
            source: ReadingSource::Import,
            confirmed: true,
            photo: None,
        });
        world.command(address, &submit, at).await;
    }
    // Two followers build what the bot reads, the list of meters and the history; either may be behind.
    until("the meter and its history are known", || async {
        let listed = world.meters(user_id).await.into_iter().find(|meter| meter.id == meter_id)?;
        let current = listed.last_values.get(&Zone::T1) == Some(&Quantity(value));
        (current && world.readings(meter_id).await.len() == consumption.len()).then_some(())
    })
    .await;
    meter_id
}

#[tokio::test]
async fn an_unusual_reading_is_asked_about_and_taken_when_it_is_confirmed() {
    let world = World::new().await;
    let bots = world.work();
    let oleg = world.person(1003, "Олег", "ru");
    oleg.register().await;
    let meter_id =
        meter_with_history(&world, 1003, &[90, 95, 100, 95, 92, 98, 94, 96, 95, 95]).await;

    // 950 so far: 1 950 is the last value.
    oleg.say("1850", "Прошлый раз было 1\u{a0}950,0, а сейчас 1\u{a0}850,0").await;
    oleg.say("2950", "больше обычного").await;
    oleg.press("Исправить", "Сколько сейчас?").await;
    let asked = oleg.say("2350", "больше обычного").await;
    assert!(asked.text.contains("400\u{a0}кВт·ч вместо"), "{}", asked.text);
    let accepted = oleg.press("Да, верно", "Показания приняты: 2\u{a0}350,0").await;
    assert!(
        accepted.text.contains("За месяц 400\u{a0}кВт·ч — больше обычного"),
        "{}",
        accepted.text
    );
    let reading = world.newest_reading(meter_id, 11, 0).await;
    assert!(reading.confirmed);

    oleg.press("История", "показания 2\u{a0}350,0").await;
    bots.stop().await;
}

#[tokio::test]
async fn the_history_is_paged_in_place_below_a_picture_of_the_months() {
    let world = World::new().await;
    let bots = world.work();
    let oleg = world.person(1003, "Олег", "ru");
    oleg.register().await;
    meter_with_history(&world, 1003, &[90, 95, 100, 95, 92, 98, 94, 96, 95, 95]).await;

    let list = oleg.say("История", "показания 1\u{a0}950,0").await;
    let picture = oleg.seen().into_iter().find_map(|seen| seen.picture).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    assert_eq!(list.buttons.len(), 1, "the first page leads to older ones only");
    let older = oleg.press("Раньше", "показания 1\u{a0}090,0").await;
    assert_eq!(older.id, list.id, "the page changes in place");
    let newer = oleg.press("Новее", "показания 1\u{a0}950,0").await;
    assert_eq!(newer.id, list.id);
    assert_eq!(world.telegram.calls("sendPhoto").len(), 1);
    bots.stop().await;
}

#[tokio::test]
async fn with_several_meters_the_bot_asks_which_one_is_meant() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.add_water_meter("10").await;
    meter_with_history(&world, 1001, &[95, 95]).await;

    anna.say("12,5", "Вижу 12,5. Какой это счётчик?").await;
    let accepted = anna.press("Холодная вода", "Показания приняты: 12,5").await;
    assert!(accepted.text.starts_with("💧 Холодная вода"), "{}", accepted.text);
    anna.say("Передать показания", "Какой счётчик?").await;
    anna.press("гараж", "прошлый раз было 1\u{a0}190,0").await;
    anna.press("Назад", "Какой счётчик?").await;
    anna.press("Отмена", "Показания не отправлены").await;
    anna.say("История", "Историю какого счётчика").await;
    anna.press("Холодная вода", "показания 12,5").await;
    bots.stop().await;
}

#[tokio::test]
async fn outside_the_window_the_next_one_is_named_with_its_day() {
    let moscow = kontor_commands::clock::now() + Duration::hours(3);
    // A window of one day that is neither today nor a neighbour of today.
    let day = if moscow.day() > 14 { 5 } else { 25 };
    let rules = MeterRules { window_first_day: day, window_last_day: day, ..MeterRules::default() };
    let world = World::with_rules(rules).await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.add_water_meter("10").await;
    let refused = anna.say("11", &format!("Показания принимаем с {day} по {day} число")).await;
    assert!(refused.text.contains(&format!("Следующий приём откроется {day}\u{a0}")));
    bots.stop().await;
}

#[tokio::test]
async fn the_telephone_number_is_taken_from_its_owner_alone_and_consent_can_be_withdrawn() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.say("Настройки", "Телефон не указан").await;
    let asked = anna.press("Указать телефон", "Нажмите кнопку внизу").await;
    assert_eq!(asked.markup["keyboard"][0][0]["request_contact"], true);
    let contact = |user_id: i64| json!({"contact": {"phone_number": "+7 916 123-45-67", "first_name": "X", "user_id": user_id}});
    anna.send(contact(5), "Это не ваш номер").await;
    assert_eq!(world.account(1001).await.unwrap().phone, None);
    anna.send(contact(1001), "Номер сохранён").await;
    assert_eq!(world.account(1001).await.unwrap().phone.unwrap().as_str(), "+79161234567");
    let settings = anna.say("Настройки", "Телефон: •••").await;
    assert!(!settings.text.contains("916"), "the number is veiled");

    anna.press("Отозвать согласие", "Отозвать согласие?").await;
    anna.press("Да, отозвать", "Согласие отозвано").await;
    anna.say("1234", "Сначала нужно ваше согласие").await;
    anna.press("Даю согласие", "Спасибо").await;
    assert!(world.account(1001).await.unwrap().consent.is_some());
    bots.stop().await;
}
