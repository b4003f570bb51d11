//! What people and programs read on standard output. Log lines go to standard error.

use std::io::Write;

use serde::Serialize;

/// Prints a text as it is, with a line break. When nobody reads any more, as behind `| head`, the
/// program ends quietly.
pub(crate) fn line(text: &str) {
    if writeln!(std::io::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// When the value has no JSON, which is a defect of its type.
pub(crate) fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    line(&serde_json::to_string(value)?);
    Ok(())
}

/// Prints a remark beside the output proper.
#[expect(clippy::print_stderr, reason = "a remark for the person who typed the command")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Prints why a command failed.
#[expect(clippy::print_stderr, reason = "the last words of a command")]
pub(crate) fn failure(text: &str) {
    eprintln!("kontor: {text}");
}

/// Prints rows under their titles, each column as wide as its longest cell.
pub(crate) fn table(titles: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([titles[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let format = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    line(&format(&mut titles.iter().copied()));
    for row in rows {
        line(&format(&mut row.iter().map(String::as_str)));
    }
}
