use chrono_tz::UTC;
use kontor_domain::provider_statement::StatementSource as Source;
use kontor_statements::{BYTES_MAX, ImportError, LINES_MAX, read};
use proptest::prelude::*;

use crate::formats::STRIPE;

fn refused(source: Source, bytes: &[u8]) -> ImportError {
    read(source, "ноябрь.csv", bytes, UTC).unwrap_err()
}

#[test]
fn a_broken_line_is_named_by_file_line_column_and_reason() {
    for (right, wrong, line, column, reason) in [
        ("5.00,0.45", "5.0x,0.45", 2, "gross", "`5.0x` is no amount in USD"),
        ("5.00,0.45", "5.0001,0.45", 2, "gross", "is no amount in USD with up to 2 decimals"),
        ("5.00,0.45", "5.000,0.45", 2, "gross", "up to 2 decimals and no mark between thousands"),
        ("-5.00,0.00", "-5.00,", 3, "fee", "it is empty"),
        ("2026-11-21 10:00:00", "21 ноября", 3, "created_utc", "is no day or time"),
        ("00:00:00,usd,-4.55", "00:00:00,doge,-4.55", 4, "currency", "is no currency"),
        ("txn_4", "", 5, "balance_transaction_id", "it is empty"),
    ] {
        let text = STRIPE.replacen(right, wrong, 1);
        let error = refused(Source::Stripe, text.as_bytes());
        assert_eq!(error.file, "ноябрь.csv");
        assert_eq!((error.place.line, error.place.column.as_deref()), (Some(line), Some(column)));
        let said = error.to_string();
        assert!(
            said.contains(reason) && said.ends_with("nothing of this file was taken"),
            "{said}"
        );
    }
    let cells = format!("{STRIPE}txn_9,2026-11-20\n");
    let error = refused(Source::Stripe, cells.as_bytes());
    assert_eq!(error.place.line, Some(7));
    assert!(error.to_string().contains("it has 2 cells, and the first line names 11"), "{error}");
    let column = STRIPE.replacen("gross", "сумма", 1);
    let error = refused(Source::Stripe, column.as_bytes());
    assert!(
        error.to_string().contains("line 1, column `gross`: there is no such column"),
        "{error}"
    );
}

#[test]
fn a_quotation_mark_that_is_never_closed_swallows_no_lines() {
    let head = "id,date,amount,kind";
    let row = |id: &str| format!("stx_{id},2026-11-20,250,charge");
    let open = "stx_2,2026-11-20,250,\"charge";
    for (text, line) in [
        // The rest of the file is within the cell; the mark is in the last line, or in its last cell.
        (format!("{head}\n{}\n{open}\n{}\n{}\n", row("1"), row("3"), row("4")), 3),
        (format!("{head}\r\n{}\r\n{open}\r\n{}\r\n", row("1"), row("3")), 3),
        (format!("{head}\n{}\n{open}\n", row("1")), 3),
        (format!("{head}\n{}\n{open}", row("1")), 3),
        // Another mark further down closes it.
        (format!("{head}\n{}\n{open}\n{}\"\n{}\n", row("1"), row("3"), row("4")), 3),
        (format!("{head}\n\n\n{}\n\n{open}\n{}\n", row("1"), row("3")), 6),
        (format!("\"{head}\n{}\n", row("1")), 1),
    ] {
        let error = refused(Source::TelegramStars, text.as_bytes());
        assert_eq!(error.place.line, Some(line), "{text}: {error}");
        assert!(error.to_string().contains("close its quotation mark"), "{error}");
    }
    // Marks within one line are as good as ever, also without a line break at the end.
    let whole = format!("{head},note\n{},\"Анна, \"\"25\"\"\"\n{},\"\"", row("1"), row("2"));
    assert_eq!(read(Source::TelegramStars, "x", whole.as_bytes(), UTC).unwrap().lines.len(), 2);
}

#[test]
fn files_that_are_none_are_refused_in_words() {
    let huge = vec![b'a'; BYTES_MAX + 1];
    let mut many = "id,date,amount,kind\n".to_owned();
    many.push_str(&"stx,2026-11-20,250,charge\n".repeat(LINES_MAX + 1));
    for (bytes, source, reason) in [
        (&b""[..], Source::Stripe, "it is empty"),
        (b"\n\n", Source::Stripe, "it has no lines"),
        (b"id,date,amount,kind\n", Source::TelegramStars, "it has column names and no lines"),
        (&huge, Source::Bank, "larger than 32 MiB"),
        (many.as_bytes(), Source::TelegramStars, "more than 100000 lines"),
        (b"\xd0\xd1\xcf;1\n", Source::Yookassa, "this is no UTF-8"),
        (b"PK\x03\x04 not really", Source::Yookassa, "it begins as a workbook and is none"),
        (b"{\"transactions\": 7}", Source::TelegramStars, "no answer of getStarTransactions"),
        (
            b"[{\"id\":\"\",\"amount\":1,\"date\":1795168800,\"source\":{\"type\":\"user\"}}]",
            Source::TelegramStars,
            "transaction 1: an id has",
        ),
        (
            b"[{\"id\":\"a\",\"amount\":1,\"date\":0,\"source\":{\"type\":\"user\"}}]",
            Source::TelegramStars,
            "no instant",
        ),
        (
            b"[{\"id\":\"a\",\"amount\":1,\"date\":1795168800}]",
            Source::TelegramStars,
            "either a `source` or a `receiver`",
        ),
        (
            b"id,date,amount,kind\nstx,2026-11-20,250,gift\n",
            Source::TelegramStars,
            "one of charge, refund, payout",
        ),
        (
            "payment_id,amount,currency,created_at,fee\np,-5,RUB,2026-11-20,0\n".as_bytes(),
            Source::Yookassa,
            "more than 0",
        ),
        (
            b"payment_id,amount,currency,created_at\np,5,RUB,2026-11-20\n",
            Source::Yookassa,
            "there is no such column",
        ),
    ] {
        let error = refused(source, bytes).to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever stands in a file, it is read or refused in words.
    #[test]
    fn no_file_stops_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
        for source in Source::ALL {
            for bytes in [&bytes[..], text.as_bytes(), &[b"PK\x03\x04", &bytes[..]].concat()] {
                let _read = read(source, "x", bytes, UTC);
            }
            let under = format!("id,date,amount,kind,currency,provider,fee,net,source,payment_id\n{text}\n");
            let _read = read(source, "x", under.as_bytes(), UTC);
        }
    }
}
