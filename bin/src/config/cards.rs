//! Accounts with providers of payments by card.

use std::collections::{BTreeMap, BTreeSet};

use kontor_domain::{Currency, TenantId};
use secrecy::SecretString;

use super::{
    parse,
    reader::{Reader, by_from_str},
    settings::{
        CARD_API_URL, CARD_CURRENCY, CARD_FIELDS, CARD_PROVIDER, CARD_RETURN_URL, CARD_SECRET_KEY,
        CARD_SHOP_ID, CARD_STATEMENT, CARD_TENANT, CARD_WEBHOOK_SECRET, Setting,
    },
    yookassa::{self, YooKassaConfig},
};

/// What the variables of accounts begin with.
pub(super) const PREFIX: &str = "KONTOR_CARDS_";

/// The longest name of an account: it stands in buttons, which have 64 bytes.
const NAME_LENGTH_MAX: usize = 32;

/// One account.
#[derive(Clone, Debug)]
pub struct CardConfig {
    /// Its name in the configuration.
    pub name: String,
    /// The tenant that sells.
    pub tenant: TenantId,
    /// The provider.
    pub provider: CardProvider,
    /// By which the provider knows us.
    pub secret_key: SecretString,
    /// What the provider signs notifications with: the current one, and the one before or after it.
    pub webhook_secrets: Vec<SecretString>,
    /// The currency that it takes.
    pub currency: Currency,
    /// The provider's API.
    pub api_url: String,
    /// Where the provider's page leads back to; to a page of ours without it.
    pub return_url: Option<String>,
    /// Whether what moved on it is drawn by asking, where the provider can be asked.
    pub draws_statement: bool,
    /// What YooKassa wants besides; none for other providers.
    pub yookassa: Option<YooKassaConfig>,
}

/// A provider.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum CardProvider {
    /// Stripe.
    Stripe,
    /// YooKassa.
    YooKassa,
}

impl CardProvider {
    /// The provider's own address.
    pub fn api_url(self) -> &'static str {
        match self {
            Self::Stripe => "https://api.stripe.com",
            Self::YooKassa => "https://api.yookassa.ru/v3",
        }
    }

    /// The provider of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "stripe" => Some(Self::Stripe),
            "yookassa" => Some(Self::YooKassa),
            _ => None,
        }
    }
}

impl CardConfig {
    /// Whether it speaks to the provider itself: then its money may be real.
    pub fn is_real(&self) -> bool {
        self.api_url == self.provider.api_url()
    }
}

/// The account's name and field that a variable speaks of.
pub(super) fn card_variable(variable: &str) -> Option<(String, &'static str)> {
    let rest = variable.strip_prefix(PREFIX)?;
    CARD_FIELDS.iter().find_map(|field| {
        // A secret's own name is tried first: an account called `a_secret_key` has no file of that name.
        let rest = if field.secret { rest.strip_suffix("_FILE").unwrap_or(rest) } else { rest };
        let name = rest.strip_suffix(field.name)?.strip_suffix('_')?;
        Some((name.to_ascii_lowercase(), field.name))
    })
}

pub(super) fn read(reader: &mut Reader<'_>) -> Vec<CardConfig> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for (variable, _, _) in reader.sources.names() {
        if reader.sources.find(variable).is_some()
            && let Some((name, _)) = card_variable(variable)
        {
            names.insert(name);
        }
    }
    let cards: Vec<CardConfig> =
        names.into_iter().filter_map(|name| read_card(reader, name)).collect();
    refuse_shared_currencies(reader, &cards);
    cards
}

fn read_card(reader: &mut Reader<'_>, name: String) -> Option<CardConfig> {
    let variable =
        |field: &Setting| format!("{PREFIX}{}_{}", name.to_ascii_uppercase(), field.name);
    let is_name = name.len() <= NAME_LENGTH_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_name {
        let expects = format!(
            "an account's name of at most {NAME_LENGTH_MAX} characters of a-z, 0-9 and _, \
             beginning with a letter"
        );
        reader.push(&format!("{PREFIX}…"), None, Some(name.clone()), expects);
    }
    let provider = reader.parsed_as(&variable(&CARD_PROVIDER), &CARD_PROVIDER, CardProvider::named);
    require(reader, provider, variable);
    let tenant = reader.parsed_as(&variable(&CARD_TENANT), &CARD_TENANT, by_from_str);
    let secret_key =
        reader.secret_as(&variable(&CARD_SECRET_KEY), &CARD_SECRET_KEY, parse::provider_secret);
    let webhook_secrets = reader.secrets_as(
        &variable(&CARD_WEBHOOK_SECRET),
        &CARD_WEBHOOK_SECRET,
        parse::provider_secret,
    );
    let currency = reader.parsed_as(&variable(&CARD_CURRENCY), &CARD_CURRENCY, |text| {
        text.parse().ok().filter(|currency: &Currency| !currency.is_stars())
    });
    let api_url = reader.parsed_as(&variable(&CARD_API_URL), &CARD_API_URL, parse::base_url);
    let return_url =
        reader.parsed_as(&variable(&CARD_RETURN_URL), &CARD_RETURN_URL, parse::base_url);
    let draws_statement =
        reader.parsed_as(&variable(&CARD_STATEMENT), &CARD_STATEMENT, parse::switch);
    let yookassa = match provider {
        Some(CardProvider::YooKassa) => yookassa::read(reader, &name),
        Some(CardProvider::Stripe) | None => None,
    };
    is_name.then_some(())?;
    let provider = provider?;
    Some(CardConfig {
        name,
        tenant: tenant?,
        provider,
        secret_key: secret_key?,
        webhook_secrets,
        currency: currency?,
        api_url: api_url.unwrap_or_else(|| provider.api_url().to_owned()),
        return_url,
        draws_statement: draws_statement.unwrap_or(true),
        yookassa,
    })
}

