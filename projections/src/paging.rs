//! Pages of long lists, and what can go wrong in a query.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where a page of a list ends; opaque to callers.
///
/// It names a fixed place in an order that never changes, so rows that are added between two pages
/// neither repeat nor hide others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cursor {
    list: u8,
    key: i64,
}

/// The lists that have cursors; a cursor of one is refused by the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum List {
    Tenants = b't',
    Accounts = b'a',
    Meters = b'm',
    Readings = b'r',
    CreditHistory = b'c',
    LedgerEntries = b'e',
    BookLines = b'b',
    Products = b'p',
    Payments = b'y',
    Differences = b'd',
    LateLines = b'l',
}

impl Cursor {
    pub(crate) fn new(list: List, key: i64) -> Self {
        Self { list: list as u8, key }
    }

    fn key(self, list: List) -> Result<i64, CursorError> {
        if self.list == list as u8 { Ok(self.key) } else { Err(CursorError) }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [self.list; 9];
        bytes[1..].copy_from_slice(&self.key.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let (list, key) = bytes.split_first().ok_or(CursorError)?;
        let key: [u8; 8] = key.try_into().map_err(|_| CursorError)?;
        Ok(Self { list: *list, key: i64::from_be_bytes(key) })
    }
}

/// The text is not a cursor of this list.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "this is not a cursor of this list; start without one, then pass on what each page returns"
)]
pub struct CursorError;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PageRequest {
    /// After which place; from the start when absent.
    pub after: Option<Cursor>,
    /// How many rows, 1 to [`PageRequest::LIMIT_MAX`]; other numbers count as the nearest bound.
    pub limit: u32,
}

impl PageRequest {
    /// The largest page: a page is held in memory and sent in one answer.
    pub const LIMIT_MAX: u32 = 200;

    /// The usual page.
    pub const LIMIT_DEFAULT: u32 = 50;

    /// The first page of a list.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    fn limit(&self) -> u32 {
        self.limit.clamp(1, Self::LIMIT_MAX)
    }

    /// How many rows to read: one more than wanted shows whether another page follows.
    pub(crate) fn rows_to_read(&self) -> i64 {
        i64::from(self.limit()) + 1
    }

    /// The key to continue after, or `start` for the first page.
    pub(crate) fn key(&self, list: List, start: i64) -> Result<i64, CursorError> {
        self.after.map_or(Ok(start), |cursor| cursor.key(list))
    }

    /// Cuts what was read to the page, with a cursor when more follows.
    pub(crate) fn cut<R>(&self, list: List, mut rows: Vec<R>, key: impl Fn(&R) -> i64) -> Page<R> {
        let limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| Cursor::new(list, key(last)));
        Page { items: rows, next }
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::first(Self::LIMIT_DEFAULT)
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<R> {
    /// The rows, in the order of the list.
    pub items: Vec<R>,
    /// Where the next page begins; none after the last row.
    pub next: Option<Cursor>,
}

/// Why a read model could not answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The cursor belongs to another list.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The database failed, or a row does not have the shape this build expects.
    #[error("the read model cannot be read")]
    Database(#[from] sqlx::Error),
}
