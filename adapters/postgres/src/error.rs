//! The error of a failed query.

/// A query failed. `Display` says what was tried; the source says why it failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
pub struct DatabaseError {
    /// What was tried, as an infinitive: "acquire the lease".
    pub what: &'static str,
    /// What the database or the driver said.
    #[source]
    pub source: sqlx::Error,
}

/// Names what failed: `query.await.map_err(failed("acquire the lease"))?`.
pub(crate) fn failed(what: &'static str) -> impl FnOnce(sqlx::Error) -> DatabaseError {
    move |source| DatabaseError { what, source }
}

/// The messages of an error and all its sources, joined by colons; for rows that an operator reads.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    shorten(text)
}

/// The longest error text kept in a row, in bytes: enough for a chain of causes, too little to fill
/// the table.
const ERROR_TEXT_MAX: usize = 2_000;

/// Cuts a text for an error column and replaces the character that PostgreSQL cannot keep.
pub(crate) fn shorten(mut text: String) -> String {
    if text.len() > ERROR_TEXT_MAX {
        let end = (0..=ERROR_TEXT_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// The class of a failure decides who has to act: the author of the data, or nobody but time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Blame {
    /// The values do not fit; the same values will fail again.
    Data,
    /// The connection, the server or the schema; the values are innocent.
    Database,
}

/// Whose fault a failure is, by its SQLSTATE class.
pub(crate) fn blame(error: &sqlx::Error) -> Blame {
    let by_row = matches!(
        error,
        sqlx::Error::RowNotFound
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
    );
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let by_code = code.as_deref().is_some_and(|code| {
        // Cardinality, data, integrity, program limits, and errors raised by a trigger.
        ["21", "22", "23", "54", "P0001"].iter().any(|class| code.starts_with(class))
    });
    if by_row || by_code { Blame::Data } else { Blame::Database }
}

#[cfg(test)]
mod tests {
    use super::{ERROR_TEXT_MAX, shorten};

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let cut = shorten("я".repeat(ERROR_TEXT_MAX));
        assert_eq!(cut.len(), ERROR_TEXT_MAX);
        assert!(cut.chars().all(|c| c == 'я'));
    }

    #[test]
    fn a_zero_character_is_replaced() {
        assert_eq!(shorten("a\0b".to_owned()), "a\u{fffd}b");
    }
}
