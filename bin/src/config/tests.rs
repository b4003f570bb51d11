use std::path::Path;

use secrecy::ExposeSecret;

use super::*;

pub(super) fn load(environment: &[(&str, &str)]) -> Result<Config, ConfigProblems> {
    load_with(environment, Path::new("/nonexistent"))
}

/// Loads with the files `.env` and `kontor.toml` of a folder, when they exist.
pub(super) fn load_with(
    environment: &[(&str, &str)],
    folder: &Path,
) -> Result<Config, ConfigProblems> {
    let existing = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
    let files = SourceFiles { env_file: existing(".env"), config_file: existing("kontor.toml") };
    let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&Sources::new(pairs, &files))
}

pub(super) fn problems(environment: &[(&str, &str)]) -> String {
    load(environment).unwrap_err().to_string()
}

const TOKEN: &str = "123456:abcdefghijklmnopqrstuvwxyz";

#[test]
fn without_any_source_the_defaults_hold() {
    let config = load(&[]).unwrap();
    assert_eq!(config.data_dir, Path::new(".kontor"));
    assert_eq!(config.http.address.to_string(), "127.0.0.1:8080");
    assert_eq!(config.sandbox.address.to_string(), "127.0.0.1:8090");
    assert!(config.database.url.is_none() && config.nats.servers.is_empty());
    assert!(config.bots.is_empty() && config.notes.is_empty());
}

#[test]
fn all_problems_are_reported_at_once_with_what_would_be_right() {
    let text = problems(&[
        ("KONTOR_HTTP_ADDRESS", "localhost"),
        ("KONTOR_POOL_WRITE", "many"),
        ("KONTOR_NATS_REPLICAS", "2"),
        ("DATABASE_URL", "mysql://somewhere"),
    ]);
    assert_eq!(
        text,
        "the configuration has 4 problems:\n  \
         DATABASE_URL (from the environment) says `(hidden)`; it must be a PostgreSQL address such \
         as postgres://user:password@host:5432/kontor\n  \
         KONTOR_POOL_WRITE (from the environment) says `many`; it must be a whole number from 2 to \
         200\n  \
         KONTOR_NATS_REPLICAS (from the environment) says `2`; it must be 1, 3 or 5 (more than 1 \
         needs a NATS cluster)\n  \
         KONTOR_HTTP_ADDRESS (from the environment) says `localhost`; it must be an IP address and \
         a port, such as 127.0.0.1:8080 or 0.0.0.0:8080"
    );
}

#[test]
fn secrets_appear_neither_in_problems_nor_in_debug_output() {
    let text = problems(&[("BOT_TOKEN", "hunter2"), ("NATS_URL", "ftp://u:hunter2@host")]);
    assert!(!text.contains("hunter2"), "{text}");
    let config = load(&[
        ("BOT_TOKEN", TOKEN),
        ("DATABASE_URL", "postgres://me:hunter2@host/db"),
        ("NATS_URL", "nats://me:hunter2@a:4222, nats://b:4222"),
    ]);
    let config = config.unwrap();
    let text = format!("{config:?}");
    assert!(!text.contains("hunter2") && !text.contains(TOKEN), "{text}");
    assert_eq!(config.nats.servers[1].expose_secret(), "nats://b:4222");
}

