//! What is wrong with a configuration, in words that say what would be right.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// The variable, or the file when it cannot be read as a whole.
    pub variable: String,
    /// Where the value came from; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What it says; hidden for secrets, absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// What would be right.
    pub expects: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.variable)?;
        if let Some(origin) = &self.origin {
            write!(f, " (from {origin})")?;
        }
        match &self.says {
            Some(says) => write!(f, " says `{says}`; it must be {}", self.expects),
            None => write!(f, " is missing; it must be {}", self.expects),
        }
    }
}

/// Everything that is wrong.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ConfigProblems(pub Vec<Problem>);

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "the configuration has {count} {noun}:")?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigProblems {}
