use std::fmt::Write;

use chrono_tz::{Europe::Moscow, Tz, UTC};
use kontor_domain::{
    credit_ledger::PaymentProvider,
    provider_statement::{LINES_AT_ONCE_MAX, LineKind, StatementLine, StatementSource},
};
use kontor_statements::{Statement, read};

pub(crate) const STRIPE: &str = "\
balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,description,payment_intent_id,automatic_payout_id
txn_1,2026-11-20 10:00:00,usd,5.00,0.45,4.55,charge,ch_1,\"Anna, 25 credits\",pi_1,po_1
txn_2,2026-11-21 10:00:00,usd,-5.00,0.00,-5.00,refund,re_1,,pi_1,
txn_3,2026-11-22 00:00:00,usd,-4.55,0.00,-4.55,payout,po_1,STRIPE PAYOUT,,po_1
txn_4,2026-12-01 00:00:00,usd,-2.00,0,-2,fee,,Radar,,
txn_5,2026-12-01 00:00:00,usd,1.00,0,1.00,topup,tu_1,,,
";

pub(crate) fn read_in(source: StatementSource, text: &str, zone: Tz) -> Vec<StatementLine> {
    read(source, "file.csv", text.as_bytes(), zone).unwrap().lines
}

fn figures(lines: &[StatementLine]) -> Vec<(LineKind, &str, i64, i64, i64)> {
    let figures = |it: &StatementLine| (it.amount_minor, it.fee_minor, it.net_minor);
    lines
        .iter()
        .map(|it| (it.kind, figures(it)))
        .zip(lines)
        .map(|((kind, (amount, fee, net)), it)| (kind, it.external_id.as_str(), amount, fee, net))
        .collect()
}

#[test]
fn stripes_balance_transactions_are_read_with_fee_net_and_payout() {
    let lines = read_in(StatementSource::Stripe, STRIPE, UTC);
    assert_eq!(
        figures(&lines),
        [
            (LineKind::Charge, "txn_1", 500, 45, 455),
            (LineKind::Refund, "txn_2", -500, 0, -500),
            (LineKind::Payout, "txn_3", -455, 0, -455),
            (LineKind::Fee, "txn_4", -200, 0, -200),
            (LineKind::Other, "txn_5", 100, 0, 100),
        ]
    );
    assert!(lines[0].references.iter().eq(["ch_1", "pi_1"]));
    assert_eq!((lines[0].payout_ref.as_deref(), &lines[1].payout_ref), (Some("po_1"), &None));
    // The dashboard calls the columns otherwise, and a program of tables writes semicolons.
    let dashboard = "id;Type;Source;Amount;Fee;Net;Currency;Created (UTC);Transfer\n\
                     txn_1;charge;ch_1;5,00;0,45;4,55;USD;2026-11-20 10:00;po_1\n";
    let again = read_in(StatementSource::Stripe, &format!("\u{feff}{dashboard}"), UTC);
    assert_eq!(figures(&again), figures(&lines[..1]));
    assert_eq!(again[0].at, lines[0].at);
}

#[test]
fn yookassas_registries_are_read_in_moscow_time() {
    let payments = "Идентификатор платежа;Сумма платежа;Валюта платежа;Сумма к перечислению;Дата платежа\n\
                    2c5d-1;1 499,00;RUB;1446,54;01.11.2026 00:30:00\n";
    let lines = read_in(StatementSource::Yookassa, payments, UTC);
    assert_eq!(figures(&lines), [(LineKind::Charge, "2c5d-1", 149_900, 5_246, 144_654)]);
    assert_eq!(
        lines[0].at,
        "2026-10-31T21:30:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap()
    );
    let refunds = "Идентификатор возврата;Идентификатор платежа;Сумма возврата;Валюта;Дата возврата\n\
                   2c5d-r;2c5d-1;1499.00;RUB;2026-11-02 12:00:00\n";
    let lines = read_in(StatementSource::Yookassa, refunds, UTC);
    assert_eq!(figures(&lines), [(LineKind::Refund, "2c5d-r", -149_900, 0, -149_900)]);
    assert!(lines[0].references.iter().eq(["2c5d-1", "2c5d-r"]));
}

