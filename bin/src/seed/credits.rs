//! A tenant that deals with credits, with a price list: packages and passes in Stars and in money.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kontor_commands::CommandSender;
use kontor_domain::{
    Currency, Language, Money, TenantId,
    credit_ledger::{CreditRules, PassPeriod},
    meter::MeterRules,
    product::{Activate, Create as CreateProduct, Gives, ProductCommand, ProductKind, ProductName},
    tenant::{ChangeCreditRules, Create, TenantCommand, TenantKind},
};
use uuid::Uuid;

use super::{Ended, Seeded, Step, begun, carry_out, refused_part};

/// Its title: a business that sells answers.
pub(crate) const TITLE: &str = "Ассистент (демо)";

/// How often a product is put on sale until every worker has heard that credits are switched on.
const ATTEMPTS: u32 = 5;
/// How long between two attempts: what a worker knows of a tenant is at most a second old.
const PAUSE: Duration = Duration::from_millis(500);

/// A line of the price list: key, names, what it gives, Stars, kopecks and cents. Without Stars it is
/// sold for money, by card.
struct Line {
    key: &'static str,
    ru: &'static str,
    en: &'static str,
    gives: Gives,
    stars: i64,
    rub_minor: i64,
    usd_minor: i64,
}

/// The more at once, the cheaper each.
const PRICES: [Line; 9] = [
    line("credits_10", ("10 кредитов", "10 credits"), Gives::Credits(10), [50, 9_900, 99]),
    line("credits_25", ("25 кредитов", "25 credits"), Gives::Credits(25), [115, 22_900, 229]),
    line("credits_50", ("50 кредитов", "50 credits"), Gives::Credits(50), [215, 42_900, 429]),
    line("credits_100", ("100 кредитов", "100 credits"), Gives::Credits(100), [400, 79_900, 799]),
    line("day", ("Безлимит на день", "Unlimited day"), DAY, [75, 14_900, 149]),
    line("week", ("Безлимит на неделю", "Unlimited week"), WEEK, [300, 59_900, 599]),
    line("month", ("Безлимит на месяц", "Unlimited month"), MONTH, [900, 179_000, 1_790]),
    line("talk", ("Консультация, 30 кредитов", "A talk, 30 credits"), TALK, [0, 0, 499]),
    line("call", ("Звонок специалиста, 20 кредитов", "A call, 20 credits"), CALL, [0, 29_900, 0]),
];

/// Used outside of Telegram, with a person: so it may be sold for money.
const TALK: Gives = Gives::Credits(30);
const CALL: Gives = Gives::Credits(20);
const DAY: Gives = Gives::Pass(PassPeriod::Day);
const WEEK: Gives = Gives::Pass(PassPeriod::Week);
const MONTH: Gives = Gives::Pass(PassPeriod::Month);

const fn line(
    key: &'static str,
    (ru, en): (&'static str, &'static str),
    gives: Gives,
    [stars, rub_minor, usd_minor]: [i64; 3],
) -> Line {
    Line { key, ru, en, gives, stars, rub_minor, usd_minor }
}

impl Line {
    /// In each currency in which it has a price.
    fn prices(&self) -> anyhow::Result<Vec<Money>> {
        let prices = [
            Money::new(self.stars, Currency::stars()),
            Money::new(self.rub_minor, "RUB".parse()?),
            Money::new(self.usd_minor, "USD".parse()?),
        ];
        Ok(prices.into_iter().filter(|price| price.amount_minor > 0).collect())
    }
}