#[test]
fn what_a_collector_wants_is_checked_at_start_and_shown_nowhere() {
    const NAME: &str = "OTEL_EXPORTER_OTLP_HEADERS";
    for wrong in ["hunter2", "authorization=hunter2,", "content-type=hunter2"] {
        let text = problems(&[(NAME, wrong)]);
        assert!(text.contains(NAME) && text.contains("name=value pairs"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headers");
    std::fs::write(&file, "authorization=Bearer%20hunter2\n").unwrap();
    let file = file.to_str().unwrap();
    for found in
        [(NAME, "authorization=Bearer%20hunter2"), ("OTEL_EXPORTER_OTLP_HEADERS_FILE", file)]
    {
        let config = load(&[found]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let headers = config.traces.headers.unwrap();
        assert_eq!(headers.expose_secret(), "authorization=Bearer%20hunter2");
    }
}

#[test]
fn the_environment_wins_over_the_env_file_and_that_over_the_toml_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "KONTOR_POOL_WRITE=11\nKONTOR_POOL_QUERY=11\n")
        .unwrap();
    std::fs::write(
        folder.path().join("kontor.toml"),
        "pool_write = 12\npool_query = 12\npool_follow = 12\n\
         http_cors_origins = [\"https://a.example\", \"https://b.example:8443\"]\n",
    )
    .unwrap();
    let config = load_with(&[("KONTOR_POOL_WRITE", "10")], folder.path()).unwrap();
    let database = &config.database;
    assert_eq!((database.pool_write, database.pool_query, database.pool_follow), (10, 11, 12));
    assert_eq!(config.http.cors_origins, ["https://a.example", "https://b.example:8443"]);
}

#[test]
fn an_empty_variable_counts_as_absent() {
    let config = load(&[("KONTOR_POOL_WRITE", ""), ("DATABASE_URL", "  ")]).unwrap();
    assert!(config.database.url.is_none());
}

#[test]
fn bots_come_from_toml_tables_whose_tokens_may_come_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("kontor.toml"),
        "[[bots]]\nname = \"moscow\"\ntenant = \"moscow\"\n\
         [[bots]]\nname = \"salon\"\ntenant = \"salon_abc\"\nmode = \"webhook\"\n\
         webhook_public_url = \"https://bot.example.org/\"\nwebhook_secret = \"abcdefgh-12345678\"\n\
         token_file = \"TOKEN_FILE\"\n"
            .replace("TOKEN_FILE", folder.path().join("token").to_str().unwrap()),
    )
    .unwrap();
    std::fs::write(folder.path().join("token"), format!("7{TOKEN}\n")).unwrap();
    let config = load_with(&[("KONTOR_BOT_MOSCOW_TOKEN", TOKEN)], folder.path()).unwrap();
    let [moscow, salon] = config.bots.as_slice() else { panic!("{:?}", config.bots) };
    assert_eq!((moscow.name.as_str(), moscow.mode), ("moscow", BotMode::Polling));
    assert_eq!(moscow.token.expose_secret(), TOKEN);
    assert_eq!((salon.tenant.as_str(), salon.mode), ("salon_abc", BotMode::Webhook));
    assert_eq!(salon.token.expose_secret(), format!("7{TOKEN}"));
    assert_eq!(salon.webhook_public_url.as_deref(), Some("https://bot.example.org"));
}

#[test]
fn a_single_bot_needs_nothing_but_its_token() {
    let config = load(&[("BOT_TOKEN", TOKEN)]).unwrap();
    assert_eq!(config.bots[0].name, "main");
    assert_eq!(config.bots[0].tenant.as_str(), "demo_utility");
    assert!(config.bots[0].is_real());
}

#[test]
fn what_a_bot_lacks_is_named() {
    let text = problems(&[("KONTOR_BOT_SHOP_MODE", "webhook")]);
    for name in ["TENANT", "TOKEN", "WEBHOOK_PUBLIC_URL", "WEBHOOK_SECRET"] {
        assert!(text.contains(&format!("KONTOR_BOT_SHOP_{name} is missing")), "{name}: {text}");
    }
}

#[test]
fn two_bots_with_one_token_are_refused() {
    let text = problems(&[
        ("BOT_TOKEN", TOKEN),
        ("KONTOR_BOT_OTHER_TOKEN", TOKEN),
        ("KONTOR_BOT_OTHER_TENANT", "other"),
    ]);
    assert!(text.contains("a token that no other bot has"), "{text}");
}

#[test]
fn the_sandbox_is_refused_beside_a_real_bot() {
    let text = problems(&[("KONTOR_SANDBOX", "on"), ("BOT_TOKEN", TOKEN)]);
    assert!(text.contains("off while a bot speaks to Telegram itself (main)"), "{text}");
    let local = load(&[
        ("KONTOR_SANDBOX", "on"),
        ("BOT_TOKEN", TOKEN),
        ("BOT_API_URL", "http://127.0.0.1:8090"),
    ]);
    assert_eq!(local.unwrap().sandbox.enabled, Some(true));
}

#[test]
fn an_unknown_variable_is_noted_in_the_environment_and_refused_in_a_file() {
    let config = load(&[("KONTOR_HTTP_ADRESS", "127.0.0.1:1")]).unwrap();
    assert_eq!(
        config.notes,
        ["KONTOR_HTTP_ADRESS in the environment is not a setting of Kontor; did you mean \
          KONTOR_HTTP_ADDRESS?"]
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "KONTOR_NATS_REPLICA=3\n").unwrap();
    let text = load_with(&[], folder.path()).unwrap_err().to_string();
    assert!(text.contains("did you mean KONTOR_NATS_REPLICAS?"), "{text}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_without_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kontor.toml"), "database_url = \"postgres://hunter2\n")
        .unwrap();
    let text = load_with(&[], folder.path()).unwrap_err().to_string();
    assert!(text.contains("kontor.toml") && !text.contains("hunter2"), "{text}");
}

#[test]
fn nats_takes_one_way_to_log_in() {
    let text = problems(&[
        ("KONTOR_NATS_USER", "me"),
        ("KONTOR_NATS_PASSWORD", "secret"),
        ("KONTOR_NATS_TOKEN", "token"),
    ]);
    assert!(text.contains("the only way to enter NATS"), "{text}");
    let text = problems(&[("KONTOR_NATS_USER", "me")]);
    assert!(text.contains("KONTOR_NATS_PASSWORD is missing"), "{text}");
}
