//! Where values come from: the environment, `.env` and `kontor.toml`, in this order.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use super::{
    Problem,
    settings::{BOT_FIELDS, CARD_FIELDS, SETTINGS, Setting, toml_key},
};

/// The largest configuration file that is read: far above any real one, far below a mistake such as
/// the path of a database.
const FILE_BYTES_MAX: u64 = 1_048_576;

/// The files to read; the standard ones may be absent, named ones may not.
#[derive(Clone, Debug, Default)]
pub struct SourceFiles {
    /// Instead of `.env`.
    pub env_file: Option<PathBuf>,
    /// Instead of `kontor.toml`.
    pub config_file: Option<PathBuf>,
}

/// Tables in `kontor.toml` whose fields are variables under a name.
struct Tables {
    key: &'static str,
    /// One of them, in words.
    what: &'static str,
    prefix: &'static str,
    fields: &'static [Setting],
}

const TABLES: [Tables; 2] = [
    Tables { key: "bots", what: "a bot", prefix: "KONTOR_BOT_", fields: BOT_FIELDS },
    Tables { key: "cards", what: "an account", prefix: "KONTOR_CARDS_", fields: CARD_FIELDS },
];

/// All values, by the names of their variables.
#[derive(Debug, Default)]
pub struct Sources {
    layers: Vec<Layer>,
    problems: Vec<Problem>,
}

#[derive(Debug)]
struct Layer {
    /// How the layer is called in messages.
    origin: String,
    /// The environment holds much that is not ours; a file that names an unknown setting is wrong.
    is_environment: bool,
    values: BTreeMap<String, String>,
}

/// A value with its origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) value: &'a str,
    pub(super) origin: &'a str,
}

impl Sources {
    /// The environment of this process and the files in the current folder.
    pub fn of_process(files: &SourceFiles) -> Self {
        // What is not UTF-8 cannot be one of our values.
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::new(environment, files)
    }

    /// The given environment and files.
    pub fn new(
        environment: impl IntoIterator<Item = (String, String)>,
        files: &SourceFiles,
    ) -> Self {
        let mut sources = Self::default();
        sources.push("the environment", true, environment.into_iter().collect());
        let (path, named) = chosen(files.env_file.as_deref(), ".env");
        if let Some(text) = sources.file(&path, named) {
            let values = sources.env_values(&path, &text);
            sources.push(&path.display().to_string(), false, values);
        }
        let (path, named) = chosen(files.config_file.as_deref(), "kontor.toml");
        if let Some(text) = sources.file(&path, named) {
            let values = sources.toml_values(&path, &text);
            sources.push(&path.display().to_string(), false, values);
        }
        sources
    }

