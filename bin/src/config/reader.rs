//! Reads typed values out of the sources and collects what is wrong with them.

use std::{
    fmt::Display,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use secrecy::SecretString;

use super::{
    Problem,
    bots::bot_variable,
    cards::card_variable,
    settings::{COMPOSE_ONLY, ENGINE_ONLY, SETTINGS, Setting},
    sources::{Found, Sources, read_bounded},
};

/// Where a secret's value came from and what it is; the text of a file is owned.
struct Secret {
    text: String,
    origin: String,
}

pub(super) struct Reader<'a> {
    pub(super) sources: &'a Sources,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { sources, problems: sources.problems().to_vec() }
    }

    /// The value as `parse` reads it; none when it is absent or wrong.
    pub(super) fn parsed<T>(
        &mut self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.parsed_as(setting.name, setting, parse)
    }

    /// The same under another name: a bot's field.
    pub(super) fn parsed_as<T>(
        &mut self,
        name: &str,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let found = self.sources.find(name)?;
        let value = parse(found.value);
        if value.is_none() {
            self.wrong(name, setting, found);
        }
        value
    }

    pub(super) fn number<T: FromStr + PartialOrd + Copy>(
        &mut self,
        setting: &Setting,
        range: RangeInclusive<T>,
        default: T,
    ) -> T {
        let number =
            self.parsed(setting, |text| text.parse().ok().filter(|number| range.contains(number)));
        number.unwrap_or(default)
    }

    pub(super) fn days(
        &mut self,
        setting: &Setting,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Duration {
        const SECONDS_PER_DAY: u64 = 24 * 60 * 60;
        Duration::from_secs(self.number(setting, range, default) * SECONDS_PER_DAY)
    }

    pub(super) fn address(&mut self, setting: &Setting, default_port: u16) -> SocketAddr {
        self.parsed(setting, |text| text.parse().ok())
            .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), default_port))
    }

    pub(super) fn path(&mut self, setting: &Setting, default: &str) -> PathBuf {
        self.parsed(setting, |text| Some(PathBuf::from(text)))
            .unwrap_or_else(|| PathBuf::from(default))
    }

    pub(super) fn list<T>(
        &mut self,
        setting: &Setting,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        self.parsed(setting, |text| items(text).map(parse).collect()).unwrap_or_default()
    }

    pub(super) fn secret(
        &mut self,
        setting: &Setting,
        is_right: impl Fn(&str) -> bool,
    ) -> Option<SecretString> {
        self.secret_as(setting.name, setting, is_right)
    }

    /// A secret under another name: a bot's field.
    pub(super) fn secret_as(
        &mut self,
        name: &str,
        setting: &Setting,
        is_right: impl Fn(&str) -> bool,
    ) -> Option<SecretString> {
        let secret = self.secret_text(name)?;
        if is_right(&secret.text) {
            return Some(secret.text.into());
        }
        self.wrong_secret(name, setting, secret.origin);
        None
    }

    pub(super) fn secret_list(
        &mut self,
        setting: &Setting,
        is_right: impl Fn(&str) -> bool,
    ) -> Vec<SecretString> {
        self.secrets_as(setting.name, setting, is_right)
    }

    /// A list of secrets under another name.
    pub(super) fn secrets_as(
        &mut self,
        name: &str,
        setting: &Setting,
        is_right: impl Fn(&str) -> bool,
    ) -> Vec<SecretString> {
        let Some(secret) = self.secret_text(name) else { return Vec::new() };
        let list: Vec<&str> = items(&secret.text).collect();
        if !list.is_empty() && list.iter().all(|item| is_right(item)) {
            return list.into_iter().map(SecretString::from).collect();
        }
        self.wrong_secret(name, setting, secret.origin);
        Vec::new()
    }

    /// Reports a value that is fine by itself and wrong beside others.
    pub(super) fn refuse(&mut self, setting: &Setting, expects: String) {
        let found = self.sources.find(setting.name);
        self.problems.push(Problem {
            variable: setting.name.to_owned(),
            origin: found.map(|found| found.origin.to_owned()),
            says: found.map(|found| shown(setting, found.value)),
            expects,
        });
    }

    pub(super) fn missing(&mut self, setting: &Setting, why: &str) {
        self.missing_as(setting.name, setting, why);
    }

    pub(super) fn missing_as(&mut self, name: &str, setting: &Setting, why: &str) {
        self.push(name, None, None, format!("{} ({why})", setting.expects));
    }

    pub(super) fn push(
        &mut self,
        variable: &str,
        origin: Option<String>,
        says: Option<String>,
        expects: String,
    ) {
        self.problems.push(Problem { variable: variable.to_owned(), origin, says, expects });
    }

    /// All problems, and notes about what does no harm.
    pub(super) fn finish(mut self) -> (Vec<Problem>, Vec<String>) {
        let mut notes = Vec::new();
        for (name, origin, is_environment) in self.sources.names() {
            if is_known(name) {
                continue;
            }
            let hint = nearest(name);
            if is_environment {
                // A container platform may add variables of its own under our prefix.
                notes.push(format!("{name} in {origin} is not a setting of Kontor; {hint}"));
            } else {
                self.problems.push(Problem {
                    variable: name.to_owned(),
                    origin: Some(origin.to_owned()),
                    says: Some("…".to_owned()),
                    expects: format!("a known setting; {hint}"),
                });
            }
        }
        (self.problems, notes)
    }

    /// A secret itself, or the text of the file that `<NAME>_FILE` points at.
    fn secret_text(&mut self, name: &str) -> Option<Secret> {
        let file_name = format!("{name}_FILE");
        let value = self.sources.find(name);
        let file = self.sources.find(&file_name);
        match (value, file) {
            (Some(found), None) => {
                Some(Secret { text: found.value.to_owned(), origin: found.origin.to_owned() })
            }
            (None, Some(found)) => self.secret_file(&file_name, found),
            (Some(_), Some(found)) => {
                let origin = Some(found.origin.to_owned());
                let expects = format!("absent while {name} is set; give one of them");
                self.push(&file_name, origin, Some(found.value.to_owned()), expects);
                None
            }
            (None, None) => None,
        }
    }

    fn secret_file(&mut self, variable: &str, found: Found<'_>) -> Option<Secret> {
        match read_bounded(Path::new(found.value)) {
            Ok(text) => {
                Some(Secret { text: text.trim().to_owned(), origin: found.value.to_owned() })
            }
            Err(err) => {
                let expects = format!("the path of a readable file ({err})");
                let origin = Some(found.origin.to_owned());
                self.push(variable, origin, Some(found.value.to_owned()), expects);
                None
            }
        }
    }

    fn wrong(&mut self, name: &str, setting: &Setting, found: Found<'_>) {
        self.problems.push(Problem {
            variable: name.to_owned(),
            origin: Some(found.origin.to_owned()),
            says: Some(shown(setting, found.value)),
            expects: setting.expects.to_owned(),
        });
    }

    fn wrong_secret(&mut self, name: &str, setting: &Setting, origin: String) {
        self.push(name, Some(origin), Some(HIDDEN.to_owned()), setting.expects.to_owned());
    }
}

