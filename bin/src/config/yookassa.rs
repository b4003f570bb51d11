//! What a shop at YooKassa has besides what every account has.

use kontor_payments::{Network, ReceiptSettings, YOOKASSA_NETWORKS};

use super::{
    cards::PREFIX,
    parse,
    reader::{Reader, by_from_str},
    settings::{
        CARD_CURRENCY, CARD_NETWORKS, CARD_RECEIPT_EMAIL, CARD_RECEIPT_MODE, CARD_RECEIPT_SUBJECT,
        CARD_RECEIPT_TAX_SYSTEM, CARD_RECEIPT_VAT_CODE, CARD_RECEIPTS, CARD_SHOP_ID, Setting,
    },
};

/// The longest number of a shop.
const SHOP_ID_LENGTH_MAX: usize = 20;

/// A shop at YooKassa.
#[derive(Clone, Debug)]
pub struct YooKassaConfig {
    /// Its number.
    pub shop_id: String,
    /// From where its notifications may come.
    pub networks: Vec<Network>,
    /// What is on fiscal receipts, when YooKassa registers them.
    pub receipts: Option<ReceiptSettings>,
}

/// Reads what there is of the account `name`; none when something is wrong, and named.
pub(super) fn read(reader: &mut Reader<'_>, name: &str) -> Option<YooKassaConfig> {
    let name = name.to_ascii_uppercase();
    let variable = |field: &Setting| format!("{PREFIX}{name}_{}", field.name);
    let shop_id = reader.parsed_as(&variable(&CARD_SHOP_ID), &CARD_SHOP_ID, |text| {
        let fits = (1..=SHOP_ID_LENGTH_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.to_owned())
    });
    let networks = reader.parsed_as(&variable(&CARD_NETWORKS), &CARD_NETWORKS, |text| {
        Network::list(text).ok().filter(|networks| !networks.is_empty())
    });
    let networks = networks.or_else(|| Network::list(YOOKASSA_NETWORKS).ok())?;
    let currency = variable(&CARD_CURRENCY);
    if let Some(found) = reader.sources.find(&currency).filter(|found| found.value != "RUB") {
        let (origin, says) = (found.origin.to_owned(), found.value.to_owned());
        reader.push(
            &currency,
            Some(origin),
            Some(says),
            "`RUB`: YooKassa takes roubles".to_owned(),
        );
    }
    let receipts = reader.parsed_as(&variable(&CARD_RECEIPTS), &CARD_RECEIPTS, parse::switch);
    let receipts = match receipts {
        Some(true) => Some(read_receipts(reader, variable)),
        Some(false) | None => None,
    };
    Some(YooKassaConfig { shop_id: shop_id?, networks, receipts })
}

fn read_receipts(
    reader: &mut Reader<'_>,
    variable: impl Fn(&Setting) -> String,
) -> ReceiptSettings {
    let mut word = |field: &Setting| reader.parsed_as(&variable(field), field, parse::word);
    let payment_subject = word(&CARD_RECEIPT_SUBJECT).unwrap_or_else(|| "service".to_owned());
    let payment_mode = word(&CARD_RECEIPT_MODE).unwrap_or_else(|| "full_payment".to_owned());
    let fallback_email = word(&CARD_RECEIPT_EMAIL);
    let mut code = |field: &Setting| reader.parsed_as(&variable(field), field, by_from_str::<u8>);
    let vat_code = code(&CARD_RECEIPT_VAT_CODE).unwrap_or(1);
    let tax_system_code = code(&CARD_RECEIPT_TAX_SYSTEM);
    let receipts = ReceiptSettings {
        vat_code,
        payment_subject,
        payment_mode,
        tax_system_code,
        fallback_email,
    };
    if let Err(wrong) = receipts.check() {
        let field = match wrong.field {
            "vat_code" => CARD_RECEIPT_VAT_CODE,
            "payment_subject" => CARD_RECEIPT_SUBJECT,
            "payment_mode" => CARD_RECEIPT_MODE,
            "tax_system_code" => CARD_RECEIPT_TAX_SYSTEM,
            _ => CARD_RECEIPT_EMAIL,
        };
        let variable = variable(&field);
        let found = reader.sources.find(&variable);
        let origin = found.map(|found| found.origin.to_owned());
        let says = found.map(|found| found.value.to_owned());
        reader.push(&variable, origin, says, wrong.expected);
    }
    receipts
}

