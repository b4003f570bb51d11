//! From where notifications may come.

use std::{fmt, net::IpAddr, str::FromStr};

/// YooKassa's networks as its documentation lists them. The list changes, so that it is a setting.
pub const YOOKASSA_NETWORKS: &str = "185.71.76.0/27 185.71.77.0/27 77.75.153.0/25 77.75.156.11 \
     77.75.156.35 77.75.154.128/25 2a02:5180::/32";

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// A text is no network.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no network; write an address or one with its bits, such as 185.71.76.0/27")]
pub struct NetworkError(String);

impl Network {
    /// Networks that are separated by spaces or commas.
    ///
    /// # Errors
    /// [`NetworkError`] for the first that is none.
    pub fn list(text: &str) -> Result<Vec<Self>, NetworkError> {
        let parts = text.split([' ', ',', '\n', '\t']).filter(|part| !part.is_empty());
        parts.map(str::parse).collect()
    }

    /// Whether an address is in it. An IPv4 address that came over IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => {
                bits.parse().map_err(|_| wrong())?
            }
            Some(_) => return Err(wrong()),
        };
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(networks: &str, address: &str) -> bool {
        let address = address.parse().unwrap();
        Network::list(networks).unwrap().iter().any(|network| network.contains(address))
    }

    #[test]
    fn the_documented_networks_are_known_to_the_last_address() {
        for inside in [
            "185.71.76.0",
            "185.71.76.31",
            "185.71.77.31",
            "77.75.153.127",
            "77.75.156.11",
            "77.75.156.35",
            "77.75.154.128",
            "77.75.154.255",
            "2a02:5180:0:1509::7",
            "2a02:5180:ffff::1",
            "::ffff:77.75.156.11",
        ] {
            assert!(is_in(YOOKASSA_NETWORKS, inside), "{inside}");
        }
        for outside in [
            "185.71.76.32",
            "185.71.75.255",
            "77.75.153.128",
            "77.75.156.12",
            "77.75.154.127",
            "127.0.0.1",
            "0.0.0.0",
            "2a02:5181::1",
            "::",
            "::ffff:77.75.156.12",
        ] {
            assert!(!is_in(YOOKASSA_NETWORKS, outside), "{outside}");
        }
    }

    #[test]
    fn whole_families_and_single_addresses_are_networks_too() {
        assert!(is_in("0.0.0.0/0", "203.0.113.9"));
        assert!(!is_in("0.0.0.0/0", "2001:db8::1"), "another family");
        assert!(is_in("::/0", "2001:db8::1"));
        assert!(is_in("10.0.0.1, 127.0.0.0/8", "127.9.9.9"));
        assert!(!is_in("", "127.0.0.1"), "no network, nobody");
    }

    #[test]
    fn what_is_no_network_is_refused_by_its_text() {
        for wrong in ["10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/+8", "сеть"] {
            let err = Network::list(&format!("127.0.0.1 {wrong}")).unwrap_err();
            assert!(err.to_string().contains(wrong), "{err}");
        }
    }
}
