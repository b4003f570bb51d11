//! Lists as tables for a spreadsheet: in UTF-8 with a mark that Excel wants, separated by commas,
//! quoted as RFC 4180 says, and read from the database while they are sent.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::{Stream, StreamExt, future, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::{Instant, timeout_at},
};

use crate::{problem::Problem, state::ApiState};

/// The row after the last one of a table that was cut.
const CUT: &str = "cut here: there are more rows, narrow the filters";

/// Makes Excel read UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Rows of a table, page by page.
pub(crate) type Page = Vec<Vec<String>>;

/// An answer that is a table of the pages that come. An error on the way breaks the connection off,
/// so that half a table does not pass for a whole one.
pub(crate) fn answer(
    state: &ApiState,
    (name, columns): (&str, &[&str]),
    pages: impl Stream<Item = Result<Page, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    let limits = state.settings.exports;
    let Ok(place) = Arc::clone(&state.places.exports).try_acquire_owned() else {
        return Err(Problem::busy("exports_busy", "several exports are under way; try again soon"));
    };
    let (mut left, ends_at) = (limits.rows_max, Instant::now() + limits.lasts);
    let head = format!("{BYTE_ORDER_MARK}{}", row(columns.iter().copied()));
    let under_way = hold(place, ends_at);
    let body = pages.map(move |page| {
        let _held_until_the_end = &under_way;
        if Instant::now() > ends_at {
            return Err(std::io::Error::other("the export took too long"));
        }
        let page = page.map_err(|_| std::io::Error::other("the export failed"))?;
        let rows = page.iter().take(left).map(|cells| row(cells.iter().map(String::as_str)));
        let mut text: String = rows.collect();
        let cut = page.len() > left;
        if cut {
            text.push_str(&row([CUT].into_iter()));
        }
        left = left.saturating_sub(page.len());
        Ok((text, cut))
    });
    let body = body.scan(false, |over, page: std::io::Result<(String, bool)>| {
        let ended = std::mem::replace(over, page.as_ref().map_or(true, |(_, cut)| *cut));
        future::ready((!ended).then(|| page.map(|(text, _)| Bytes::from(text))))
    });
    // Whoever compresses it asks once more behind the end.
    let body = stream::once(async { Ok(Bytes::from(head)) }).chain(body).fuse();
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    headers.insert(header::CONTENT_TYPE, kind);
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.csv\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Holds a place for as long as the export is under way, and no longer than until `ends_at`: a reader
/// that takes nothing is never asked.
fn hold(place: OwnedSemaphorePermit, ends_at: Instant) -> oneshot::Sender<()> {
    let (under_way, over) = oneshot::channel();
    tokio::spawn(async move {
        // Either way it is over.
        let _ended = timeout_at(ends_at, over).await;
        drop(place);
    });
    under_way
}

/// A line of the table.
fn row<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(cell).collect();
    cells.join(",") + "\r\n"
}

/// A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe in front,
/// as OWASP advises. Numbers stay numbers.
fn cell(text: &str) -> String {
    let number = text.bytes().any(|byte| byte.is_ascii_digit()) && text.parse::<f64>().is_ok();
    let formula =
        !number && text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r', ';', '\t', '\'']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_formula_is_none() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("@SUM(A1)"), "\"'@SUM(A1)\"");
        assert_eq!(cell("-2+3|cmd"), "\"'-2+3|cmd\"");
        assert_eq!(cell("\t=1"), "\"'\t=1\"");
        assert_eq!(cell("＝1"), "\"'＝1\"");
        assert_eq!((cell("-5"), cell("+7.5")), ("-5".to_owned(), "+7.5".to_owned()));
        assert_eq!(cell("-inf"), "\"'-inf\"");
    }

    #[test]
    fn quotes_commas_and_breaks_stay_inside_of_their_cell() {
        let line = row(["a", "b,c", "\"x\"\n=1", "Ёлка", ""].into_iter());
        assert_eq!(line, "a,\"b,c\",\"\"\"x\"\"\n=1\",Ёлка,\r\n");
    }
}
