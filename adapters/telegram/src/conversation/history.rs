//! A meter's history: newest first, a page at a time in one message, with a picture of the months.

use std::sync::Arc;

use chrono::Datelike;
use kontor_projections::{
    PageRequest,
    meters::MeterRow,
    readings::{self, PeriodTotal, ReadingRow},
};
use teloxide::types::InlineKeyboardButton;

use super::{
    Reply, Schema,
    menu::Intent,
    meters::{METERS_MAX, label, name, no_meters},
    refusals::rounded,
    when,
};
use crate::{
    chart::{Bar, Chart},
    format,
    outgoing::{Outgoing, button},
    press::Press,
    texts::{Voice, say},
    turn::{Effects, Turn, TurnError},
};

/// Readings in one message: a telephone shows them without scrolling.
const PAGE_SIZE: usize = 6;

/// The most readings that can be paged through in the chat: five years of months.
const READINGS_MAX: u32 = 60;

/// The months in the picture.
const MONTHS: u32 = 12;

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(|turn| turn.intent == Some(Intent::History), history))
        .branch(when(|turn| matches!(turn.press, Some(Press::OpenHistory { .. })), open))
        .branch(when(|turn| matches!(turn.press, Some(Press::History { .. })), turn_page))
}

async fn history(turn: Arc<Turn>) -> Reply {
    let meters = turn.meters().await?;
    match meters.as_slice() {
        [] => Ok(turn.effects().idle().say(no_meters(turn.voice))),
        [meter] => show(&turn, meter).await,
        _ => {
            let rows = meters.iter().take(METERS_MAX).map(|meter| {
                let press = Press::OpenHistory { meter_id: meter.id };
                vec![button(label(turn.voice, meter), press.to_string())]
            });
            let message = Outgoing::text(say!(turn.voice, "history-which-meter"));
            Ok(turn.effects().idle().say(message.buttons(rows.collect())))
        }
    }
}

async fn open(turn: Arc<Turn>) -> Reply {
    let Some(Press::OpenHistory { meter_id }) = turn.press else {
        return Ok(turn.effects());
    };
    match turn.own_meter(meter_id).await? {
        Some(meter) => show(&turn, &meter).await,
        None => Ok(unknown_meter(&turn)),
    }
}

fn unknown_meter(turn: &Turn) -> Effects {
    let text = say!(turn.voice, "refused-meter-unknown");
    turn.effects().say(Outgoing::text(text))
}

/// The picture, then the first page, in new messages.
async fn show(turn: &Turn, meter: &MeterRow) -> Reply {
    let rows = newest(turn, meter).await?;
    if rows.is_empty() {
        let text = say!(turn.voice, "history-empty", meter = name(turn.voice, meter));
        let submit =
            vec![vec![button(say!(turn.voice, "menu-reading"), Press::SubmitReading.to_string())]];
        return Ok(turn.effects().idle().say(Outgoing::text(text).buttons(submit)));
    }
    let mut effects = turn.effects().idle();
    if let Some(picture) = picture(turn, meter).await? {
        effects = effects.say(picture);
    }
    Ok(effects.say(page(turn, meter, &rows, 0, Outgoing::text)))
}

/// Another page in place of the one shown.
async fn turn_page(turn: Arc<Turn>) -> Reply {
    let Some(Press::History { meter_id, page: number }) = turn.press else {
        return Ok(turn.effects());
    };
    let Some(meter) = turn.own_meter(meter_id).await? else {
        return Ok(unknown_meter(&turn));
    };
    let rows = newest(&turn, &meter).await?;
    let message = page(&turn, &meter, &rows, usize::from(number), |text| turn.reply(text));
    Ok(turn.effects().say(message))
}

async fn newest(turn: &Turn, meter: &MeterRow) -> Result<Vec<ReadingRow>, TurnError> {
    let (pool, tenant) = (&turn.ports.pool, &turn.ports.tenant);
    let page = readings::history(pool, tenant, meter.id, &PageRequest::first(READINGS_MAX)).await?;
    Ok(page.items)
}

