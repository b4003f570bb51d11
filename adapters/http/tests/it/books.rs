//! The books over HTTP, and the key of an accountant.

use kontor_http::keys::Role;
use serde_json::{Value, json};

use crate::{
    operations::{ORIGIN, form, page},
    support::{Answer, World, key},
};

struct Town {
    world: World,
    accountant: String,
    ledger: String,
    last: Answer,
}

impl Town {
    /// One customer: 3 credits of welcome, 25 bought for 499.00 RUB, 4 spent of them and the welcome.
    async fn new() -> Self {
        let world = World::new().await;
        let accountant = key(&world.pool, Some("moscow"), Role::Accountant).await;
        let ledger = world.ledger().await;
        let path = format!("/v1/ledgers/{ledger}");
        let bought = json!({
            "source": "purchase", "credits": 25,
            "payment": {
                "payment_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d", "provider": "manual",
                "price": {"amount_minor": 49_900, "currency": "RUB"},
            },
        });
        let bought = world.post(&world.operator, &format!("{path}/grants"), bought).await;
        assert_eq!(bought.status, 201, "{bought}");
        let spends = format!("{path}/spends");
        let last = world.post(&world.operator, &spends, json!({"messages": 4})).await;
        assert_eq!(last.status, 201, "{last}");
        Self { world, accountant, ledger, last }
    }

    async fn read(&self, address: &str) -> Value {
        let answer = self.world.read(&self.accountant, address, &self.last).await;
        assert_eq!(answer.status, 200, "{address}: {answer}");
        answer.json()
    }

    async fn table(&self, address: &str) -> Answer {
        self.read("/v1/books/accounts").await;
        let accept = [("accept", "text/html, Text/CSV; q=0.9")];
        self.world.send(&self.accountant, ("GET", address), &accept, None).await
    }
}

fn row<'a>(rows: &'a Value, account: &str, unit: &str) -> &'a Value {
    let rows = rows.as_array().unwrap().iter();
    let mut found = rows.filter(|row| row["account"] == account && row["unit"] == unit);
    found.next().unwrap_or_else(|| panic!("no {account} in {unit}"))
}

#[tokio::test]
async fn the_trial_balance_shows_each_account_and_adds_up_in_each_unit() {
    let town = Town::new().await;
    let shown = town.read("/v1/books/trial-balance").await;
    assert_eq!(shown["time_zone"], "Europe/Moscow");
    assert_eq!(
        (&shown["effective_before"], &shown["recorded_before"]),
        (&Value::Null, &Value::Null)
    );
    let money = row(&shown["rows"], "assets:clearing:manual", "RUB");
    assert_eq!((&money["debits"], &money["balance"]), (&json!("499.00"), &json!("499.00")));
    assert_eq!(money["about"], "Money that the staff took");
    let sold = row(&shown["rows"], "equity:issued:paid", "CR");
    assert_eq!(sold["balance"], "25");
    for sum in shown["sums"].as_array().unwrap() {
        assert_eq!(sum["debits"], sum["credits"], "{sum}");
    }
    let units: Vec<&str> =
        shown["sums"].as_array().unwrap().iter().map(|sum| sum["unit"].as_str().unwrap()).collect();
    assert_eq!(units, ["CR", "RUB"]);

    for past in ["effective_before=2020-01-01", "recorded_before=2020-01-01T00:00:00%2B03:00"] {
        let empty = town.read(&format!("/v1/books/trial-balance?{past}")).await;
        assert_eq!((&empty["rows"], &empty["sums"]), (&json!([]), &json!([])), "{past}");
    }
    let day = town.read("/v1/books/trial-balance?effective_before=2099-01-01").await;
    assert_eq!(day["effective_before"], "2098-12-31T21:00:00Z", "a day of the tenant's calendar");
    assert_eq!(day["rows"], shown["rows"]);
    assert_eq!(shown["rows"].as_array().unwrap().len(), 8, "{shown}");
}

