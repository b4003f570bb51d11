//! What may go wrong on the way into the files.

use std::{io, path::PathBuf};

/// Why the books could not be written. What was written so far is gone.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// The folder is there already, and nothing in it is touched.
    #[error("{} exists already; name a new folder", .0.display())]
    Exists(PathBuf),
    /// A file could not be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The workbook could not be written.
    #[error("the workbook cannot be written")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// The lines of a booking do not add up to zero, or a balance leaves 64 bits.
    #[error("the booking at position {position} {defect}")]
    Unbalanced {
        /// Where it stands in the log.
        position: i64,
        /// What is wrong with it.
        defect: &'static str,
    },
    /// There are more accounts than are held in memory.
    #[error("there are more than {0} accounts, the most that are exported in one run")]
    TooManyAccounts(usize),
}

impl BooksError {
    /// A failure to write a file.
    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }
}
