//! `docker-compose.yml` and the broker's configuration for it, held against what reads them: Docker is
//! not everywhere where the tests run, and a wrong name there is told by nobody.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use kontor::config::{BOT_FIELDS, SETTINGS};
use kontor_engines::NatsBinary;
use saphyr::{LoadableYamlNode, Yaml};
use tempfile::tempdir;
use tokio::{process::Command, time::timeout};

use crate::program::text;

/// Far above what the server takes to read its configuration.
const PATIENCE: Duration = Duration::from_secs(60);
/// Services that run somebody else's program.
const FOREIGN: [&str; 5] = ["postgres", "nats", "keys", "prometheus", "grafana"];

fn root() -> PathBuf {
    Path::new("..").canonicalize().unwrap()
}

/// A part of the file, with `<<` carried out.
fn get<'a>(yaml: &'a Yaml<'a>, name: &str) -> Option<&'a Yaml<'a>> {
    let mapping = yaml.as_mapping()?;
    let find = |wanted: &str| {
        mapping.iter().find(|(key, _)| key.as_str() == Some(wanted)).map(|(_, value)| value)
    };
    find(name).or_else(|| get(find("<<")?, name))
}

/// The names in a mapping, those that it takes over included.
fn names(yaml: &Yaml<'_>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (key, value) in yaml.as_mapping().into_iter().flatten() {
        match key.as_str() {
            Some("<<") => names.extend(self::names(value)),
            Some(name) => drop(names.insert(name.to_owned())),
            None => panic!("a name is no text: {key:?}"),
        }
    }
    names
}

fn texts(yaml: Option<&Yaml<'_>>) -> Vec<String> {
    let items = yaml.and_then(Yaml::as_sequence).into_iter().flatten();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_services_of_docker_compose_fit_together_and_their_variables_are_known() {
    let file = fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let documents = Yaml::load_from_str(&file).unwrap();
    let services = get(&documents[0], "services").unwrap();
    let all = names(services);
    let volumes = names(get(&documents[0], "volumes").unwrap());
    let mut known: BTreeSet<String> =
        SETTINGS.iter().map(|setting| setting.name.to_owned()).collect();
    known.extend(SETTINGS.iter().filter(|it| it.secret).map(|it| format!("{}_FILE", it.name)));
    for field in BOT_FIELDS {
        let prefixes = ["BOT_", "KONTOR_BOT_DEMO_", "KONTOR_BOT_DEMO_CREDITS_"];
        known.extend(prefixes.map(|prefix| format!("{prefix}{}", field.name)));
    }
    for name in &all {
        let service = get(services, name).unwrap();
        for other in get(service, "depends_on").map(names).unwrap_or_default() {
            assert!(all.contains(&other), "{name} waits for {other}, which is no service");
        }
        for volume in texts(get(service, "volumes")) {
            let source = volume.split(':').next().unwrap();
            let is_there = match source.strip_prefix("./") {
                Some(path) => root().join(path).exists(),
                None => volumes.contains(source),
            };
            assert!(is_there, "{name}: {volume}");
        }
        if FOREIGN.contains(&name.as_str()) {
            continue;
        }
        let variables = get(service, "environment").map(names).unwrap_or_default();
        let unknown: Vec<&String> = variables.difference(&known).collect();
        assert!(unknown.is_empty(), "{name}: nobody reads {unknown:?}");
    }
    for variable in ["NATS_URL", "KONTOR_NATS_ISSUER_SEED_FILE", "KONTOR_NATS_SYSTEM_URL"] {
        let environment = get(get(services, "relay").unwrap(), "environment").unwrap();
        assert!(names(environment).contains(variable), "integrators need {variable}");
    }
}

/// Runs the script of the service `issuer`, with the program in its path.
async fn make_issuer(keys: &Path, issuer: &Path) {
    let program = Path::new(env!("CARGO_BIN_EXE_kontor")).parent().unwrap().to_owned();
    let made = Command::new("sh")
        .arg(root().join("scripts/docker-issuer.sh"))
        .args([keys, issuer])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
        .current_dir(keys)
        .stdin(Stdio::null())
        .output();
    let made = timeout(PATIENCE, made).await.unwrap().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert_eq!(text(&made.stdout), "", "the seed is a secret");
}

#[tokio::test]
async fn the_broker_of_docker_compose_starts_with_the_key_that_is_made_for_it() {
    let folder = tempdir().unwrap();
    let (keys, issuer) = (folder.path().join("keys"), folder.path().join("issuer"));
    fs::create_dir(&keys).unwrap();
    fs::create_dir(&issuer).unwrap();
    make_issuer(&keys, &issuer).await;
    let seed = fs::read_to_string(keys.join("nats-issuer.seed")).unwrap();
    let block = fs::read_to_string(issuer.join("auth_callout.conf")).unwrap();
    let key = kontor_nats::Issuer::from_seed(&seed.clone().into()).unwrap();
    assert!(block.contains(&key.public_key()), "{block}");
    make_issuer(&keys, &issuer).await;
    assert_eq!(fs::read_to_string(keys.join("nats-issuer.seed")).unwrap(), seed, "made once");

    let config = folder.path().join("docker.conf");
    fs::copy(root().join("nats/docker.conf"), &config).unwrap();
    for (password, works) in [(Some("kontor"), true), (None, false)] {
        let mut server = Command::new(NatsBinary::find().unwrap().path());
        server.args(["-t", "-c"]).arg(&config).env_remove("NATS_PASSWORD");
        if let Some(password) = password {
            server.env("NATS_PASSWORD", password);
        }
        let checked = timeout(PATIENCE, server.output()).await.unwrap().unwrap();
        let said = format!("{}{}", text(&checked.stdout), text(&checked.stderr));
        assert_eq!(checked.status.success(), works, "{said}");
    }
    // The example for production is read by the same server.
    let mut server = Command::new(NatsBinary::find().unwrap().path());
    server.args(["-t", "-c"]).arg(root().join("nats/nats-server.conf"));
    for name in ["ADMIN", "GATEWAY", "WORKER", "RELAY", "SYSTEM"] {
        server.env(format!("NATS_{name}_PASSWORD"), "secret");
    }
    server.env("NATS_ISSUER", key.public_key());
    let checked = timeout(PATIENCE, server.output()).await.unwrap().unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}