#[tokio::test]
async fn the_chart_lists_every_account_with_its_balances() {
    let town = Town::new().await;
    let chart = town.read("/v1/books/accounts").await;
    assert_eq!(chart.as_array().unwrap().len(), 27);
    let of = |name: &str| {
        chart.as_array().unwrap().iter().find(|row| row["account"] == name).unwrap().clone()
    };
    assert_eq!(of("liabilities:deferred_revenue")["is_divided"], true);
    let left = of("equity:consumed");
    assert_eq!(left["balances"], json!([{"unit": "CR", "balance": "-4"}]));
    assert_eq!(of("expenses:bad_debt")["balances"], json!([]));
}

#[tokio::test]
async fn statements_open_move_and_close_page_by_page() {
    let town = Town::new().await;
    let of_ledger = format!("/v1/ledgers/{}/statement", town.ledger);
    let whole = town.read(&format!("{of_ledger}?limit=200")).await;
    assert_eq!(whole["next_cursor"], Value::Null);
    let lines = whole["items"].as_array().unwrap();
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = town.read(&format!("{of_ledger}?limit=3{cursor}")).await;
        assert_eq!(page["turnovers"], whole["turnovers"]);
        paged.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(&paged, lines);
    let money = row(&whole["turnovers"], "assets:clearing:manual", "RUB");
    assert_eq!((&money["opening"], &money["closing"]), (&json!("0.00"), &json!("499.00")));

    let account = "/v1/books/accounts/equity:consumed/statement";
    let spent = town.read(account).await;
    let last = spent["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["kind"], &last["balance"]), (&json!("spent"), &json!("-4")));
    assert_eq!(last["ledger_id"], town.ledger.as_str());
    let later = town.read(&format!("{account}?from=2099-01-01&to=2099-01-31")).await;
    assert_eq!(
        (&later["from"], &later["to"]),
        (&json!("2098-12-31T21:00:00Z"), &json!("2099-01-31T21:00:00Z"),)
    );
    assert_eq!(later["items"], json!([]));
    let carried = row(&later["turnovers"], "equity:consumed", "CR");
    assert_eq!((&carried["opening"], &carried["credits"]), (&json!("-4"), &json!("0")));
    let unmoved = town.read("/v1/books/accounts/expenses:bad_debt/statement").await;
    assert_eq!((&unmoved["turnovers"], &unmoved["items"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn tables_are_given_to_whoever_accepts_them() {
    let town = Town::new().await;
    let balance = town.table("/v1/books/trial-balance").await;
    assert_eq!(balance.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(balance.header("vary"), "accept");
    let text = balance.text.trim_start_matches('\u{feff}');
    assert!(text.starts_with("account,about,unit,debits,credits,balance\r\n"), "{text}");
    assert!(
        text.contains("assets:clearing:manual,Money that the staff took,RUB,499.00,0.00,499.00")
    );

    let lines = town.table(&format!("/v1/ledgers/{}/statement?limit=1", town.ledger)).await;
    let rows: Vec<&str> = lines.text.lines().collect();
    let whole = town.read(&format!("/v1/ledgers/{}/statement?limit=200", town.ledger)).await;
    let moved = whole["items"].as_array().unwrap().len();
    let edges = whole["turnovers"].as_array().unwrap().len();
    assert_eq!(rows.len(), 1 + edges + moved + edges, "{}", lines.text);
    assert!(rows[1].starts_with(",,,,opening,,"), "{}", rows[1]);
    assert!(rows.last().unwrap().starts_with(",,,,closing,,"), "{}", lines.text);
    let wrong = town.table("/v1/books/accounts/equity:consumed/statement?from=soon").await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (400, "parameter_invalid".to_owned()));
}

#[tokio::test]
async fn each_wrong_parameter_is_named() {
    let town = Town::new().await;
    let statement = "/v1/books/accounts/equity:consumed/statement";
    let trial = "/v1/books/trial-balance";
    for (address, parameter) in [
        (format!("{trial}?effective_before=yesterday"), "effective_before"),
        (format!("{trial}?effective_before="), "effective_before"),
        (format!("{trial}?recorded_before=2026-02-30"), "recorded_before"),
        (format!("/v1/books/accounts?recorded_before={}", "9".repeat(2_000)), "recorded_before"),
        (format!("{statement}?from=%D0%B2%D1%87%D0%B5%D1%80%D0%B0"), "from"),
        (format!("{statement}?to=2026-13-01"), "to"),
        (format!("{statement}?from=2026-02-01&to=2026-01-01"), "to"),
        (format!("{statement}?cursor=abc"), "cursor"),
        (format!("{statement}?cursor=YgAAAAAAAAAB"), "cursor"),
        (format!("{statement}?limit=0"), "limit"),
        (format!("{trial}?min_position=-1"), "min_position"),
    ] {
        let answer = town.world.get(&town.accountant, &address).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "parameter_invalid".to_owned()));
        assert_eq!(answer.json()["errors"][0]["parameter"], parameter, "{address}");
    }
    for name in ["income", "Income:Messages", "%D0%B4%D0%BE%D1%85%D0%BE%D0%B4%D1%8B"] {
        let answer =
            town.world.get(&town.accountant, &format!("/v1/books/accounts/{name}/statement")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "account_unknown".to_owned()));
    }
}

#[tokio::test]
async fn another_tenants_books_are_not_seen() {
    let town = Town::new().await;
    town.read("/v1/books/trial-balance").await;
    let stranger = key(&town.world.pool, Some("salon"), Role::Accountant).await;
    let empty = town.world.get(&stranger, "/v1/books/trial-balance").await;
    assert_eq!((empty.status.as_u16(), &empty.json()["rows"]), (200, &json!([])));
    let statement = format!("/v1/ledgers/{}/statement", town.ledger);
    let hidden = town.world.get(&stranger, &statement).await;
    assert_eq!((hidden.status.as_u16(), hidden.code()), (404, "ledger_unknown".to_owned()));
    let named = town.world.get(&stranger, "/v1/books/trial-balance?tenant=moscow").await;
    assert_eq!((named.status.as_u16(), named.code()), (403, "tenant_not_yours".to_owned()));
    let platform = key(&town.world.pool, None, Role::Accountant).await;
    let unknown = town.world.get(&platform, "/v1/books/trial-balance?tenant=nobody").await;
    assert_eq!((unknown.status.as_u16(), unknown.code()), (404, "tenant_unknown".to_owned()));
    let all = town.world.get(&platform, "/v1/books/trial-balance?tenant=moscow").await;
    assert_eq!(all.status, 200, "{all}");
}

/// What accountants may read. All else is closed to them, also what is added later.
const OPEN: [&str; 20] = [
    "/v1/books/accounts",
    "/v1/books/accounts/{account}/statement",
    "/v1/books/trial-balance",
    "/v1/ledgers/{id}",
    "/v1/ledgers/{id}/entries",
    "/v1/ledgers/{id}/history",
    "/v1/ledgers/{id}/statement",
    "/v1/payments",
    "/v1/payments/{id}",
    "/v1/periods",
    "/v1/periods/{month}",
    "/v1/periods/{month}/draft",
    "/v1/periods/{month}/late-entries",
    "/v1/periods/{month}/report",
    "/v1/reconciliation",
    "/v1/reconciliation/days",
    "/v1/reconciliation/differences",
    "/v1/reconciliation/differences/{id}",
    "/v1/reconciliation/payouts",
    "/v1/reconciliation/statements",
];

/// Below this accountants give commands, too.
const WORK: [&str; 2] = ["/v1/periods/", "/v1/reconciliation/"];

#[tokio::test]
async fn an_accountants_key_reads_books_and_settles_differences_and_opens_nothing_else() {
    let town = Town::new().await;
    let document = serde_json::to_value(kontor_http::document()).unwrap();
    let platform = key(&town.world.pool, None, Role::Accountant).await;
    let mut turned_away = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let address = path
                .replace("{account}", "equity:consumed")
                .replace("{month}", "2026-11")
                .replace("{tenant}", "moscow")
                .replace("{id}", &town.ledger);
            let address = address.replace(['{', '}'], "");
            let target = (method.to_uppercase(), address);
            let target = (target.0.as_str(), target.1.as_str());
            let answer = town.world.send(&town.accountant, target, &[], None).await;
            if OPEN.contains(&path.as_str()) && method == "get" {
                // There is no such payment, and whoever may not ask is told nothing of that.
                let is_unknown = ["payments/{id}", "differences/{id}", "{month}", "{month}/report"];
                let status =
                    if is_unknown.iter().any(|end| path.ends_with(end)) { 404 } else { 200 };
                assert_eq!(answer.status, status, "{method} {path}: {answer}");
                continue;
            }
            if WORK.iter().any(|work| path.starts_with(work)) && method == "post" {
                assert_ne!(answer.status, 403, "{method} {path}: {answer}");
                let reader = town.world.send(&town.world.reader, target, &[], None).await;
                assert_eq!(reader.code(), "role_insufficient", "{method} {path}: {reader}");
                continue;
            }
            let code = answer.code();
            let refused = ["role_insufficient", "platform_key_needed"].contains(&code.as_str());
            assert!(answer.status == 403 && refused, "{method} {path}: {answer}");
            turned_away += 1;
        }
    }
    assert!(turned_away > 30, "{turned_away}");
    for address in ["/v1/status", "/v1/tenants"] {
        let answer = town.world.get(&platform, address).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "role_insufficient".to_owned()));
    }
    assert!(town.world.denied().await.len() > 30);
}

