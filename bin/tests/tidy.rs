//! The house rules that no compiler checks: short files, documented migrations, unique names, and a
//! sample of the configuration that is neither short of a variable nor ahead of the program.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use kontor::config::{
    BOT_FIELDS, CARD_FIELDS, COMPOSE_ONLY, Config, ENGINE_ONLY, SETTINGS, SourceFiles, Sources,
};

/// A file that fits into a head; longer ones hold two things.
const LINES_MAX: usize = 400;

const CHECKED: [&str; 5] = ["rs", "ts", "sql", "css", "html"];

/// Folders whose content is made or fetched.
const FOREIGN: [&str; 5] = ["target", "node_modules", "dist", ".git", ".kontor"];

fn root() -> PathBuf {
    Path::new("..").canonicalize().unwrap()
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_symlink() || FOREIGN.contains(&name) {
            continue;
        }
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn files_with(extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(&root(), &mut found);
    found.retain(|path| {
        path.extension().is_some_and(|found| extensions.iter().any(|wanted| found == *wanted))
    });
    found
}

#[test]
fn no_source_file_is_longer_than_four_hundred_lines() {
    let files = files_with(&CHECKED);
    assert!(files.len() > 50, "only {} files were found", files.len());
    let long: Vec<String> = files
        .iter()
        .map(|path| (path, fs::read_to_string(path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "split these: {long:#?}");
}

#[test]
fn nothing_is_built_with_the_place_of_the_clone_in_it() {
    // Clones share the folder of what was built, and cargo takes what another clone has built for its
    // own. Tests run in the folder of their package; programs ask when they run.
    let here = concat!("env!(\"CARGO_", "MANIFEST_DIR\")");
    for file in files_with(&["rs"]) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains(here), "{} is built for one clone alone", file.display());
    }
}

#[test]
fn every_module_with_a_folder_lies_beside_it() {
    let files = files_with(&["rs"]);
    let old: Vec<&PathBuf> = files.iter().filter(|path| path.ends_with("mod.rs")).collect();
    assert!(old.is_empty(), "`x.rs` beside `x/` instead: {old:#?}");
}

#[test]
fn every_migration_has_a_number_of_its_own_and_stands_in_the_readme() {
    let folder = root().join("migrations");
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut numbers = BTreeMap::new();
    for path in files_with(&["sql"]).into_iter().filter(|path| path.starts_with(&folder)) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(readme.contains(&name), "migrations/README.md does not speak of {name}");
        let number = name.split_once('_').unwrap().0.to_owned();
        assert_eq!(number.len(), 4, "{name} begins with four digits");
        if let Some(other) = numbers.insert(number, name.clone()) {
            panic!("{name} and {other} have one number");
        }
    }
    assert!(!numbers.is_empty(), "there are migrations");
}

#[test]
fn every_aggregate_type_is_unique() {
    let mut seen = BTreeMap::new();
    for path in
        files_with(&["rs"]).into_iter().filter(|path| path.starts_with(root().join("domain")))
    {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some(rest) = line.trim().strip_prefix("const TYPE: &'static str = \"") else {
                continue;
            };
            let name = rest.split('"').next().unwrap().to_owned();
            if let Some(other) = seen.insert(name.clone(), path.clone()) {
                panic!("{name} is the type of {} and {}", path.display(), other.display());
            }
        }
    }
    assert!(seen.contains_key("tenant") && seen.contains_key("meter"), "{seen:?}");
}

/// The variables of `.env.sample` with their values, commented out or not.
fn sample() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join(".env.sample")).unwrap();
    text.lines()
        .filter_map(|line| {
            let (name, value) = line.strip_prefix('#').unwrap_or(line).split_once('=')?;
            let is_name =
                name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
            is_name.then(|| (name.to_owned(), value.to_owned()))
        })
        .collect()
}

#[test]
fn the_sample_names_every_variable_and_no_other() {
    let bots = BOT_FIELDS.iter().flat_map(|field| {
        [format!("BOT_{}", field.name), format!("KONTOR_BOT_MOSCOW_{}", field.name)]
    });
    let cards = CARD_FIELDS.iter().map(|field| format!("KONTOR_CARDS_SHOP_{}", field.name));
    let known: BTreeSet<String> = SETTINGS
        .iter()
        .map(|setting| setting.name.to_owned())
        .chain(bots.chain(cards))
        .chain(COMPOSE_ONLY.iter().chain(ENGINE_ONLY).map(|name| (*name).to_owned()))
        .chain(["POSTGRES_PASSWORD", "NATS_PASSWORD", "NATS_PORT"].map(str::to_owned))
        .collect();
    let named: BTreeSet<String> = sample().into_keys().collect();
    let missing: Vec<_> = known.difference(&named).collect();
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(missing.is_empty(), ".env.sample does not explain {missing:?}");
    assert!(unknown.is_empty(), ".env.sample explains {unknown:?}, which nobody reads");
}

#[test]
fn the_values_of_the_sample_are_the_defaults() {
    let load = |values: BTreeMap<String, String>| {
        // The folder of the tests has neither `.env` nor `kontor.toml`.
        Config::load(&Sources::new(values, &SourceFiles::default())).unwrap()
    };
    // These have no default, or one that depends on the machine or the role.
    let examples = [
        "DATABASE_URL",
        "NATS_URL",
        "KONTOR_NATS_CREDENTIALS_FILE",
        "KONTOR_NATS_USER",
        "KONTOR_NATS_PASSWORD",
        "KONTOR_NATS_TOKEN",
        "KONTOR_NATS_CA_FILE",
        "KONTOR_WEBHOOK_CA_FILE",
        "KONTOR_NATS_ISSUER_SEED",
        "KONTOR_NATS_SYSTEM_URL",
        "KONTOR_HTTP_PUBLIC_URL",
        "KONTOR_HTTP_CORS_ORIGINS",
        "KONTOR_SANDBOX",
        "KONTOR_SEAL_FILE",
        "KONTOR_LOG",
        "KONTOR_METRICS_ADDRESS",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "KONTOR_WORKER_THREADS",
    ];
    let mut defaults = sample();
    defaults.retain(|name, _| {
        SETTINGS.iter().any(|setting| setting.name == name) && !examples.contains(&name.as_str())
    });
    assert_eq!(format!("{:?}", load(defaults)), format!("{:?}", load(BTreeMap::new())));
    // The examples are at least right.
    let mut bots = sample();
    bots.retain(|name, _| name.starts_with("BOT_") || name.starts_with("KONTOR_BOT_"));
    assert_eq!(load(bots).bots.len(), 2);
}
