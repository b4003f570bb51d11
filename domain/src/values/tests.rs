//! What texts become values, and what they look like on the wire.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn quantity(text: &str) -> Option<i64> {
    text.parse::<Quantity>().ok().map(Quantity::milli)
}

#[test]
fn a_quantity_is_read_as_people_write_it() {
    for (text, milli) in [
        ("0", 0),
        ("1234", 1_234_000),
        ("1234.5", 1_234_500),
        ("1234,567", 1_234_567),
        ("0001", 1_000),
        ("1 234,5", 1_234_500),
        ("1\u{a0}234\u{202f}567,5", 1_234_567_500),
        ("  12  ", 12_000),
        ("0.001", 1),
        ("0,010", 10),
        ("999999999999.999", 999_999_999_999_999),
    ] {
        assert_eq!(quantity(text), Some(milli), "{text:?}");
    }
    assert_eq!(quantity("999999999999.999"), Some(Quantity::MAX.milli()));
}

#[test]
fn a_quantity_is_not_guessed() {
    for text in [
        "",
        " ",
        ".",
        ",",
        "1.",
        ".5",
        "1.2345",
        "1.2.3",
        "1,234,567",
        "-1",
        "+1",
        "1e3",
        "0x10",
        "NaN",
        "inf",
        "двенадцать",
        "12 кВт",
        "١٢٣",
        "1²",
        "1234567890123",
        "1\u{0}",
        "１２",
    ] {
        assert_eq!(quantity(text), None, "{text:?}");
    }
    assert_eq!(quantity(&"9".repeat(1_000_000)), None);
    assert_eq!(quantity(&format!("1.{}", "0".repeat(1_000_000))), None);
    let error = "x".parse::<Quantity>().unwrap_err().to_string();
    assert_eq!(
        error,
        "a reading is a number with up to 12 digits and up to 3 decimals, such as 1234 or 1234.567"
    );
}

#[test]
fn a_quantity_is_written_as_the_shortest_decimal() {
    for (milli, text) in [
        (0, "0"),
        (1, "0.001"),
        (10, "0.01"),
        (1_000, "1"),
        (1_234_500, "1234.5"),
        (-1, "-0.001"),
        (-1_500, "-1.5"),
        (i64::MAX, "9223372036854775.807"),
        (i64::MIN, "-9223372036854775.808"),
    ] {
        assert_eq!(Quantity(milli).to_string(), text);
    }
}

#[test]
fn a_quantity_in_json_is_the_integer() {
    assert_eq!(serde_json::to_string(&Quantity(-1_500)).unwrap(), "-1500");
    assert_eq!(serde_json::from_str::<Quantity>("1500").unwrap(), Quantity(1_500));
    for json in ["1.5", "\"1500\"", "null", "9223372036854775808"] {
        assert!(serde_json::from_str::<Quantity>(json).is_err(), "{json}");
    }
}

proptest! {
    #[test]
    fn a_written_quantity_reads_back(milli in 0..=Quantity::MAX.milli()) {
        prop_assert_eq!(quantity(&Quantity(milli).to_string()), Some(milli));
    }

    #[test]
    fn no_text_makes_a_value_panic(text in any::<String>()) {
        if let Ok(quantity) = text.parse::<Quantity>() {
            prop_assert!((Quantity(0)..=Quantity::MAX).contains(&quantity));
        }
        if let Ok(phone) = text.parse::<Phone>() {
            prop_assert_eq!(phone.as_str().parse::<Phone>(), Ok(phone.clone()));
        }
        if let Ok(language) = text.parse::<Language>() {
            prop_assert_eq!(language.code(), text.as_str());
        }
        if let Ok(name) = text.parse::<DisplayName>() {
            prop_assert_eq!(name.as_str(), text.trim());
            let again: DisplayName = name.as_str().parse().unwrap();
            prop_assert_eq!(again, name);
        }
        if let Ok(id) = text.parse::<TenantId>() {
            prop_assert_eq!(id.as_str(), text);
        }
    }
}

#[test]
fn a_tenant_id_is_a_slug() {
    let longest = "a".repeat(40);
    for text in ["a", "demo_utility", "salon_1", "a__", longest.as_str()] {
        assert_eq!(text.parse::<TenantId>().unwrap().as_str(), text);
    }
    let too_long = "a".repeat(41);
    for text in [
        "",
        "1a",
        "_a",
        "A",
        "dEmo",
        "де",
        "a-b",
        "a.b",
        "a b",
        " a",
        "a\n",
        "a*",
        "a>",
        "a/..",
        "a\u{0}",
        "ａ",
        too_long.as_str(),
    ] {
        assert!(text.parse::<TenantId>().is_err(), "{text:?}");
    }
    assert!("a".repeat(10_000_000).parse::<TenantId>().is_err());
}

