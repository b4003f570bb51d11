//! What failures of the database mean to a caller.

use std::{borrow::Cow, fmt, io};

use axum::http::StatusCode;

use super::Problem;

/// An error of the server with this code.
#[derive(Debug)]
struct Answered(&'static str);

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Answered {}

impl sqlx::error::DatabaseError for Answered {
    fn message(&self) -> &str {
        self.0
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.0.into())
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> sqlx::error::ErrorKind {
        sqlx::error::ErrorKind::Other
    }
}

#[test]
fn a_database_that_is_away_for_a_moment_is_no_failure_of_ours() {
    let cut = || sqlx::Error::Io(io::Error::from(io::ErrorKind::UnexpectedEof));
    let no_server = || sqlx::Error::Protocol("unexpected response from SSLRequest".to_owned());
    for away in [cut(), no_server(), sqlx::Error::PoolClosed] {
        let problem = Problem::from(away);
        assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem.code(), "database_unavailable");
        assert!(problem.retry_after_seconds.is_some(), "it says when to try again");
    }
    // Shutting down, crashed, starting, no connections left, disk full, an error of its disk.
    for code in ["57P01", "57P02", "57P03", "53300", "53100", "58030"] {
        let problem = Problem::from(sqlx::Error::Database(Box::new(Answered(code))));
        assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE, "{code}");
    }
}

#[test]
fn a_mistake_in_a_query_is_a_failure_of_ours() {
    for code in ["42P01", "23505", "22P02"] {
        let problem = Problem::from(sqlx::Error::Database(Box::new(Answered(code))));
        assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR, "{code}");
    }
    let problem = Problem::from(sqlx::Error::RowNotFound);
    assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR);
}
