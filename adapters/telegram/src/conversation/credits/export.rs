//! The history of credits as a file, for whoever wants it in a spreadsheet.

use std::sync::Arc;

use chrono_tz::Tz;
use kontor_domain::Language;
use kontor_projections::{
    PageRequest,
    credits::{self, HistoryRow},
};
use uuid::Uuid;

use super::{
    facts::{self, Purchases},
    ledger, no_ledger,
};
use crate::{
    conversation::{Reply, Schema, when},
    format,
    outgoing::Outgoing,
    press::Press,
    texts::{Voice, say},
    turn::{Turn, TurnError},
};

/// The most facts of one file, the newest ones: it waits in the database until it is sent, and some
/// hundred kilobytes may.
const FACTS_MAX: usize = 2_000;
/// Makes Excel read UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

pub(super) fn schema() -> Schema {
    dptree::entry().branch(when(|turn| turn.press == Some(Press::CreditExport), send))
}

async fn send(turn: Arc<Turn>) -> Reply {
    let row = match ledger(&turn).await? {
        Ok(row) => row,
        Err(words) => return Ok(no_ledger(&turn, words)),
    };
    let voice = turn.voice;
    let purchases = Purchases::load(&turn).await?;
    let (facts, is_cut) = newest(&turn, row.id).await?;
    let zone = turn.tenant.time_zone;
    let rows = facts.iter().map(|fact| line(voice, zone, (&purchases, fact)));
    let mut text = format!("{BYTE_ORDER_MARK}{}", head(voice));
    text.extend(rows);
    let count = i64::try_from(facts.len()).unwrap_or(i64::MAX);
    let figure = format::count(voice.language(), count);
    let caption = if is_cut {
        say!(voice, "credit-export-cut", figure = figure)
    } else {
        say!(voice, "credit-export", count = count, figure = figure)
    };
    // Telegram shows names in other letters only to some.
    let name = format!("credits-{}.csv", turn.today);
    Ok(turn.effects().idle().say(Outgoing::document(name, text.into_bytes(), caption)))
}

/// The newest facts, and whether there are more.
async fn newest(turn: &Turn, ledger_id: Uuid) -> Result<(Vec<HistoryRow>, bool), TurnError> {
    let (pool, tenant) = (&turn.ports.pool, &turn.ports.tenant);
    let mut facts = Vec::new();
    let mut page = PageRequest::first(PageRequest::LIMIT_MAX);
    while facts.len() < FACTS_MAX {
        let found = credits::history(pool, tenant, ledger_id, &page).await?;
        facts.extend(found.items.into_iter().filter(facts::is_told));
        match found.next {
            Some(next) => page.after = Some(next),
            None => {
                let is_cut = facts.len() > FACTS_MAX;
                facts.truncate(FACTS_MAX);
                return Ok((facts, is_cut));
            }
        }
    }
    facts.truncate(FACTS_MAX);
    Ok((facts, true))
}

fn head(voice: Voice) -> String {
    let cells = [
        say!(voice, "column-day"),
        say!(voice, "column-time"),
        say!(voice, "column-what"),
        say!(voice, "column-credits"),
        say!(voice, "column-messages"),
        say!(voice, "column-left"),
    ];
    joined(voice.language(), &cells)
}

fn line(voice: Voice, zone: Tz, (purchases, fact): (&Purchases, &HistoryRow)) -> String {
    let at = fact.booked_at.with_timezone(&zone);
    let cells = [
        at.format("%Y-%m-%d").to_string(),
        at.format("%H:%M:%S").to_string(),
        purchases.what(voice, fact),
        fact.credits.to_string(),
        fact.messages.to_string(),
        fact.available.to_string(),
    ];
    joined(voice.language(), &cells)
}

/// A line of the table. Excel divides by what the language of the computer divides lists by.
fn joined(language: Language, cells: &[String]) -> String {
    let separator = match language {
        Language::Ru => ";",
        Language::En => ",",
    };
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    cells.join(separator) + "\r\n"
}

/// A cell that no spreadsheet takes for a formula; numbers stay numbers.
fn cell(text: &str) -> String {
    let text = text.replace(format::NO_BREAK_SPACE, " ");
    let is_formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<i64>().is_err();
    let text = if is_formula { format!("'{text}") } else { text };
    if text.contains(['"', ',', ';', '\n', '\r', '\'']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_together_whatever_a_product_is_called() {
        let cells = ["2026-11-28", "=1+1", "«Сто; и \"одно\"», 5\u{a0}⭐", "-5", "+3 кредита"];
        let cells = cells.map(ToOwned::to_owned);
        let expected =
            "2026-11-28;\"'=1+1\";\"«Сто; и \"\"одно\"\"», 5 ⭐\";-5;\"'+3 кредита\"\r\n";
        assert_eq!(joined(Language::Ru, &cells), expected);
        assert_eq!(joined(Language::En, &cells[..1]), "2026-11-28\r\n");
    }
}
