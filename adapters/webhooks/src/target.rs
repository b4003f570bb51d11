//! Where a webhook may be: on the public internet, and nowhere inside.
//!
//! An operator names the address, and an integrator owns it: without a guard it could point at the
//! database, at the metadata service of a cloud, or change its name's address after it was checked.
//! So the addresses of a name are checked where the connection takes them from, in the resolver.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use kontor_postgres::webhooks::URL_LENGTH_MAX;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// The most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 8;
/// The address at which a large cloud serves its machines' secrets, outside every private range.
const CLOUD_PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// Why nothing is sent to an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL.
    #[error("that is no URL; write https://… with up to {URL_LENGTH_MAX} characters")]
    NoUrl,
    /// It is not encrypted.
    #[error(
        "only https is called; http is for trials on this machine, with \
         KONTOR_WEBHOOK_LOOPBACK=on and a loopback address"
    )]
    NotHttps,
    /// It holds a login or a fragment.
    #[error("the URL must hold no user, no password and no fragment: it is listed in clear")]
    Decorated,
    /// It is an address of this house.
    #[error("the address is not on the public internet")]
    Inside,
}

/// A URL that may be called, as far as it can be told without a look-up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target(Url);

impl Target {
    /// Checks a URL. With `loopback` also http to this machine, for trials.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn parse(text: &str, loopback: bool) -> Result<Self, TargetError> {
        if text.len() > URL_LENGTH_MAX || text.chars().any(|c| c.is_control() || c == ' ') {
            return Err(TargetError::NoUrl);
        }
        let url = Url::parse(text).map_err(|_| TargetError::NoUrl)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(TargetError::Decorated);
        }
        // A literal address never meets the resolver. IPv6 stands in brackets.
        let host = url.host_str().ok_or(TargetError::NoUrl)?;
        let literal: Option<IpAddr> =
            host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        let is_trial = loopback
            && (host == "localhost" || literal.is_some_and(|address| address.is_loopback()));
        match url.scheme() {
            "https" => {}
            "http" if is_trial => {}
            _ => return Err(TargetError::NotHttps),
        }
        if literal.is_some_and(|address| !is_allowed(address, loopback)) {
            return Err(TargetError::Inside);
        }
        Ok(Self(url))
    }

    /// The URL.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// Whether an address may be called: it is on the public internet or, with `loopback`, this machine.
pub fn is_allowed(address: IpAddr, loopback: bool) -> bool {
    if address.is_loopback() {
        return loopback;
    }
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// None of the ranges of the registry of special addresses that are not reachable by everybody.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let inside = match address.octets() {
        // This network, private, loopback, link-local with the metadata services.
        [0 | 10 | 127, ..] | [169, 254, ..] | [192, 168, ..] => true,
        [172, second, ..] => (16..32).contains(&second),
        // Shared by a provider's customers.
        [100, second, ..] => (64..128).contains(&second),
        // Protocol assignments, documentation, the old relays of IPv6, benchmarks.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => true,
        [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Multicast, reserved, broadcast.
        [first, ..] => first >= 224,
    };
    !inside && address != CLOUD_PLATFORM
}

/// Only what is given to the public today (`2000::/3`), without what stands for an IPv4 address, carries
/// one, or documents. Mapped addresses, local ones and multicast are outside of it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [first, second, ..] = segments;
    let special = (first == 0x2001 && (second < 0x200 || second == 0xdb8))
        || first == 0x2002
        || (first == 0x3fff && second < 0x1000);
    (0x2000..0x4000).contains(&first) && !special
}

/// Looks names up and lets only allowed addresses through: the connection is made to the very address
/// that was checked.
#[derive(Debug)]
pub(crate) struct GuardedResolver {
    pub(crate) loopback: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback = self.loopback;
        Box::pin(async move {
            let host: Arc<str> = name.as_str().into();
            let found = tokio::net::lookup_host((&*host, 0)).await?;
            let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
            // One address inside is enough: such a name is not an honest one.
            if addresses.iter().any(|address| !is_allowed(address.ip(), loopback)) {
                return Err(TargetError::Inside.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_called() {
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "223.255.255.255", "2606:4700::1"] {
            assert!(is_allowed(public.parse().unwrap(), false), "{public}");
        }
        for inside in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "3fff::1",
            "4000::1",
            "::10.0.0.1",
        ] {
            assert!(!is_allowed(inside.parse().unwrap(), false), "{inside}");
        }
        assert!(is_allowed("127.0.0.1".parse().unwrap(), true));
        assert!(!is_allowed("10.0.0.1".parse().unwrap(), true));
    }

    #[test]
    fn a_hostile_url_is_refused_with_a_reason() {
        for (text, expected) in [
            ("", TargetError::NoUrl),
            ("счётчики", TargetError::NoUrl),
            ("https://", TargetError::NoUrl),
            ("https://example.org/\r\nx: y", TargetError::NoUrl),
            ("http://example.org/", TargetError::NotHttps),
            ("http://127.0.0.1/", TargetError::NotHttps),
            ("file:///etc/passwd", TargetError::NoUrl),
            ("ftp://example.org/", TargetError::NotHttps),
            ("https://user:pass@example.org/", TargetError::Decorated),
            ("https://example.org/#top", TargetError::Decorated),
            ("https://127.0.0.1/", TargetError::Inside),
            ("https://2130706433/", TargetError::Inside),
            ("https://0x7f.1/", TargetError::Inside),
            ("https://[::ffff:10.0.0.1]/", TargetError::Inside),
            ("https://169.254.169.254/latest/meta-data", TargetError::Inside),
        ] {
            assert_eq!(Target::parse(text, false), Err(expected), "{text}");
        }
        let long = format!("https://example.org/{}", "x".repeat(URL_LENGTH_MAX));
        assert_eq!(Target::parse(&long, false), Err(TargetError::NoUrl));
        Target::parse("https://пример.рф/приём?key=1", false).unwrap();
        Target::parse("http://127.0.0.1:8080/hook", true).unwrap();
        assert_eq!(Target::parse("http://10.0.0.1/", true), Err(TargetError::NotHttps));
    }
}