fn page(
    turn: &Turn,
    meter: &MeterRow,
    rows: &[ReadingRow],
    number: usize,
    message: impl FnOnce(String) -> Outgoing,
) -> Outgoing {
    let pages = rows.len().div_ceil(PAGE_SIZE).max(1);
    let number = number.min(pages - 1);
    let mut text = say!(turn.voice, "history-title", meter = name(turn.voice, meter));
    for row in rows.iter().skip(number * PAGE_SIZE).take(PAGE_SIZE) {
        text.push_str("\n\n");
        text.push_str(&entry(turn, meter, row));
    }
    message(text).buttons(pager(turn.voice, meter, number, pages))
}

/// One reading: the month and what it took, then what the counter showed.
fn entry(turn: &Turn, meter: &MeterRow, row: &ReadingRow) -> String {
    let voice = turn.voice;
    let month = format::month(&voice, row.period, turn.today);
    let amount = format::amount(&voice, meter.kind, row.consumption_total());
    let mut first = say!(voice, "history-month", month = month, amount = amount);
    if row.consumption.len() > 1 {
        let zones = format::quantities(voice.language(), &row.consumption);
        first = format!("{first} ({zones})");
    }
    let mut second = say!(
        voice,
        "history-values",
        values = format::readings(voice.language(), &row.values),
        day = format::plain_day(&voice, row.taken_on, turn.today)
    );
    if row.corrections > 0 {
        second.push_str(&say!(voice, "history-corrected"));
    }
    format!("{first}\n{second}")
}

fn pager(
    voice: Voice,
    meter: &MeterRow,
    number: usize,
    pages: usize,
) -> Vec<Vec<InlineKeyboardButton>> {
    let to = |label: String, page: usize| {
        let page = u16::try_from(page).unwrap_or(u16::MAX);
        button(label, Press::History { meter_id: meter.id, page }.to_string())
    };
    let mut row = Vec::new();
    if number > 0 {
        row.push(to(say!(voice, "page-newer"), number - 1));
    }
    if number + 1 < pages {
        row.push(to(say!(voice, "page-older"), number + 1));
    }
    if row.is_empty() { Vec::new() } else { vec![row] }
}

/// The picture of the last months; none while there are fewer than two to compare.
async fn picture(turn: &Turn, meter: &MeterRow) -> Result<Option<Outgoing>, TurnError> {
    let (pool, tenant) = (&turn.ports.pool, &turn.ports.tenant);
    let mut months = readings::by_period(pool, tenant, meter.id, MONTHS).await?;
    if months.len() < 2 {
        return Ok(None);
    }
    months.reverse();
    let chart = chart(turn.voice, meter, &months);
    // Rendering takes tens of milliseconds of pure computing.
    match tokio::task::spawn_blocking(move || chart.to_png()).await? {
        Ok(png) => {
            let caption = say!(turn.voice, "chart-caption", meter = name(turn.voice, meter));
            Ok(Some(Outgoing::picture(png, caption)))
        }
        Err(err) => {
            // The list says the same in words, so the reply goes out without the picture.
            let cause = std::error::Error::source(&err).map(ToString::to_string);
            tracing::error!(cause, "A picture was not drawn: {err}");
            Ok(None)
        }
    }
}

fn chart(voice: Voice, meter: &MeterRow, months: &[PeriodTotal]) -> Chart {
    let zones: Vec<String> = meter
        .last_values
        .keys()
        .map(|zone| format::zone(voice.language(), *zone).to_owned())
        .collect();
    let bars = months
        .iter()
        .map(|month| Bar {
            label: say!(voice, "month-short", month = month.period.month()),
            figure: format::quantity(voice.language(), rounded(month.consumption_total())),
            parts: month.consumption.values().copied().collect(),
        })
        .collect();
    Chart {
        title: without_sign(&name(voice, meter)),
        subtitle: say!(voice, "chart-subtitle", unit = format::unit(&voice, meter.kind)),
        zones,
        bars,
    }
}

/// The sign in front of a meter's name is not in the font of the picture.
fn without_sign(name: &str) -> String {
    name.trim_start_matches(|c: char| !c.is_alphanumeric()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::without_sign;

    #[test]
    fn the_picture_has_no_signs_that_its_font_lacks() {
        assert_eq!(without_sign("⚡ Электричество · кухня"), "Электричество · кухня");
        assert_eq!(without_sign("Heat"), "Heat");
    }
}
