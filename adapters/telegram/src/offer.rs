//! What a tenant offers in the chat: what is not offered is neither shown nor understood.

use kontor_domain::tenant::TenantKind;
use kontor_projections::tenants::TenantRow;

/// What a tenant offers in the chat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Offer {
    /// Meters, their readings and reminders of them.
    pub(crate) meters: bool,
    /// Credits.
    pub(crate) credits: bool,
    /// Customers may begin anew, because the tenant is there for tests.
    pub(crate) reset: bool,
}

impl Offer {
    /// Meters alone: all that is known of a tenant before it is created.
    pub(crate) const METERS: Self = Self { meters: true, credits: false, reset: false };

    /// By the tenant's line of business and its rules.
    pub(crate) fn of(tenant: &TenantRow) -> Self {
        let credits = tenant.credit_rules.enabled;
        // Without credits there is nothing else to talk about, whatever the line of business.
        let meters = tenant.kind == TenantKind::Utility || !credits;
        Self { meters, credits, reset: credits && tenant.credit_rules.test_switch }
    }
}
