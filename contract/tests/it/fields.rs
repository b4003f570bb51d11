//! The fields of every event, as the program's own types name them.

use std::{collections::BTreeMap, fmt};

use kontor_domain::{
    account::{self, AccountEvent},
    accounting_period::{self, AccountingPeriodEvent},
    billing::{self, BillingEvent},
    credit_ledger::{self, CreditLedgerEvent},
    meter::{self, MeterEvent},
    payment::{self, PaymentEvent},
    product::{self, ProductEvent},
    provider_statement::{self, ProviderStatementEvent},
    reconciliation::{self, ReconciliationEvent},
    tenant::{self, TenantEvent},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// The names of fields by the type of the event.
type FieldsByType = BTreeMap<&'static str, &'static [&'static str]>;

/// The fields of the payload of each event.
pub(crate) fn of_all_events() -> FieldsByType {
    let mut fields = of_money();
    fields.extend(of_billing());
    fields.extend(of_the_rest());
    fields
}

fn of_billing() -> FieldsByType {
    BTreeMap::from([
        ("billing.method_saved", of::<billing::MethodSaved>()),
        ("billing.method_removed", of::<billing::MethodRemoved>()),
        ("billing.recharge_enabled", of::<billing::RechargeEnabled>()),
        ("billing.recharge_disabled", of::<billing::RechargeDisabled>()),
        ("billing.recharge_requested", of::<billing::RechargeRequested>()),
        ("billing.charge_begun", of::<billing::ChargeBegun>()),
        ("billing.recharge_succeeded", of::<billing::RechargeSucceeded>()),
        ("billing.recharge_failed", of::<billing::RechargeFailed>()),
        ("billing.cap_reached", of::<billing::CapReached>()),
        ("billing.closed", of::<billing::Closed>()),
    ])
}

fn of_money() -> FieldsByType {
    BTreeMap::from([
        ("credit_ledger.opened", of::<credit_ledger::Opened>()),
        ("credit_ledger.granted", of::<credit_ledger::Granted>()),
        ("credit_ledger.pass_granted", of::<credit_ledger::PassGranted>()),
        ("credit_ledger.spent", of::<credit_ledger::Spent>()),
        ("credit_ledger.held", of::<credit_ledger::Held>()),
        ("credit_ledger.hold_captured", of::<credit_ledger::HoldCaptured>()),
        ("credit_ledger.hold_released", of::<credit_ledger::HoldReleased>()),
        ("credit_ledger.spend_reversed", of::<credit_ledger::SpendReversed>()),
        ("credit_ledger.grant_expired", of::<credit_ledger::GrantExpired>()),
        ("credit_ledger.grant_refunded", of::<credit_ledger::GrantRefunded>()),
        ("credit_ledger.part_refunded", of::<credit_ledger::PartRefunded>()),
        ("credit_ledger.refund_returned", of::<credit_ledger::RefundReturned>()),
        ("credit_ledger.grant_revoked", of::<credit_ledger::GrantRevoked>()),
        ("credit_ledger.dispute_opened", of::<credit_ledger::DisputeOpened>()),
        ("credit_ledger.dispute_closed", of::<credit_ledger::DisputeClosed>()),
        ("credit_ledger.debt_covered", of::<credit_ledger::DebtCovered>()),
        ("credit_ledger.debt_written_off", of::<credit_ledger::DebtWrittenOff>()),
        ("credit_ledger.pass_recognised", of::<credit_ledger::PassRecognised>()),
        ("credit_ledger.pass_refunded", of::<credit_ledger::PassRefunded>()),
        ("credit_ledger.adjusted", of::<credit_ledger::Adjusted>()),
        ("credit_ledger.low", of::<credit_ledger::Low>()),
        ("credit_ledger.reset_begun", of::<credit_ledger::ResetBegun>()),
        ("payment.begun", of::<payment::Begun>()),
        ("payment.pending", of::<payment::Pending>()),
        ("payment.succeeded", of::<payment::Succeeded>()),
        ("payment.failed", of::<payment::Failed>()),
        ("payment.expired", of::<payment::Expired>()),
        ("payment.outcome_unknown", of::<payment::OutcomeUnknown>()),
        ("payment.surplus_paid", of::<payment::SurplusPaid>()),
        ("payment.refund_requested", of::<payment::RefundRequested>()),
        ("payment.refunded", of::<payment::Refunded>()),
        ("payment.refund_failed", of::<payment::RefundFailed>()),
        ("payment.dispute_opened", of::<payment::DisputeOpened>()),
        ("payment.dispute_closed", of::<payment::DisputeClosed>()),
        ("payment.contradicted", of::<payment::Contradicted>()),
        ("payment.receipt_requested", of::<payment::ReceiptRequested>()),
        ("payment.receipt_failed", of::<payment::ReceiptFailed>()),
        ("payment.receipt_registered", of::<payment::ReceiptRegistered>()),
        ("product.created", of::<product::Created>()),
        ("product.changed", of::<product::Changed>()),
        ("product.activated", of::<product::Activated>()),
        ("product.deactivated", of::<product::Deactivated>()),
        ("provider_statement.lines_recorded", of::<provider_statement::LinesRecorded>()),
        ("accounting_period.closed", of::<accounting_period::Closed>()),
        ("accounting_period.reopen_requested", of::<accounting_period::ReopenRequested>()),
        ("accounting_period.reopen_declined", of::<accounting_period::ReopenDeclined>()),
        ("accounting_period.reopened", of::<accounting_period::Reopened>()),
        ("reconciliation.assigned", of::<reconciliation::Assigned>()),
        ("reconciliation.explained", of::<reconciliation::Explained>()),
        ("reconciliation.adjusted", of::<reconciliation::Adjusted>()),
        ("reconciliation.write_off_proposed", of::<reconciliation::WriteOffProposed>()),
        ("reconciliation.written_off", of::<reconciliation::WrittenOff>()),
        ("reconciliation.reopened", of::<reconciliation::Reopened>()),
    ])
}

fn of_the_rest() -> FieldsByType {
    BTreeMap::from([
        ("account.registered", of::<account::Registered>()),
        ("account.renamed", of::<account::Renamed>()),
        ("account.language_changed", of::<account::LanguageChanged>()),
        ("account.phone_changed", of::<account::PhoneChanged>()),
        ("account.consent_given", of::<account::ConsentGiven>()),
        ("account.consent_withdrawn", of::<account::ConsentWithdrawn>()),
        ("account.bot_blocked", of::<account::BotBlocked>()),
        ("account.bot_unblocked", of::<account::BotUnblocked>()),
        ("account.reading_reminder_asked", of::<account::ReadingReminderAsked>()),
        ("account.reading_reminders_muted", of::<account::ReadingRemindersMuted>()),
        ("account.reading_reminders_unmuted", of::<account::ReadingRemindersUnmuted>()),
        ("account.reading_reminder_postponed", of::<account::ReadingReminderPostponed>()),
        ("account.reading_reminder_due", of::<account::ReadingReminderDue>()),
        ("account.erased", of::<account::Erased>()),
        ("meter.registered", of::<meter::Registered>()),
        ("meter.reading_submitted", of::<meter::ReadingSubmitted>()),
        ("meter.reading_corrected", of::<meter::ReadingCorrected>()),
        ("meter.verification_renewed", of::<meter::VerificationRenewed>()),
        ("meter.archived", of::<meter::Archived>()),
        ("meter.holder_erased", of::<meter::HolderErased>()),
        ("tenant.created", of::<tenant::Created>()),
        ("tenant.renamed", of::<tenant::Renamed>()),
        ("tenant.locale_changed", of::<tenant::LocaleChanged>()),
        ("tenant.meter_rules_changed", of::<tenant::MeterRulesChanged>()),
        ("tenant.reading_reminders_changed", of::<tenant::ReadingRemindersChanged>()),
        ("tenant.reading_reminders_due", of::<tenant::ReadingRemindersDue>()),
        ("tenant.credit_rules_changed", of::<tenant::CreditRulesChanged>()),
    ])
}

/// Stops the build at a new event: it needs a line above, and a description in `contract/src`.
#[expect(dead_code, reason = "the compiler reads it")]
fn all_are_listed(
    account: &AccountEvent,
    ledger: &CreditLedgerEvent,
    meter: &MeterEvent,
    tenant: &TenantEvent,
) {
    match account {
        AccountEvent::Registered(_)
        | AccountEvent::Renamed(_)
        | AccountEvent::LanguageChanged(_)
        | AccountEvent::PhoneChanged(_)
        | AccountEvent::ConsentGiven(_)
        | AccountEvent::ConsentWithdrawn(_)
        | AccountEvent::BotBlocked(_)
        | AccountEvent::BotUnblocked(_)
        | AccountEvent::ReadingReminderAsked(_)
        | AccountEvent::ReadingRemindersMuted(_)
        | AccountEvent::ReadingRemindersUnmuted(_)
        | AccountEvent::ReadingReminderPostponed(_)
        | AccountEvent::ReadingReminderDue(_)
        | AccountEvent::Erased(_) => {}
    }
    match ledger {
        CreditLedgerEvent::Opened(_)
        | CreditLedgerEvent::Granted(_)
        | CreditLedgerEvent::PassGranted(_)
        | CreditLedgerEvent::Spent(_)
        | CreditLedgerEvent::Held(_)
        | CreditLedgerEvent::HoldCaptured(_)
        | CreditLedgerEvent::HoldReleased(_)
        | CreditLedgerEvent::SpendReversed(_)
        | CreditLedgerEvent::GrantExpired(_)
        | CreditLedgerEvent::GrantRefunded(_)
        | CreditLedgerEvent::PartRefunded(_)
        | CreditLedgerEvent::RefundReturned(_)
        | CreditLedgerEvent::GrantRevoked(_)
        | CreditLedgerEvent::DisputeOpened(_)
        | CreditLedgerEvent::DisputeClosed(_)
        | CreditLedgerEvent::DebtCovered(_)
        | CreditLedgerEvent::DebtWrittenOff(_)
        | CreditLedgerEvent::PassRecognised(_)
        | CreditLedgerEvent::PassRefunded(_)
        | CreditLedgerEvent::Low(_)
        | CreditLedgerEvent::Adjusted(_)
        | CreditLedgerEvent::ResetBegun(_) => {}
    }
    match meter {
        MeterEvent::Registered(_)
        | MeterEvent::ReadingSubmitted(_)
        | MeterEvent::ReadingCorrected(_)
        | MeterEvent::VerificationRenewed(_)
        | MeterEvent::Archived(_)
        | MeterEvent::HolderErased(_) => {}
    }
    match tenant {
        TenantEvent::Created(_)
        | TenantEvent::Renamed(_)
        | TenantEvent::LocaleChanged(_)
        | TenantEvent::MeterRulesChanged(_)
        | TenantEvent::ReadingRemindersChanged(_)
        | TenantEvent::ReadingRemindersDue(_)
        | TenantEvent::CreditRulesChanged(_) => {}
    }
}

/// The same for the cards that are kept.
#[expect(dead_code, reason = "the compiler reads it")]
fn all_of_billing_is_listed(billing: &BillingEvent) {
    match billing {
        BillingEvent::MethodSaved(_)
        | BillingEvent::MethodRemoved(_)
        | BillingEvent::RechargeEnabled(_)
        | BillingEvent::RechargeDisabled(_)
        | BillingEvent::RechargeRequested(_)
        | BillingEvent::ChargeBegun(_)
        | BillingEvent::RechargeSucceeded(_)
        | BillingEvent::RechargeFailed(_)
        | BillingEvent::CapReached(_)
        | BillingEvent::Closed(_) => {}
    }
}

/// The same for what is sold and paid for.
#[expect(dead_code, reason = "the compiler reads it")]
fn all_of_sales_are_listed(payment: &PaymentEvent, product: &ProductEvent) {
    match payment {
        PaymentEvent::Begun(_)
        | PaymentEvent::Pending(_)
        | PaymentEvent::Succeeded(_)
        | PaymentEvent::Failed(_)
        | PaymentEvent::Expired(_)
        | PaymentEvent::OutcomeUnknown(_)
        | PaymentEvent::SurplusPaid(_)
        | PaymentEvent::RefundRequested(_)
        | PaymentEvent::Refunded(_)
        | PaymentEvent::RefundFailed(_)
        | PaymentEvent::DisputeOpened(_)
        | PaymentEvent::DisputeClosed(_)
        | PaymentEvent::Contradicted(_)
        | PaymentEvent::ReceiptRequested(_)
        | PaymentEvent::ReceiptFailed(_)
        | PaymentEvent::ReceiptRegistered(_) => {}
    }
    match product {
        ProductEvent::Created(_)
        | ProductEvent::Changed(_)
        | ProductEvent::Activated(_)
        | ProductEvent::Deactivated(_) => {}
    }
}

/// The same for the months of the books.
#[expect(dead_code, reason = "the compiler reads it")]
fn all_of_months_are_listed(period: &AccountingPeriodEvent) {
    match period {
        AccountingPeriodEvent::Closed(_)
        | AccountingPeriodEvent::ReopenRequested(_)
        | AccountingPeriodEvent::ReopenDeclined(_)
        | AccountingPeriodEvent::Reopened(_) => {}
    }
}

/// The same for what is held against providers and banks.
#[expect(dead_code, reason = "the compiler reads it")]
fn all_of_reconciliations_are_listed(
    statement: &ProviderStatementEvent,
    reconciliation: &ReconciliationEvent,
) {
    match statement {
        ProviderStatementEvent::LinesRecorded(_) => {}
    }
    match reconciliation {
        ReconciliationEvent::Assigned(_)
        | ReconciliationEvent::Explained(_)
        | ReconciliationEvent::Adjusted(_)
        | ReconciliationEvent::WriteOffProposed(_)
        | ReconciliationEvent::WrittenOff(_)
        | ReconciliationEvent::Reopened(_) => {}
    }
}

/// The names of a struct's fields, as its reader asks for them.
fn of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    match T::deserialize(Asked) {
        Err(Fields(fields)) => fields,
        Ok(_) => panic!("read from nothing"),
    }
}

/// Reads nothing, and fails with the fields that were asked for.
struct Asked;

#[derive(Debug)]
struct Fields(&'static [&'static str]);

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Fields {}

impl Error for Fields {
    fn custom<T: fmt::Display>(message: T) -> Self {
        panic!("not a struct: {message}")
    }
}

impl<'de> Deserializer<'de> for Asked {
    type Error = Fields;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fields> {
        Err(Fields(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fields> {
        Err(Fields(fields))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
