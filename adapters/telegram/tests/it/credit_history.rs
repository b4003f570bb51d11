//! The history of credits: what was bought, how the month goes, and the same as a file.

use kontor_commands::clock;
use serde_json::json;

use crate::{payments::Shop, world::until};

#[tokio::test]
async fn the_history_names_what_was_bought_and_comes_as_a_file() {
    let shop = Shop::open().await;
    let bots = shop.world.work();
    let anna = shop.welcome(1001).await;
    let quiet = anna.say("/history", "подарено 3").await;
    assert!(!quiet.text.contains("В этом месяце"), "nothing happened yet: {}", quiet.text);
    let payload = anna.buy_25().await;
    shop.payment(&payload).await;
    shop.spend(1001, 5).await;
    let history = anna.say("/history", "Сейчас 23 кредита").await;
    let text = plain(&history.text);
    for part in [
        "куплено «25 сообщений» за 250 ⭐, +25 кредитов, осталось 28",
        "начислено +3 кредита, осталось 3",
        "В этом месяце: куплено 25, потрачено 5, в среднем 5 в день.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let sent = anna.press("Файлом", "Ваша история кредитов: 4 строки.").await;
    let table = String::from_utf8(sent.picture.unwrap()).unwrap();
    let lines: Vec<&str> = table.trim_start_matches('\u{feff}').lines().collect();
    assert!(table.starts_with('\u{feff}'), "Excel must read it as UTF-8");
    assert_eq!(lines[0], "Дата;Время;Что;Кредиты;Сообщения;Осталось");
    assert_eq!(lines.len(), 5, "{table}");
    assert!(lines[1].contains(";-5;5;23"), "the newest first: {table}");
    let bought = ";\"куплено «25 сообщений» за 250 ⭐, +25 кредитов\";25;0;28";
    assert!(lines[2].ends_with(bought), "{table}");
    let call = shop.world.telegram.calls("sendDocument").remove(0);
    let name = call.parameters["file_name"].as_str().unwrap();
    assert!(name.starts_with("credits-20") && name.ends_with(".csv"), "{name}");

    // What it is called follows the staff, what was paid does not.
    let product = shop.payment(&payload).await.product.product_id;
    let address = (&shop.world.tenant, "product", product);
    let renamed = json!({"type": "change", "name": {"ru": "=Четверть сотни", "en": "25"}});
    shop.world.command(address, &renamed, clock::now()).await;
    until("the new name", || async {
        let sent = anna.press("Файлом", "Ваша история кредитов").await;
        let table = String::from_utf8(sent.picture.unwrap()).unwrap();
        table.contains("куплено «=Четверть сотни» за 250 ⭐").then_some(())
    })
    .await;

    let john = shop.world.person(1002, "John", "en");
    john.say("/start", "your consent").await;
    john.press("I agree", "3 credits as a gift").await;
    john.say("/history", "3 credits added").await;
    let sent = john.press("As a file", "Your history of credits: 2 lines.").await;
    let table = String::from_utf8(sent.picture.unwrap()).unwrap();
    assert!(table.contains("Date,Time,What,Credits,Messages,Left\r\n"), "{table}");
    assert!(!table.contains("25"), "of another customer there is nothing: {table}");
    bots.stop().await;
}

/// A text with plain spaces and signs.
fn plain(text: &str) -> String {
    text.replace('\u{a0}', " ").replace('−', "-")
}