/// Creates the tenant with its rules and its price list, unless it exists.
pub(super) async fn seed(
    sender: &dyn CommandSender,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> anyhow::Result<Seeded> {
    let (seeded, goes_on) = begun(carry_out(sender, tenant, create_tenant(tenant, now)?).await?)?;
    if !goes_on {
        return Ok(seeded);
    }
    refused_part("rules", &carry_out(sender, tenant, switch_on(tenant, now)?).await?);
    for (place, line) in (1..).zip(&PRICES) {
        let ended = carry_out(sender, tenant, create_product(tenant, (place, line), now)?).await?;
        refused_part(line.key, &ended);
        put_on_sale(sender, tenant, line, now).await?;
    }
    Ok(seeded)
}

fn create_tenant(tenant: &TenantId, at: DateTime<Utc>) -> anyhow::Result<Step> {
    let command = TenantCommand::Create(Create {
        name: TITLE.parse()?,
        kind: TenantKind::Enterprise,
        language: Language::Ru,
        time_zone: chrono_tz::Europe::Moscow,
        meter_rules: MeterRules::default(),
    });
    of_tenant(tenant, ("demo_seed", &command), at)
}

/// Its customers may begin anew with `/reset`: it is there to be tried.
fn switch_on(tenant: &TenantId, at: DateTime<Utc>) -> anyhow::Result<Step> {
    let credit_rules = CreditRules { enabled: true, test_switch: true, ..CreditRules::default() };
    let command = TenantCommand::ChangeCreditRules(ChangeCreditRules { credit_rules });
    of_tenant(tenant, ("demo_seed:credit_rules", &command), at)
}

fn of_tenant(
    tenant: &TenantId,
    (key, command): (&str, &TenantCommand),
    at: DateTime<Utc>,
) -> anyhow::Result<Step> {
    let (key, id, command) = (key.to_owned(), tenant.stream_id(), serde_json::to_value(command)?);
    Ok(Step { key, aggregate: "tenant", id, command, at })
}

fn create_product(
    tenant: &TenantId,
    (place, line): (i64, &Line),
    at: DateTime<Utc>,
) -> anyhow::Result<Step> {
    let command = ProductCommand::Create(CreateProduct {
        name: ProductName { ru: line.ru.to_owned(), en: line.en.to_owned() },
        gives: line.gives,
        kind: if line.stars > 0 { ProductKind::Digital } else { ProductKind::RealWorld },
        prices: line.prices()?,
        // Room between two lines for what a business adds.
        ordinal: place * 10,
    });
    let key = format!("demo_seed:product:{}", line.key);
    of_product(tenant, (key, line), &command, at)
}

async fn put_on_sale(
    sender: &dyn CommandSender,
    tenant: &TenantId,
    line: &Line,
    at: DateTime<Utc>,
) -> anyhow::Result<()> {
    let command = ProductCommand::Activate(Activate {});
    for attempt in 1..=ATTEMPTS {
        // A refusal stays the outcome of its command: each attempt is one of its own.
        let key = format!("demo_seed:product:{}:on_sale:{attempt}", line.key);
        let step = of_product(tenant, (key, line), &command, at)?;
        let ended = carry_out(sender, tenant, step).await?;
        let is_early = matches!(&ended, Ended::Refused(code) if code == "credits_off");
        if !is_early || attempt == ATTEMPTS {
            refused_part(line.key, &ended);
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn of_product(
    tenant: &TenantId,
    (key, line): (String, &Line),
    command: &ProductCommand,
    at: DateTime<Utc>,
) -> anyhow::Result<Step> {
    let id = format!("demo_seed:product:{}:id", line.key);
    let id = Uuid::new_v5(&tenant.stream_id(), id.as_bytes());
    Ok(Step { key, aggregate: "product", id, command: serde_json::to_value(command)?, at })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_price_list_has_each_line_once_and_more_costs_less() {
        let keys: BTreeSet<_> = PRICES.iter().map(|line| line.key).collect();
        assert_eq!(keys.len(), PRICES.len());
        let packages: Vec<(i64, [i64; 3])> = PRICES
            .iter()
            .filter(|line| line.stars > 0)
            .filter_map(|line| match line.gives {
                Gives::Credits(credits) => {
                    Some((credits, [line.stars, line.rub_minor, line.usd_minor]))
                }
                Gives::Pass(_) => None,
            })
            .collect();
        assert_eq!(
            packages.iter().map(|(credits, _)| *credits).collect::<Vec<_>>(),
            [10, 25, 50, 100]
        );
        for pair in packages.windows(2) {
            let ((few, dear), (many, cheap)) = (pair[0], pair[1]);
            for (dear, cheap) in dear.into_iter().zip(cheap) {
                assert!(cheap > dear && cheap * few < dear * many, "{few} {many}");
            }
        }
    }
}