    /// The first value that is not empty: an empty variable counts as absent, because that is what
    /// `VARIABLE=` and an unset variable in a compose file mean.
    pub(super) fn find(&self, name: &str) -> Option<Found<'_>> {
        self.layers.iter().find_map(|layer| {
            let value = layer.values.get(name)?.trim();
            (!value.is_empty()).then_some(Found { value, origin: &layer.origin })
        })
    }

    /// All names with their origins; the flag says that the origin is the environment.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.layers.iter().flat_map(|layer| {
            layer
                .values
                .keys()
                .map(|name| (name.as_str(), layer.origin.as_str(), layer.is_environment))
        })
    }

    /// What was wrong with the files themselves.
    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn push(&mut self, origin: &str, is_environment: bool, values: BTreeMap<String, String>) {
        self.layers.push(Layer { origin: origin.to_owned(), is_environment, values });
    }

    fn file(&mut self, path: &Path, named: bool) -> Option<String> {
        match read_bounded(path) {
            Ok(text) => Some(text),
            Err(err) if err.kind() == io::ErrorKind::NotFound && !named => None,
            Err(err) => {
                self.problem(path, err.to_string(), "a readable text file");
                None
            }
        }
    }

    fn env_values(&mut self, path: &Path, text: &str) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for item in dotenvy::Iter::new(text.as_bytes()) {
            match item {
                Ok((name, value)) => {
                    values.insert(name, value);
                }
                // The error quotes the line, and the line may hold a secret.
                Err(_) => {
                    self.problem(path, "a line that cannot be read".into(), "lines of NAME=value");
                    break;
                }
            }
        }
        values
    }

    fn toml_values(&mut self, path: &Path, text: &str) -> BTreeMap<String, String> {
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(err) => {
                // The reader's full message quotes the line, and the line may hold a secret.
                let line =
                    err.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                self.problem(path, format!("line {line}: {}", err.message()), "valid TOML");
                return BTreeMap::new();
            }
        };
        let mut values = BTreeMap::new();
        for (key, value) in table {
            if let Some(kind) = TABLES.iter().find(|kind| key == kind.key) {
                self.toml_tables(path, kind, value, &mut values);
            } else if let Some((name, text)) = variable_of(&key).zip(toml_text(&value)) {
                values.insert(name, text);
            } else {
                let says = format!("{key} = …");
                self.problem(path, says, "made of known keys with texts, numbers or lists");
            }
        }
        values
    }

    /// `[[bots]]` becomes the same names as in the environment, so that a bot's token can come from
    /// there and the rest from the file; and so do the tables of other kinds.
    fn toml_tables(
        &mut self,
        path: &Path,
        kind: &Tables,
        value: toml::Value,
        values: &mut BTreeMap<String, String>,
    ) {
        let Tables { key, what, prefix, fields } = kind;
        let expects = format!("made of `[[{key}]]` tables, each with a `name` of a-z, 0-9 and _");
        let toml::Value::Array(tables) = value else {
            return self.problem(path, format!("{key} = …"), &expects);
        };
        for table in tables {
            let table = table.as_table().cloned().unwrap_or_default();
            let Some(name) = table.get("name").and_then(toml::Value::as_str) else {
                self.problem(path, format!("{what} without a name"), &expects);
                continue;
            };
            let prefix = format!("{prefix}{}", name.to_ascii_uppercase());
            if values.keys().any(|known| known.starts_with(&format!("{prefix}_"))) {
                self.problem(path, format!("name = {name} twice"), &expects);
            }
            for (key, value) in table.iter().filter(|(key, _)| *key != "name") {
                let known = fields.iter().any(|field| {
                    let field_key = field.name.to_ascii_lowercase();
                    *key == field_key || (field.secret && *key == format!("{field_key}_file"))
                });
                match toml_text(value).filter(|_| known) {
                    Some(text) => {
                        values.insert(format!("{prefix}_{}", key.to_ascii_uppercase()), text);
                    }
                    None => self.problem(
                        path,
                        format!(
                            "{} {name}: {key} = …",
                            what.trim_start_matches("a ").trim_start_matches("an ")
                        ),
                        "made of known keys with texts",
                    ),
                }
            }
        }
    }

    fn problem(&mut self, path: &Path, says: String, expects: &str) {
        self.problems.push(Problem {
            variable: path.display().to_string(),
            origin: None,
            says: Some(says),
            expects: expects.to_owned(),
        });
    }
}

fn chosen(named: Option<&Path>, standard: &str) -> (PathBuf, bool) {
    named.map_or_else(|| (PathBuf::from(standard), false), |path| (path.to_owned(), true))
}

pub(super) fn read_bounded(path: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("it is not a file of at most 1 MiB"));
    }
    std::fs::read_to_string(path)
}

/// The variable that a key of `kontor.toml` stands for.
fn variable_of(key: &str) -> Option<String> {
    SETTINGS.iter().find_map(|setting| {
        let setting_key = toml_key(setting.name);
        if key == setting_key {
            Some(setting.name.to_owned())
        } else {
            (setting.secret && key.strip_suffix("_file") == Some(&setting_key))
                .then(|| format!("{}_FILE", setting.name))
        }
    })
}

/// A value as it would stand in the environment: lists are joined by commas.
fn toml_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(on.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<String>> = items.iter().map(toml_text).collect();
            Some(texts?.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}
