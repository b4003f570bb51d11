//! Query parameters, read one by one so that each mistake is named.

use std::{collections::HashMap, str::FromStr};

use axum::{extract::Query, http::Uri};
use kontor_projections::{Cursor, CursorError, PageRequest};

use crate::problem::Problem;

/// The query parameters of a request; unknown ones are passed by.
#[derive(Debug)]
pub(crate) struct Parameters(HashMap<String, String>);

impl Parameters {
    /// The parameters of an address; what is no parameter at all is passed by.
    pub(crate) fn of(uri: &Uri) -> Self {
        Self(Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default())
    }

    /// A parameter that reads itself from text; `expected` says in a sentence what it should be.
    pub(crate) fn parsed<T: FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Problem> {
        let text = self.0.get(name);
        text.map(|text| text.parse()).transpose().map_err(|_| Problem::parameter(name, expected))
    }

    /// The same without those that were left empty, as a form sends them.
    pub(crate) fn filled(mut self) -> Self {
        self.0.retain(|_, text| !text.trim().is_empty());
        self
    }

    /// A parameter as it was written.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The page of a list that `cursor` and `limit` ask for.
    pub(crate) fn page(&self) -> Result<PageRequest, Problem> {
        let expected = format!("a page has 1 to {} items", PageRequest::LIMIT_MAX);
        let limit = self.parsed("limit", &expected)?.unwrap_or(PageRequest::LIMIT_DEFAULT);
        if !(1..=PageRequest::LIMIT_MAX).contains(&limit) {
            return Err(Problem::parameter("limit", expected));
        }
        let after = self.parsed::<Cursor>("cursor", &CursorError.to_string())?;
        Ok(PageRequest { after, limit })
    }

    /// What a read does when its read model does not arrive in time.
    pub(crate) fn stale_is_fine(&self) -> Result<bool, Problem> {
        match self.0.get("on_timeout").map(String::as_str) {
            None | Some("error") => Ok(false),
            Some("stale") => Ok(true),
            Some(_) => Err(Problem::parameter("on_timeout", "give `error` or `stale`")),
        }
    }
}