#[cfg(test)]
mod tests {
    use crate::config::{
        CardProvider,
        tests::{load, problems},
    };

    const SHOP: [(&str, &str); 5] = [
        ("KONTOR_CARDS_SHOP_TENANT", "shop"),
        ("KONTOR_CARDS_SHOP_PROVIDER", "yookassa"),
        ("KONTOR_CARDS_SHOP_SECRET_KEY", "live_0123456789abcdef"),
        ("KONTOR_CARDS_SHOP_SHOP_ID", "54401"),
        ("KONTOR_CARDS_SHOP_CURRENCY", "RUB"),
    ];

    fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        let is_kept = |known: &&(&str, &str)| !more.iter().any(|(changed, _)| *changed == known.0);
        let mut settings: Vec<_> = SHOP.iter().filter(is_kept).copied().collect();
        settings.extend_from_slice(more);
        settings
    }

    #[test]
    fn a_shop_takes_notifications_from_the_documented_networks_and_makes_no_receipts() {
        let config = load(&SHOP).unwrap();
        let card = &config.cards[0];
        let shop = card.yookassa.as_ref().unwrap();
        assert_eq!((card.provider, shop.shop_id.as_str()), (CardProvider::YooKassa, "54401"));
        assert_eq!((shop.networks.len(), &shop.receipts), (7, &None));
        assert!(card.is_real() && card.webhook_secrets.is_empty());
        assert!(!format!("{config:?}").contains("live_"), "a secret is printed");
    }

    #[test]
    fn receipts_are_for_services_that_are_paid_in_full_unless_it_is_said() {
        let config = load(&with(&[("KONTOR_CARDS_SHOP_RECEIPTS", "on")])).unwrap();
        let receipts = config.cards[0].yookassa.as_ref().unwrap().receipts.clone().unwrap();
        assert_eq!((receipts.vat_code, receipts.tax_system_code), (1, None));
        assert_eq!(receipts.payment_subject, "service");
        assert_eq!(receipts.payment_mode, "full_payment");
    }

    #[test]
    fn what_a_shop_lacks_or_has_wrong_is_named() {
        let lacking: Vec<_> =
            SHOP.iter().filter(|(name, _)| !name.ends_with("_ID")).copied().collect();
        assert!(problems(&lacking).contains("KONTOR_CARDS_SHOP_SHOP_ID is missing"));
        for (name, wrong) in [
            ("KONTOR_CARDS_SHOP_SHOP_ID", "магазин"),
            ("KONTOR_CARDS_SHOP_NETWORKS", "185.71.76.0/33"),
            ("KONTOR_CARDS_SHOP_NETWORKS", ","),
            ("KONTOR_CARDS_SHOP_CURRENCY", "USD"),
            ("KONTOR_CARDS_SHOP_RECEIPTS", "иногда"),
            ("KONTOR_CARDS_SHOP_RECEIPT_VAT_CODE", "13"),
            ("KONTOR_CARDS_SHOP_RECEIPT_SUBJECT", "услуга"),
            ("KONTOR_CARDS_SHOP_RECEIPT_MODE", "later"),
            ("KONTOR_CARDS_SHOP_RECEIPT_TAX_SYSTEM", "9"),
            ("KONTOR_CARDS_SHOP_RECEIPT_EMAIL", "бухгалтерия"),
        ] {
            let mut settings = with(&[(name, wrong)]);
            if !name.ends_with("_RECEIPTS") {
                settings.push(("KONTOR_CARDS_SHOP_RECEIPTS", "on"));
            }
            let text = problems(&settings);
            assert!(text.contains(name) && text.contains(wrong), "{name}: {text}");
        }
    }
}
