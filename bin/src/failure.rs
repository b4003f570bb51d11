//! How a command ends when it does not end well.

use std::{fmt, process::ExitCode};

use crate::config::ConfigProblems;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was called in a wrong way, or the configuration is wrong: exit code 2.
    Usage(String),
    /// It was tried and did not work: exit code 1.
    Failed(anyhow::Error),
    /// It said on standard output what is wrong: exit code 1 and nothing more.
    Told,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) | Self::Told => ExitCode::FAILURE,
        }
    }

    /// What to print, when there is anything left to say.
    pub(crate) fn message(&self) -> Option<String> {
        match self {
            Self::Usage(text) => Some(text.clone()),
            Self::Failed(err) => Some(format!("{err:#}")),
            Self::Told => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message().unwrap_or_default())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(err: anyhow::Error) -> Self {
        Self::Failed(err)
    }
}

impl From<ConfigProblems> for Failure {
    fn from(problems: ConfigProblems) -> Self {
        Self::Usage(problems.to_string())
    }
}
