//! The sandbox, and what it must never stand beside.

use std::net::SocketAddr;

use super::{BotConfig, Config, parse, reader::Reader, settings};

/// The sandbox.
#[derive(Debug)]
pub struct SandboxConfig {
    /// Switched on or off by hand; without it, on in `kontor up` unless something is real.
    pub enabled: Option<bool>,
    /// Where it listens; port 0 takes any free one.
    pub address: SocketAddr,
}

impl SandboxConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            enabled: reader.parsed(&settings::SANDBOX, parse::switch),
            address: reader.address(&settings::SANDBOX_ADDRESS, 8090),
        }
    }
}

impl Config {
    /// The bots that speak to Telegram itself.
    pub fn real_bots(&self) -> impl Iterator<Item = &BotConfig> {
        self.bots.iter().filter(|bot| bot.is_real())
    }

    /// What moves real messages or money, in words; none when everything is there for trials.
    pub fn real_things(&self) -> Option<String> {
        let bots: Vec<&str> = self.real_bots().map(|bot| bot.name.as_str()).collect();
        if !bots.is_empty() {
            return Some(format!("a bot speaks to Telegram itself ({})", bots.join(", ")));
        }
        let cards: Vec<&str> =
            self.cards.iter().filter(|it| it.is_real()).map(|it| it.name.as_str()).collect();
        (!cards.is_empty()).then(|| format!("an account takes real money ({})", cards.join(", ")))
    }

    /// The sandbox invents people, messages and money: it must never stand beside real ones.
    pub(super) fn check_sandbox(&self, reader: &mut Reader<'_>) {
        if self.sandbox.enabled != Some(true) {
            return;
        }
        if let Some(real) = self.real_things() {
            reader.refuse(
                &settings::SANDBOX,
                format!("off while {real}; remove its secret, or set its API_URL to the sandbox"),
            );
        }
    }

    /// Where Kontor is reached by callers on this machine, before it listens.
    pub fn callers_url(&self) -> String {
        self.http.public_url.clone().unwrap_or_else(|| {
            let mut address = self.http.address;
            if address.ip().is_unspecified() {
                address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
            }
            format!("http://{address}")
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{load, problems};

    const CARD: [(&str, &str); 4] = [
        ("KONTOR_CARDS_SHOP_TENANT", "shop"),
        ("KONTOR_CARDS_SHOP_PROVIDER", "stripe"),
        ("KONTOR_CARDS_SHOP_SECRET_KEY", "sk_test_0123456789abcdef"),
        ("KONTOR_CARDS_SHOP_WEBHOOK_SECRET", "whsec_0123456789abcdef"),
    ];

    #[test]
    fn the_sandbox_stands_beside_no_real_money() {
        let mut real = CARD.to_vec();
        real.extend([("KONTOR_CARDS_SHOP_CURRENCY", "USD"), ("KONTOR_SANDBOX", "on")]);
        assert!(problems(&real).contains("takes real money (shop)"));
        real.push(("KONTOR_CARDS_SHOP_API_URL", "http://127.0.0.1:8090/stripe"));
        assert!(load(&real).unwrap().real_things().is_none());
    }
}
