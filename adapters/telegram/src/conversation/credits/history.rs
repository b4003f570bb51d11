//! The history of credits: the totals, how this month goes, then what came and what went, newest first,
//! a page at a time in one message.

use std::sync::Arc;

use kontor_projections::{
    PageRequest,
    credits::{self, BalanceRow, HistoryRow, Intake},
};
use teloxide::types::InlineKeyboardButton;

use super::{
    facts::{self, Purchases},
    ledger,
    month::Month,
    no_ledger, words,
};
use crate::{
    conversation::{Reply, Schema, menu::Intent, when},
    format,
    outgoing::button,
    press::Press,
    texts::{Voice, say},
    turn::Turn,
};

/// Facts in one message: a telephone shows them without scrolling.
const PAGE_SIZE: usize = 10;

/// The most facts that can be paged through in the chat: twenty pages, and one read of the model.
const FACTS_MAX: u32 = 200;

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(wants_history, show))
        .branch(when(|turn| matches!(turn.press, Some(Press::CreditHistory { .. })), show))
}

/// `/history` is that of the credits where there are no meters to have one.
fn wants_history(turn: &Turn) -> bool {
    turn.intent == Some(Intent::CreditHistory)
        || (turn.intent == Some(Intent::History) && !turn.offer().meters)
}

async fn show(turn: Arc<Turn>) -> Reply {
    let row = match ledger(&turn).await? {
        Ok(row) => row,
        Err(words) => return Ok(no_ledger(&turn, words)),
    };
    let number =
        if let Some(Press::CreditHistory { page }) = turn.press { usize::from(page) } else { 0 };
    let (pool, tenant) = (&turn.ports.pool, &turn.ports.tenant);
    let intake = credits::intake(pool, tenant, row.id).await?;
    let facts = credits::history(pool, tenant, row.id, &PageRequest::first(FACTS_MAX)).await?;
    let facts: Vec<HistoryRow> = facts.items.into_iter().filter(facts::is_told).collect();
    let purchases = Purchases::load(&turn).await?;
    let pages = facts.len().div_ceil(PAGE_SIZE).max(1);
    let number = number.min(pages - 1);
    let mut text = totals(turn.voice, &row, &intake);
    if let Some(month) = Month::load(&turn, row.id).await? {
        text.push_str(&month.words(turn.voice));
        text.push('\n');
    }
    for fact in facts.iter().skip(number * PAGE_SIZE).take(PAGE_SIZE) {
        text.push('\n');
        text.push_str(&line(&turn, &purchases, fact));
    }
    let message = turn.reply(text).buttons(buttons(turn.voice, number, pages));
    Ok(turn.effects().idle().say(message))
}

fn totals(voice: Voice, row: &BalanceRow, intake: &Intake) -> String {
    let now = say!(voice, "credit-history", credits = words::credits(voice, row.available));
    let count = |count: i64| format::count(voice.language(), count);
    let totals = say!(
        voice,
        "credit-totals",
        bought = count(intake.bought),
        given = count(intake.given),
        spent = count(row.spent),
        messages = words::messages(voice, row.messages)
    );
    format!("{now}\n{totals}\n")
}

/// One fact: its day, what it was, and what was left.
fn line(turn: &Turn, purchases: &Purchases, fact: &HistoryRow) -> String {
    let voice = turn.voice;
    let day = fact.booked_at.with_timezone(&turn.tenant.time_zone).date_naive();
    say!(
        voice,
        "credit-history-line",
        day = format::plain_day(&voice, day, turn.today),
        what = purchases.what(voice, fact),
        left = format::count(voice.language(), fact.available)
    )
}

fn buttons(voice: Voice, number: usize, pages: usize) -> Vec<Vec<InlineKeyboardButton>> {
    let to = |label: String, page: usize| {
        let page = u16::try_from(page).unwrap_or(u16::MAX);
        button(label, Press::CreditHistory { page }.to_string())
    };
    let mut pager = Vec::new();
    if number > 0 {
        pager.push(to(say!(voice, "page-newer"), number - 1));
    }
    if number + 1 < pages {
        pager.push(to(say!(voice, "page-older"), number + 1));
    }
    let back = vec![
        button(say!(voice, "balance-button"), Press::Balance.to_string()),
        button(say!(voice, "credit-export-button"), Press::CreditExport.to_string()),
    ];
    if pager.is_empty() { vec![back] } else { vec![pager, back] }
}