#[test]
fn a_workbook_says_the_same_as_the_table_that_it_was_made_of() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    let names = ["Идентификатор платежа", "Сумма платежа", "Комиссия", "Валюта", "Дата платежа"];
    for (column, name) in (0..).zip(names) {
        sheet.write(0, column, name).unwrap();
    }
    sheet.write(1, 0, "2c5d-1").unwrap();
    sheet.write(1, 1, 1499.1).unwrap();
    sheet.write(1, 2, 52.47).unwrap();
    sheet.write(1, 3, "RUB").unwrap();
    let at =
        rust_xlsxwriter::ExcelDateTime::from_ymd(2026, 11, 20).unwrap().and_hms(13, 5, 0).unwrap();
    let format = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
    sheet.write_datetime_with_format(1, 4, at, &format).unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let read = read(StatementSource::Yookassa, "ноябрь.xlsx", &bytes, UTC).unwrap();
    let table = "Идентификатор платежа,Сумма платежа,Комиссия,Валюта,Дата платежа\n\
                 2c5d-1,1499.1,52.47,RUB,2026-11-20 13:05:00\n";
    assert_eq!(read.lines, read_in(StatementSource::Yookassa, table, UTC));
    assert_eq!(read.lines[0].net_minor, 144_663);
}

#[test]
fn stars_are_read_as_the_bot_api_answers_and_as_a_table() {
    let list = r#"[{"id":"stx_1","amount":250,"date":1795168800,"source":{"type":"user","user":{"id":7,"first_name":"Анна"}}},
        {"id":"stx_1","amount":250,"date":1795168900,"receiver":{"type":"user"}},
        {"id":"w_1","amount":1000,"date":1795169000,"receiver":{"type":"fragment"}},
        {"id":"ad_1","amount":5,"date":1795169000,"receiver":{"type":"telegram_ads"}}]"#;
    let expected = [
        (LineKind::Charge, "stx_1", 250, 0, 250),
        (LineKind::Refund, "stx_1", -250, 0, -250),
        (LineKind::Payout, "w_1", -1000, 0, -1000),
        (LineKind::Other, "ad_1", -5, 0, -5),
    ];
    let inner = format!(r#"{{"transactions":{list}}}"#);
    let whole = format!(r#" {{"ok":true,"result":{inner}}}"#);
    for text in [list, &inner, &whole] {
        let lines = read_in(StatementSource::TelegramStars, text, UTC);
        assert_eq!(figures(&lines), expected);
    }
    let table = "id,date,amount,kind\nstx_1,2026-11-20 10:00:00,250,charge\n\
                 stx_1,2026-11-20 10:01:40,250,refund\nw_1,2026-11-20T10:03:20Z,1000,payout\n";
    let lines = read_in(StatementSource::TelegramStars, table, UTC);
    assert_eq!(figures(&lines), expected[..3]);
}

#[test]
fn of_a_banks_lines_only_what_providers_sent_is_taken_and_no_text() {
    let text = "Номер документа;Дата;Сумма;Валюта;Плательщик;Назначение платежа\n\
                17;21.11.2026;1446,54;RUB;ООО НКО «ЮМани»;Перевод по реестру\n\
                18;21.11.2026;90000;RUB;Иванова Анна Петровна;Аренда\n\
                19;21.11.2026;-500,00;RUB;Stripe Technology;Возврат\n\
                20;24.11.2026;4.55;USD;STRIPE PAYMENTS;Payout po_1Ab for Anna\n";
    let statement = read(StatementSource::Bank, "bank.csv", text.as_bytes(), Moscow).unwrap();
    let Statement { lines, passed_by, file, .. } = &statement;
    assert_eq!((*passed_by, file.lines), (2, 4));
    assert_eq!(lines[0].from, Some(PaymentProvider::Yookassa));
    assert_eq!(
        (lines[1].from, lines[1].payout_ref.as_deref()),
        (Some(PaymentProvider::Stripe), Some("po_1Ab"))
    );
    assert_eq!(
        lines[0].at,
        "2026-11-20T21:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap()
    );
    let kept = format!("{lines:?}");
    assert!(!kept.contains("Анна") && !kept.contains("Anna"), "{kept}");
}

#[test]
fn lines_go_into_the_statements_of_their_months_in_parts_that_the_broker_takes() {
    let mut text = STRIPE.to_owned();
    for number in 0..LINES_AT_ONCE_MAX {
        writeln!(
            text,
            "txn_x{number},2026-11-20 10:00:00,usd,5.00,0.45,4.55,charge,ch_x{number},,,"
        )
        .unwrap();
    }
    let statement = read(StatementSource::Stripe, "a.csv", text.as_bytes(), UTC).unwrap();
    let commands = statement.commands(&"demo".parse().unwrap());
    let sizes: Vec<_> = commands.iter().map(|(_, record)| record.lines.len()).collect();
    assert_eq!(sizes, [LINES_AT_ONCE_MAX, 3, 2]);
    assert!(commands[0].0 == commands[1].0 && commands[1].0 != commands[2].0);
    assert_eq!(statement.file.sha256.len(), 64);
}