/// Logs in and returns the cookie, and where it led.
async fn enter(world: &World, key: &str, next: &str) -> (String, String) {
    let body = format!("key={key}&next={next}");
    let answer = form(world, "/login", ("", ORIGIN), body).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    (cookie, answer.header("location").to_owned())
}

#[tokio::test]
async fn an_accountant_logs_in_to_the_books_and_to_nothing_else() {
    let town = Town::new().await;
    let world = &town.world;
    town.read("/v1/books/accounts").await;
    let (cookie, led_to) = enter(world, &town.accountant, "/admin/operations/actions").await;
    assert_eq!(led_to, "/admin/books");
    let (_, led_to) =
        enter(world, &town.accountant, "/admin/books?recorded_before=2026-12-01").await;
    assert_eq!(led_to, "/admin/books?recorded_before=2026-12-01");
    let (_, led_to) = enter(world, &world.operator, "/admin/books").await;
    assert_eq!(led_to, "/admin/books");

    let home = page(world, &cookie, "/admin").await;
    assert_eq!(home.header("location"), "/admin/books");
    assert!(world.denied().await.is_empty());
    let closed = [
        "/admin/operations",
        "/admin/operations/processes",
        "/admin/operations/dead-letters",
        "/admin/operations/dead-letters.csv",
        "/admin/operations/why?id=1",
        "/admin/operations/actions",
        "/admin/operations/processes",
    ];
    for address in closed {
        let answer = page(world, &cookie, address).await;
        assert_eq!(answer.status, 403, "{address}");
        assert!(answer.text.contains("this page is for operators"), "{}", answer.text);
    }
    let streams = format!("/admin/operations/streams/{}", town.ledger);
    assert_eq!(page(world, &cookie, &streams).await.status, 403);
    let personal = format!("{streams}/personal");
    for address in ["/admin/operations/dead-letters/command:1/skip", &personal] {
        let answer = form(world, address, (&cookie, ORIGIN), String::new()).await;
        assert_eq!(answer.status, 403, "{address}");
    }
    assert!(world.denied().await.iter().all(|reason| reason == "role_insufficient"));
    let out = form(world, "/logout", (&cookie, ORIGIN), String::new()).await;
    assert_eq!(out.header("location"), "/login");
    let gone = page(world, &cookie, "/admin/books").await;
    assert_eq!(gone.header("location"), "/login?next=/admin/books");
    assert_eq!(page(world, "", "/admin/books/bookings/1").await.status, 303);
}

