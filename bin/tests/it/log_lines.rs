//! The log of a process that runs with `KONTOR_LOG_FORMAT=json`.

use serde_json::Value;
use uuid::Uuid;

/// The lines of one process.
pub(crate) struct LogLines(Vec<Value>);

impl LogLines {
    /// Reads a log. Each line must be JSON, and none may hold one of these words, by which somebody
    /// would be known.
    pub(crate) fn read(log: &str, words: &[&str]) -> Self {
        for word in words {
            let told = log.lines().find(|line| line.contains(word));
            assert_eq!(told, None, "a line tells of somebody");
        }
        let read =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|err| panic!("{err}: {line}"));
        Self(log.lines().map(read).collect())
    }

    /// How many lines are about a command. Each must carry all of these ids.
    pub(crate) fn about(&self, command_id: Uuid, others: &[(&str, &str)]) -> usize {
        let command_id = command_id.to_string();
        let lines = self.0.iter().filter(|line| line.to_string().contains(&command_id));
        lines
            .inspect(|line| {
                assert!(carries(line, ("command.id", &command_id)), "{line}");
                assert!(others.iter().all(|other| carries(line, *other)), "{others:?}: {line}");
            })
            .count()
    }
}

/// Whether a line or one of the spans around it has a field of this value.
fn carries(line: &Value, (field, value): (&str, &str)) -> bool {
    let spans = line["spans"].as_array().into_iter().flatten();
    std::iter::once(line).chain(spans).any(|place| place[field] == value)
}