/// Names what an account lacks.
fn require(
    reader: &mut Reader<'_>,
    provider: Option<CardProvider>,
    variable: impl Fn(&Setting) -> String,
) {
    let of_provider = match provider {
        Some(CardProvider::YooKassa) => CARD_SHOP_ID,
        Some(CardProvider::Stripe) | None => CARD_WEBHOOK_SECRET,
    };
    for field in [CARD_TENANT, CARD_PROVIDER, CARD_SECRET_KEY, of_provider, CARD_CURRENCY] {
        let file = format!("{}_FILE", variable(&field));
        let absent = |name: &str| reader.sources.find(name).is_none();
        if absent(&variable(&field)) && (!field.secret || absent(&file)) {
            let why = "every account that takes cards has one";
            reader.missing_as(&variable(&field), &field, why);
        }
    }
}

/// A customer would be asked to choose between two accounts that nobody can tell apart.
fn refuse_shared_currencies(reader: &mut Reader<'_>, cards: &[CardConfig]) {
    let mut seen = BTreeMap::new();
    for card in cards {
        let key = (card.tenant.to_string(), card.provider, card.currency.code());
        if let Some(other) = seen.insert(key, card.name.clone()) {
            let variable = format!("{PREFIX}{}_CURRENCY", card.name.to_ascii_uppercase());
            let says = Some(card.currency.code().to_owned());
            let expects =
                format!("another one than the account {other} of the same tenant and provider has");
            reader.push(&variable, None, says, expects);
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::CardProvider;
    use crate::config::tests::{load, load_with, problems};

    const SHOP: [(&str, &str); 5] = [
        ("KONTOR_CARDS_SHOP_TENANT", "shop"),
        ("KONTOR_CARDS_SHOP_PROVIDER", "stripe"),
        ("KONTOR_CARDS_SHOP_SECRET_KEY", "sk_test_0123456789abcdef"),
        ("KONTOR_CARDS_SHOP_WEBHOOK_SECRET", "whsec_0123456789abcdef, whsec_fedcba9876543210"),
        ("KONTOR_CARDS_SHOP_CURRENCY", "USD"),
    ];

    #[test]
    fn an_account_has_two_secrets_while_they_are_exchanged() {
        let config = load(&SHOP).unwrap();
        let [shop] = config.cards.as_slice() else { panic!("{:?}", config.cards) };
        assert_eq!((shop.name.as_str(), shop.provider), ("shop", CardProvider::Stripe));
        assert_eq!(shop.api_url, "https://api.stripe.com");
        let secrets: Vec<_> =
            shop.webhook_secrets.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(secrets, ["whsec_0123456789abcdef", "whsec_fedcba9876543210"]);
        assert!(shop.is_real());
        assert!(!format!("{config:?}").contains("sk_test_"), "a secret is printed");
    }

    #[test]
    fn what_an_account_lacks_or_has_wrong_is_named_and_no_secret_is_shown() {
        let text = problems(&[("KONTOR_CARDS_SHOP_RETURN_URL", "https://example.org")]);
        for name in ["TENANT", "PROVIDER", "SECRET_KEY", "WEBHOOK_SECRET", "CURRENCY"] {
            assert!(text.contains(&format!("KONTOR_CARDS_SHOP_{name} is missing")), "{text}");
        }
        for (name, wrong) in [
            ("KONTOR_CARDS_SHOP_PROVIDER", "paypal"),
            ("KONTOR_CARDS_SHOP_CURRENCY", "XTR"),
            ("KONTOR_CARDS_SHOP_SECRET_KEY", "ключ от кассы магазина"),
        ] {
            let mut settings = SHOP.to_vec();
            settings.retain(|(known, _)| *known != name);
            settings.push((name, wrong));
            let text = problems(&settings);
            assert!(text.contains(name), "{text}");
            assert!(!text.contains("кассы"), "{text}");
        }
    }

    #[test]
    fn accounts_come_from_toml_tables_whose_secrets_may_come_from_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[[cards]]\nname = \"shop\"\ntenant = \"shop\"\nprovider = \"stripe\"\n\
                    currency = \"EUR\"\n";
        std::fs::write(folder.path().join("kontor.toml"), text).unwrap();
        let config = load_with(&SHOP[2..4], folder.path()).unwrap();
        assert_eq!(config.cards[0].currency.code(), "EUR");
    }
}