#[tokio::test]
async fn the_pages_lead_from_the_trial_balance_to_the_cause_of_a_booking() {
    let town = Town::new().await;
    let world = &town.world;
    let spent = town.read("/v1/books/accounts/equity:consumed/statement").await;
    let position = &spent["items"][0]["position"];
    let (cookie, _) = enter(world, &town.accountant, "/admin/books").await;
    let trial = page(world, &cookie, "/admin/books?effective_before=&recorded_before=").await;
    assert_eq!(trial.status, 200, "{}", trial.text);
    for part in ["equity:consumed", "499.00", "debits and credits are even", "as known now"] {
        assert!(trial.text.contains(part), "{part} in {}", trial.text);
    }
    assert!(!trial.text.contains("/admin/operations\""), "no way to the operations pages");
    let past = page(world, &cookie, "/admin/books?effective_before=2020-01-01").await;
    assert!(past.text.contains("Nothing was booked before then"), "{}", past.text);

    let account = "/admin/books/accounts/equity:consumed";
    let statement = page(world, &cookie, &format!("{account}?to=2099-01-01")).await;
    let link = format!("/admin/books/bookings/{position}?");
    assert!(statement.text.contains(&link), "{link} in {}", statement.text);
    assert!(statement.text.contains("value=\"2099-01-01\""), "{}", statement.text);
    let booking = page(world, &cookie, &link).await;
    for part in ["equity:consumed", "What led to it", "messages", "api_key:", "spend id"] {
        assert!(booking.text.contains(part), "{part} in {}", booking.text);
    }
    let ledger = page(world, &cookie, &format!("/admin/books/ledgers/{}", town.ledger)).await;
    assert!(ledger.text.contains("liabilities:deferred_revenue"), "{}", ledger.text);
    let table = page(world, &cookie, &format!("{account}/statement.csv?from=&to=")).await;
    assert!(table.text.contains("closing,,equity:consumed,CR"), "{}", table.text);
    let table = page(world, &cookie, "/admin/books/trial-balance.csv").await;
    assert!(table.text.contains("equity:consumed"), "{}", table.text);

    for (address, status, word) in [
        ("/admin/books?effective_before=soon", 400, "effective_before"),
        ("/admin/books?tenant=salon", 403, "opens no other"),
        ("/admin/books/accounts/income", 404, "no account of this name"),
        ("/admin/books/bookings/1", 404, "no such booking"),
        ("/admin/books/bookings/x", 404, "no such booking"),
        ("/admin/books/ledgers/0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d", 404, "no such ledger"),
    ] {
        let answer = page(world, &cookie, address).await;
        assert_eq!(answer.status.as_u16(), status, "{address}: {}", answer.text);
        assert!(answer.text.contains(word) && answer.text.contains("<html"), "{}", answer.text);
    }
    let (stranger, _) = enter(world, &world.stranger, "/admin/books").await;
    assert_eq!(page(world, &stranger, &link).await.status, 404, "another tenant's booking");
}

#[tokio::test]
async fn a_key_of_the_platform_chooses_whose_books_it_reads() {
    let town = Town::new().await;
    let world = &town.world;
    town.read("/v1/books/accounts").await;
    let (cookie, _) = enter(world, &world.admin, "/admin/books").await;
    let choice = page(world, &cookie, "/admin/books").await;
    assert!(choice.text.contains("/admin/books?tenant=moscow"), "{}", choice.text);
    let trial = page(world, &cookie, "/admin/books?tenant=moscow").await;
    let link = "/admin/books/accounts/equity:consumed?tenant=moscow&";
    assert!(trial.text.contains(link), "{}", trial.text);
    assert!(trial.text.contains("name=\"tenant\" value=\"moscow\""), "{}", trial.text);
    let unknown = page(world, &cookie, "/admin/books?tenant=nobody").await;
    assert_eq!(unknown.status, 404);
}
