//! What the pages of payments show.

use askama::Template;
use axum::{
    extract::{OriginalUri, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use kontor_domain::{
    Money,
    credit_ledger::{PaymentProvider, Unit},
    payment::{ReceiptOf, ReceiptStanding, RefundStanding, Standing},
    product::Gives,
};
use kontor_projections::{
    PageRequest, credits,
    payments::{self, DisputePart, PaymentRow, ReceiptPart, RefundPart},
};
use uuid::Uuid;

use super::super::desk::{Desk, Shell, figure};
use crate::{
    access::PathOf,
    api::{books::bounds::Calendar, payments::payment_unknown},
    operations::{operator::Person, shell::html},
    parameters::Parameters,
    problem::Problem,
    state::ApiState,
};

/// How many payments stand on a page.
const LINES: u32 = 50;

/// What somebody typed into the form of a refund, so that it stands there again after a refusal.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    pub(super) amount: String,
    pub(super) credits: String,
}

/// Something with its standing, as a table shows it.
struct Line {
    id: String,
    what: String,
    amount: String,
    standing: Words,
    note: String,
}

/// A standing in words, and whether somebody has to look at it.
#[derive(Clone, Copy)]
struct Words {
    text: &'static str,
    mark: &'static str,
}

const GOOD: &str = "state-good";
const QUIET: &str = "state-quiet";
const WARN: &str = "state-warn";

#[derive(Template)]
#[template(path = "payments/list.html")]
struct ListPage {
    shell: Shell,
    time_zone: String,
    lines: Vec<(Line, String)>,
    next_cursor: Option<String>,
    is_later_page: bool,
    account_id: Option<Uuid>,
}

/// `/admin/payments`
pub(super) async fn list(
    State(state): State<ApiState>,
    person: Person,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let Desk { shell, tenant, calendar, parameters } = match Desk::of(&state, &person, &uri).await?
    {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let account_id = parameters.parsed("account_id", "give the id of an account")?;
    let page = PageRequest { limit: LINES, ..parameters.page()? };
    let found = payments::list(&state.pool, &tenant, account_id, &page).await?;
    html(&ListPage {
        time_zone: calendar.time_zone.name().to_owned(),
        next_cursor: found.next.map(|cursor| cursor.to_string()),
        is_later_page: page.after.is_some(),
        lines: found.items.iter().map(|row| (of_payment(row), local(row, &calendar))).collect(),
        account_id,
        shell,
    })
}

fn local(row: &PaymentRow, calendar: &Calendar) -> String {
    calendar.local(&row.paid_at.unwrap_or(row.begun_at))
}

fn of_payment(row: &PaymentRow) -> Line {
    let back = row.refunds.iter().filter(|it| it.standing == RefundStanding::Refunded);
    let back: i64 =
        back.filter(|it| !it.surplus).map(|it| it.amount.amount_minor).fold(0, i64::saturating_add);
    let note = match back {
        0 => String::new(),
        back => format!("{} paid back", said(Money::new(back, row.price.currency))),
    };
    Line {
        id: row.id.to_string(),
        what: what(row),
        amount: said(row.price),
        standing: standing(row.standing),
        note,
    }
}

#[derive(Template)]
#[template(path = "payments/payment.html")]
struct PaymentPage {
    shell: Shell,
    time_zone: String,
    it: PaymentRow,
    what: String,
    price: String,
    provider: &'static str,
    standing: Words,
    begun: String,
    paid: Option<String>,
    /// What went back, fiscal receipts, disputes: a title, the name in the page, the lines.
    tables: Vec<(&'static str, &'static str, Vec<Line>)>,
    /// Whether the reader may pay back, and something is left to be.
    can_refund: bool,
    /// Whether the provider pays parts back.
    has_parts: bool,
    gives_credits: bool,
    left: String,
    /// How many credits the customer has, of whatever origin.
    available: Option<i64>,
    typed: Typed,
    /// Makes sure that a form that is sent twice does one thing.
    once: Uuid,
    said: Option<&'static str>,
    refused: Option<String>,
}

/// `/admin/payments/{id}`
pub(super) async fn payment(
    State(state): State<ApiState>,
    person: Person,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let said = match Parameters::of(&uri).text("done") {
        Some("refund") => Some("Asked for. Below it says what the provider answers."),
        Some("later") => Some("It waits to be carried out. Look again in a moment."),
        Some(_) | None => None,
    };
    payment_page(&state, &person, (id, &uri), (said, None)).await
}

/// The page of a payment, with what is to be said about the last step.
pub(super) async fn payment_page(
    state: &ApiState,
    person: &Person,
    (id, uri): (Uuid, &Uri),
    (done, refused): (Option<&'static str>, Option<(String, Typed)>),
) -> Result<Response, Problem> {
    let Desk { shell, tenant, calendar, .. } = match Desk::of(state, person, uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let row = payments::find(&state.pool, &tenant, id).await?.ok_or_else(payment_unknown)?;
    let ledger_id = kontor_domain::credit_ledger::credit_ledger_id(row.account_id);
    let balance = credits::find(&state.pool, &tenant, ledger_id).await?;
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let left = row.left_minor();
    let (refused, typed) = match refused {
        Some((refused, typed)) => (Some(refused), typed),
        None => (None, Typed::default()),
    };
    let page = html(&PaymentPage {
        time_zone: calendar.time_zone.name().to_owned(),
        what: what(&row),
        price: said(row.price),
        provider: provider(row.provider),
        standing: standing(row.standing),
        begun: calendar.local(&row.begun_at),
        paid: row.paid_at.as_ref().map(|at| calendar.local(at)),
        tables: tables(&row),
        can_refund: left > 0 && shell.operates,
        has_parts: row.provider != PaymentProvider::TelegramStars,
        gives_credits: matches!(row.product.gives, Gives::Credits(_)),
        left: said(Money::new(left, row.price.currency)),
        available: balance.map(|row| row.available),
        once: Uuid::now_v7(),
        said: done,
        it: row,
        shell,
        typed,
        refused,
    })?;
    Ok((status, page).into_response())
}

fn tables(row: &PaymentRow) -> Vec<(&'static str, &'static str, Vec<Line>)> {
    let tables = [
        ("Paid back", "refunds", row.refunds.iter().map(of_refund).collect()),
        ("Fiscal receipts", "receipts", row.receipts.iter().map(of_receipt).collect()),
        ("Disputes", "disputes", row.disputes.iter().map(of_dispute).collect::<Vec<_>>()),
    ];
    tables.into_iter().filter(|(_, _, lines)| !lines.is_empty()).collect()
}

fn what(row: &PaymentRow) -> String {
    match row.product.gives {
        Gives::Credits(1) => "1 credit".to_owned(),
        Gives::Credits(credits) => format!("{credits} credits"),
        Gives::Pass(period) => format!("pass, {}", format!("{period:?}").to_lowercase()),
    }
}

/// An amount with its currency.
fn said(money: Money) -> String {
    let unit = Unit::Money(money.currency);
    format!("{} {unit}", figure(&unit.decimal(i128::from(money.amount_minor))))
}

fn provider(provider: PaymentProvider) -> &'static str {
    match provider {
        PaymentProvider::Stripe => "Stripe",
        PaymentProvider::Yookassa => "YooKassa",
        PaymentProvider::TelegramStars => "Telegram Stars",
        PaymentProvider::Manual => "by hand",
    }
}

fn standing(standing: Standing) -> Words {
    let (text, mark) = match standing {
        Standing::Intent => ("offered", QUIET),
        Standing::Pending => ("being paid", QUIET),
        Standing::Expired => ("not paid in time", QUIET),
        Standing::Unknown => ("not decided yet", WARN),
        Standing::Failed => ("refused", QUIET),
        Standing::Succeeded => ("paid", GOOD),
    };
    Words { text, mark }
}

fn of_refund(part: &RefundPart) -> Line {
    let (text, mark) = match part.standing {
        RefundStanding::Requested => ("asked for", QUIET),
        RefundStanding::Refunded => ("paid back", GOOD),
        RefundStanding::Failed => ("failed", WARN),
    };
    let credits = part.part.and_then(|part| part.credits);
    let what = match (part.surplus, part.part, credits) {
        (true, _, _) => "a charge that was one too many".to_owned(),
        (false, Some(_), Some(credits)) => format!("the price of {credits} credits"),
        (false, Some(part), None) if part.is_last => "the rest".to_owned(),
        (false, Some(_), None) => "a part".to_owned(),
        (false, None, _) => "all of it".to_owned(),
    };
    Line {
        id: part.refund_id.to_string(),
        what,
        amount: said(part.amount),
        standing: Words { text, mark },
        note: part.failure.as_deref().map(|why| why.replace('_', " ")).unwrap_or_default(),
    }
}

fn of_receipt(part: &ReceiptPart) -> Line {
    let (text, mark) = match part.standing {
        ReceiptStanding::Requested => ("being registered", QUIET),
        ReceiptStanding::Failed => ("not registered", WARN),
        ReceiptStanding::Registered => ("registered", GOOD),
    };
    let what = match part.of {
        ReceiptOf::Charge => "of the payment",
        ReceiptOf::Refund => "of a refund",
    };
    Line {
        id: part.provider_ref.clone(),
        what: what.to_owned(),
        amount: String::new(),
        standing: Words { text, mark },
        note: String::new(),
    }
}

fn of_dispute(part: &DisputePart) -> Line {
    let (text, mark) = match part.outcome {
        None => ("open", WARN),
        Some(kontor_domain::credit_ledger::DisputeOutcome::Won) => ("won", GOOD),
        Some(kontor_domain::credit_ledger::DisputeOutcome::Lost) => ("lost", QUIET),
    };
    Line {
        id: part.dispute_ref.clone(),
        what: "contested by the payer".to_owned(),
        amount: said(part.amount),
        standing: Words { text, mark },
        note: String::new(),
    }
}
