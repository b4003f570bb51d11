//! What is set of a shop.

use std::fmt;

use kontor_domain::TenantId;
use secrecy::SecretString;

use super::{Network, ReceiptSettings};

/// A shop at YooKassa.
#[derive(Clone)]
pub struct YooKassaSettings {
    /// The tenant that sells.
    pub tenant: TenantId,
    /// The account's channel, such as `yookassa/shop`.
    pub channel: String,
    /// The shop's number.
    pub shop_id: String,
    /// Its secret key.
    pub secret_key: SecretString,
    /// Where the API is, with its version: `https://api.yookassa.ru/v3`.
    pub api_url: String,
    /// From where notifications may come.
    pub networks: Vec<Network>,
    /// Fiscal receipts, when YooKassa is to register them for this shop.
    pub receipts: Option<ReceiptSettings>,
}

impl fmt::Debug for YooKassaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YooKassaSettings").field("channel", &self.channel).finish_non_exhaustive()
    }
}
