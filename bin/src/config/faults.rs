//! The fault that this process is to suffer. Only a build with the feature `faults` reads it.

use std::path::PathBuf;

use axum::http::Uri;
use kontor_faults::Plan;
use secrecy::ExposeSecret;

use super::{
    Config,
    reader::{Reader, by_from_str},
    settings::{self, Setting},
};

const FAULT: Setting = Setting {
    name: "KONTOR_FAULT",
    expects: "a place, `kill` or `stop`, and a passage, such as append.before:kill:37",
    secret: false,
};
const MARKER: Setting = Setting {
    name: "KONTOR_FAULT_MARKER",
    expects: "the path of the file that tells of the fault",
    secret: false,
};

/// The settings that no other build knows.
pub(super) const NAMES: [&str; 2] = [FAULT.name, MARKER.name];

/// A fault to suffer.
#[derive(Debug)]
pub struct FaultConfig {
    /// What, where, and at which passage.
    pub plan: Plan,
    /// The file that is written when it strikes.
    pub marker: PathBuf,
}

impl FaultConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let plan = reader.parsed(&FAULT, by_from_str::<Plan>);
        let marker = reader.parsed(&MARKER, |text| Some(PathBuf::from(text)));
        match (plan, marker) {
            (Some(plan), Some(marker)) => Some(Self { plan, marker }),
            (Some(_), None) => {
                reader.missing(&MARKER, "it belongs to KONTOR_FAULT");
                None
            }
            (None, _) => None,
        }
    }
}

impl Config {
    /// A program that kills itself on purpose works with nothing that anybody would miss: no bot
    /// that speaks to Telegram, and engines on this machine only.
    pub(super) fn check_faulty(&self, reader: &mut Reader<'_>) {
        let expects = "an address on this machine, since this build has fault points";
        let database = self.database.url.as_ref();
        if database.is_some_and(|url| !is_here(url.expose_secret())) {
            reader.refuse(&settings::DATABASE_URL, expects.to_owned());
        }
        if self.nats.servers.iter().any(|server| !is_here(server.expose_secret())) {
            reader.refuse(&settings::NATS_URL, expects.to_owned());
        }
        for bot in self.real_bots() {
            let expects = "a bot of the sandbox, since this build has fault points".to_owned();
            reader.push(&format!("the bot {}", bot.name), None, None, expects);
        }
    }
}

/// Whether an address names this machine.
fn is_here(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split('/').next().unwrap_or_default();
    format!("http://{host}")
        .parse::<Uri>()
        .is_ok_and(|uri| matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]")))
}

#[cfg(test)]
mod tests {
    use super::{Config, FaultConfig, Reader, is_here};
    use crate::config::{ConfigProblems, SourceFiles, Sources};

    /// As this build reads it: the fault, or what is wrong.
    fn load(values: &[(&str, &str)]) -> Result<Option<FaultConfig>, String> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let sources = Sources::new(values, &SourceFiles::default());
        let mut reader = Reader::new(&sources);
        let fault = FaultConfig::read(&mut reader);
        match Config::load(&sources) {
            Ok(config) => config.check_faulty(&mut reader),
            Err(problems) => return Err(problems.to_string()),
        }
        let (problems, _) = reader.finish();
        if problems.is_empty() { Ok(fault) } else { Err(ConfigProblems(problems).to_string()) }
    }

    #[test]
    fn a_fault_is_read_with_its_marker_and_not_without() {
        let fault = ("KONTOR_FAULT", "append.after:kill:2");
        let read = load(&[fault, ("KONTOR_FAULT_MARKER", "/tmp/marker")]).unwrap();
        assert_eq!(read.unwrap().plan.to_string(), fault.1);
        assert!(load(&[fault]).unwrap_err().contains("KONTOR_FAULT_MARKER"));
        assert!(load(&[("KONTOR_FAULT", "append.after")]).unwrap_err().contains("kill:37"));
        assert!(load(&[]).unwrap().is_none());
    }

    #[test]
    fn real_bots_and_engines_elsewhere_are_refused() {
        let token = "123456:abcdefghijklmnopqrstuvwxyz";
        let bot = [("BOT_TOKEN", token), ("BOT_TENANT", "demo")];
        let refused = load(&bot).unwrap_err();
        assert!(refused.contains("fault points") && !refused.contains(token), "{refused}");
        load(&[("BOT_API_URL", "http://127.0.0.1:8090"), bot[0], bot[1]]).unwrap();
        let secret = "postgres://kontor:secret@db.example.org/kontor";
        let refused = load(&[("DATABASE_URL", secret)]).unwrap_err();
        assert!(refused.contains("fault points") && !refused.contains("secret@"), "{refused}");
        load(&[("NATS_URL", "nats://127.0.0.1:4222,nats://10.0.0.1:4222")]).unwrap_err();
        load(&[("NATS_URL", "nats://kontor:a@127.0.0.1:4222,localhost:4223")]).unwrap();
    }

    #[test]
    fn a_host_is_found_behind_user_and_password() {
        assert!(is_here("postgres://kontor:p%40ss@127.0.0.1:5432/kontor"));
        assert!(is_here("nats://[::1]:4222"));
        assert!(!is_here("postgres://127.0.0.1:5432@db/kontor"));
        assert!(!is_here("127.0.0.1.example.org:4222"));
    }
}