#[test]
fn a_tenant_id_keeps_its_stream_for_ever() {
    let id: TenantId = "demo_utility".parse().unwrap();
    let derived = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"kontor:tenant:demo_utility");
    assert_eq!(id.stream_id(), derived);
    assert_eq!(id.stream_id().to_string(), "3c8fcdb6-2702-501c-b540-43f47aa7107e");
    assert_ne!(id.stream_id(), "demo_utilities".parse::<TenantId>().unwrap().stream_id());
}

#[test]
fn a_display_name_has_one_to_eighty_characters() {
    let cyrillic = "Ж".repeat(80);
    for (text, name) in [
        ("Анна Петрова", "Анна Петрова"),
        ("  Анна\u{3000}", "Анна"),
        ("<b>Robert'); drop table events;--</b>", "<b>Robert'); drop table events;--</b>"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        (cyrillic.as_str(), cyrillic.as_str()),
    ] {
        assert_eq!(text.parse::<DisplayName>().unwrap().as_str(), name);
    }
    let too_long = "Ж".repeat(81);
    let huge = "Ж".repeat(1_000_000);
    for text in [
        "",
        "   ",
        "\u{3000}",
        "a\nb",
        "a\tb",
        "a\u{0}b",
        "a\u{1b}[31m",
        too_long.as_str(),
        huge.as_str(),
    ] {
        assert!(text.parse::<DisplayName>().is_err(), "{} characters", text.chars().count());
    }
}

#[test]
fn a_phone_is_kept_in_international_form() {
    for (text, phone) in [
        ("+79161234567", "+79161234567"),
        ("79161234567", "+79161234567"),
        ("+7 (916) 123-45-67", "+79161234567"),
        ("+1.555.010.9999", "+15550109999"),
        ("1234567", "+1234567"),
        ("123456789012345", "+123456789012345"),
    ] {
        assert_eq!(text.parse::<Phone>().unwrap().as_str(), phone, "{text}");
    }
    let huge = "7".repeat(1_000_000);
    for text in [
        "",
        "+",
        "++79161234567",
        "123456",
        "1234567890123456",
        "089161234567",
        "+0123456789",
        "7916123456a",
        "семь",
        "+7916\u{0}1234567",
        "٧٩١٦١٢٣٤٥٦٧",
        "7+9161234567",
        huge.as_str(),
    ] {
        assert!(text.parse::<Phone>().is_err(), "{} characters", text.chars().count());
    }
}

#[test]
fn a_language_is_ru_or_en() {
    for (text, language) in [("ru", Language::Ru), ("en", Language::En)] {
        assert_eq!(text.parse::<Language>().unwrap(), language);
        assert_eq!(language.code(), text);
        assert_eq!(serde_json::to_string(&language).unwrap(), format!("\"{text}\""));
    }
    for text in ["", "RU", "ru-RU", "de", "русский", " ru"] {
        assert!(text.parse::<Language>().is_err(), "{text:?}");
    }
}

#[test]
fn values_in_json_are_checked_like_texts() {
    assert_eq!(serde_json::to_string(&"a".parse::<TenantId>().unwrap()).unwrap(), "\"a\"");
    assert_eq!(serde_json::to_string(&"Анна".parse::<DisplayName>().unwrap()).unwrap(), "\"Анна\"");
    assert_eq!(
        serde_json::from_str::<Phone>("\"7 916 123-45-67\"").unwrap().to_string(),
        "+79161234567"
    );
    assert!(serde_json::from_str::<TenantId>("\"A\"").is_err());
    assert!(serde_json::from_str::<DisplayName>("\"\"").is_err());
    assert!(serde_json::from_str::<Phone>("\"12\"").is_err());
    assert!(serde_json::from_str::<Language>("\"de\"").is_err());
}

#[test]
fn an_actor_on_the_wire_is_as_ever() {
    for (actor, json) in [
        (
            Actor::Customer { account_id: Uuid::from_u128(10) },
            r#"{"kind":"customer","account_id":"00000000-0000-0000-0000-00000000000a"}"#,
        ),
        (Actor::Operator { name: "key".to_owned() }, r#"{"kind":"operator","name":"key"}"#),
        (Actor::System { name: "seed".to_owned() }, r#"{"kind":"system","name":"seed"}"#),
    ] {
        assert_eq!(serde_json::to_string(&actor).unwrap(), json);
        assert_eq!(serde_json::from_str::<Actor>(json).unwrap(), actor);
    }
}

#[test]
fn a_plain_text_is_trimmed_and_has_no_control_characters() {
    assert_eq!(plain_text(" a ", 1..=1).as_deref(), Some("a"));
    assert_eq!(plain_text("", 0..=1).as_deref(), Some(""));
    assert_eq!(plain_text("  ", 1..=3), None);
    assert_eq!(plain_text("Жж", 1..=1), None);
    assert_eq!(plain_text("a\u{0}", 1..=3), None);
    assert_eq!(plain_text("a\u{85}b", 1..=3), None);
}