/// What stands in a message instead of a secret.
const HIDDEN: &str = "(hidden)";

fn shown(setting: &Setting, value: &str) -> String {
    if setting.secret { HIDDEN.to_owned() } else { value.to_owned() }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Whether a name is a setting, or none of our business.
fn is_known(name: &str) -> bool {
    !name.starts_with("KONTOR_")
        || SETTINGS.iter().any(|setting| {
            name == setting.name
                || (setting.secret && name.strip_suffix("_FILE") == Some(setting.name))
        })
        || bot_variable(name).is_some()
        || card_variable(name).is_some()
        || COMPOSE_ONLY.contains(&name)
        || ENGINE_ONLY.contains(&name)
        || is_of_faults(name)
}

#[cfg(any(test, feature = "faults"))]
fn is_of_faults(name: &str) -> bool {
    super::faults::NAMES.contains(&name)
}

#[cfg(not(any(test, feature = "faults")))]
fn is_of_faults(_name: &str) -> bool {
    false
}

/// Which setting was probably meant.
fn nearest(name: &str) -> String {
    // More than a third of the letters wrong is another word.
    let limit = name.len() / 3;
    SETTINGS
        .iter()
        .map(|setting| (distance(name, setting.name), setting.name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map_or_else(
            || "`.env.sample` lists all of them".to_owned(),
            |(_, nearest)| format!("did you mean {nearest}?"),
        )
}

/// The number of letters to insert, delete or replace.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

/// Reads a value by its `FromStr`.
pub(super) fn by_from_str<T: FromStr<Err: Display>>(text: &str) -> Option<T> {
    text.parse().ok()
}
