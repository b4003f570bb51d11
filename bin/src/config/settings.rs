//! The names of all settings, and what each of them must look like.

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The variable's name. In `kontor.toml` the key is the same name in lower case without the
    /// leading `KONTOR_`.
    pub name: &'static str,
    /// What a value must be, as the end of the sentence "it must be …".
    pub expects: &'static str,
    /// Whether its value may never be shown. A secret can also be given as the path of a file in
    /// the variable of the same name with `_FILE`.
    pub secret: bool,
}

impl Setting {
    /// The key in `kontor.toml`.
    pub fn toml_key(&self) -> String {
        toml_key(self.name)
    }
}

/// The key in `kontor.toml` for the variable `name`.
pub(super) fn toml_key(name: &str) -> String {
    name.strip_prefix("KONTOR_").unwrap_or(name).to_ascii_lowercase()
}

macro_rules! settings {
    ($($constant:ident = $name:literal, $expects:literal $(, $secret:ident)?;)+) => {
        $(pub(super) const $constant: Setting = Setting {
            name: $name,
            expects: $expects,
            secret: settings!(@secret $($secret)?),
        };)+
        /// All settings but those of the bots.
        pub const SETTINGS: &[Setting] = &[$($constant),+];
    };
    (@secret secret) => { true };
    (@secret) => { false };
}

settings! {
    DATABASE_URL = "DATABASE_URL", "a PostgreSQL address such as postgres://user:password@host:5432/kontor", secret;
    NATS_URL = "NATS_URL", "one or more NATS addresses separated by commas, such as nats://host:4222", secret;
    NATS_CREDENTIALS_FILE = "KONTOR_NATS_CREDENTIALS_FILE", "the path of a readable .creds file";
    NATS_USER = "KONTOR_NATS_USER", "a user name without spaces";
    NATS_PASSWORD = "KONTOR_NATS_PASSWORD", "a password that is not empty", secret;
    NATS_TOKEN = "KONTOR_NATS_TOKEN", "a token that is not empty", secret;
    NATS_CA_FILE = "KONTOR_NATS_CA_FILE", "the path of a readable file of certificates (PEM)";
    NATS_INBOX_PREFIX = "KONTOR_NATS_INBOX_PREFIX", "`_INBOX` or a word that begins with it, such as _INBOX_kontor";
    NATS_REPLICAS = "KONTOR_NATS_REPLICAS", "1, 3 or 5 (more than 1 needs a NATS cluster)";
    NATS_STORAGE = "KONTOR_NATS_STORAGE", "`file` or `memory`";
    NATS_COMMANDS_MAX = "KONTOR_NATS_COMMANDS_MAX", "a whole number from 100 to 10000000";
    NATS_EVENTS_BYTES_MAX = "KONTOR_NATS_EVENTS_BYTES_MAX", "a whole number of bytes from 1048576";
    NATS_EVENTS_DAYS = "KONTOR_NATS_EVENTS_DAYS", "a whole number of days from 1 to 3650";
    NATS_ISSUER_SEED = "KONTOR_NATS_ISSUER_SEED", "a seed that begins with SA, as `kontor integrator issuer` makes it", secret;
    NATS_ACCOUNT = "KONTOR_NATS_ACCOUNT", "the name of an account without spaces, or $G";
    NATS_SYSTEM_URL = "KONTOR_NATS_SYSTEM_URL", "a NATS address with a user of the system account, such as nats://user:password@host:4222", secret;
    WEBHOOK_LOOPBACK = "KONTOR_WEBHOOK_LOOPBACK", "`on` or `off`";
    WEBHOOK_CA_FILE = "KONTOR_WEBHOOK_CA_FILE", "the path of a readable file of certificates (PEM)";
    MASTER_KEY = "KONTOR_MASTER_KEY", "one or more keys of 32 bytes in base64, separated by commas, the current one first", secret;
    SEAL_KEY = "KONTOR_SEAL_KEY", "one or more keys of 32 bytes in base64, separated by commas, the current one first", secret;
    SEAL_FILE = "KONTOR_SEAL_FILE", "the path of a file";
    SEAL_SECONDS = "KONTOR_SEAL_SECONDS", "a whole number of seconds from 1 to 86400";
    DATA_DIR = "KONTOR_DATA_DIR", "the path of a folder";
    POSTGRES_PORT = "KONTOR_POSTGRES_PORT", "a port from 0 to 65535 (0 takes any free one)";
    NATS_PORT = "KONTOR_NATS_PORT", "a port from 0 to 65535 (0 takes any free one)";
    HTTP_ADDRESS = "KONTOR_HTTP_ADDRESS", "an IP address and a port, such as 127.0.0.1:8080 or 0.0.0.0:8080";
    HTTP_PUBLIC_URL = "KONTOR_HTTP_PUBLIC_URL", "an http or https address such as https://api.example.org";
    HTTP_BEHIND_PROXY = "KONTOR_HTTP_BEHIND_PROXY", "`on` or `off`";
    HTTP_RATE_PER_KEY = "KONTOR_HTTP_RATE_PER_KEY", "a whole number from 1 to 1000000";
    HTTP_RATE_PER_ADDRESS = "KONTOR_HTTP_RATE_PER_ADDRESS", "a whole number from 1 to 1000000";
    HTTP_CORS_ORIGINS = "KONTOR_HTTP_CORS_ORIGINS", "web origins separated by commas, such as https://app.example.org";
    SANDBOX = "KONTOR_SANDBOX", "`on` or `off`";
    SANDBOX_ADDRESS = "KONTOR_SANDBOX_ADDRESS", "an IP address and a port, such as 127.0.0.1:8090";
    POOL_WRITE = "KONTOR_POOL_WRITE", "a whole number from 2 to 200";
    POOL_FOLLOW = "KONTOR_POOL_FOLLOW", "a whole number from 2 to 200";
    POOL_QUERY = "KONTOR_POOL_QUERY", "a whole number from 2 to 200";
    PROMOTE_WITHIN = "KONTOR_PROMOTE_WITHIN", "a whole number of positions from 0 to 10000";
    RECEIPT_DAYS = "KONTOR_RECEIPT_DAYS", "a whole number of days from 7 to 3650 (clients may retry for a week)";
    INBOX_DAYS = "KONTOR_INBOX_DAYS", "a whole number of days from 1 to 3650";
    LOG = "KONTOR_LOG", "a level (error, warn, info, debug, trace) or directives such as info,kontor_http=debug";
    LOG_FORMAT = "KONTOR_LOG_FORMAT", "`text` or `json`";
    METRICS_ADDRESS = "KONTOR_METRICS_ADDRESS", "an IP address and a port, such as 127.0.0.1:9464";
    OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "an http or https address such as http://127.0.0.1:4318";
    OTLP_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS", "name=value pairs separated by commas, such as authorization=Bearer%20token";
    TRACES_SAMPLED = "OTEL_TRACES_SAMPLER_ARG", "a share from 0 to 1, such as 0.1";
    SHUTDOWN_SECONDS = "KONTOR_SHUTDOWN_SECONDS", "a whole number of seconds from 1 to 300";
    LEASE_TTL_MS = "KONTOR_LEASE_TTL_MS", "a whole number of milliseconds from 1000 to 60000";
    WORKER_THREADS = "KONTOR_WORKER_THREADS", "a whole number from 1 to 256";
}

/// The settings of a bot: `KONTOR_BOT_<NAME>_<FIELD>`, `BOT_<FIELD>` for a single bot, and
/// `<field>` under `[[bots]]` in `kontor.toml`.
pub const BOT_FIELDS: &[Setting] =
    &[BOT_TENANT, BOT_TOKEN, BOT_MODE, BOT_API_URL, BOT_WEBHOOK_PUBLIC_URL, BOT_WEBHOOK_SECRET];

pub(super) const BOT_TENANT: Setting = Setting {
    name: "TENANT",
    expects: "a tenant id: up to 40 characters of a-z, 0-9 and _, beginning with a letter",
    secret: false,
};
pub(super) const BOT_TOKEN: Setting = Setting {
    name: "TOKEN",
    expects: "a bot token as @BotFather gives it: digits, a colon and at least 20 letters",
    secret: true,
};
pub(super) const BOT_MODE: Setting =
    Setting { name: "MODE", expects: "`polling` or `webhook`", secret: false };
pub(super) const BOT_API_URL: Setting = Setting {
    name: "API_URL",
    expects: "an http or https address such as https://api.telegram.org",
    secret: false,
};
pub(super) const BOT_WEBHOOK_PUBLIC_URL: Setting = Setting {
    name: "WEBHOOK_PUBLIC_URL",
    expects: "the https address under which Telegram reaches this server, such as https://bot.example.org",
    secret: false,
};
pub(super) const BOT_WEBHOOK_SECRET: Setting = Setting {
    name: "WEBHOOK_SECRET",
    expects: "16 to 256 characters of A-Z, a-z, 0-9, _ and -",
    secret: true,
};

/// The settings of an account with a provider of payments by card: `KONTOR_CARDS_<NAME>_<FIELD>`, and
/// `<field>` under `[[cards]]` in `kontor.toml`.
pub const CARD_FIELDS: &[Setting] = &[
    CARD_TENANT,
    CARD_PROVIDER,
    CARD_SECRET_KEY,
    CARD_WEBHOOK_SECRET,
    CARD_CURRENCY,
    CARD_API_URL,
    CARD_RETURN_URL,
    CARD_STATEMENT,
    CARD_SHOP_ID,
    CARD_NETWORKS,
    CARD_RECEIPTS,
    CARD_RECEIPT_VAT_CODE,
    CARD_RECEIPT_SUBJECT,
    CARD_RECEIPT_MODE,
    CARD_RECEIPT_TAX_SYSTEM,
    CARD_RECEIPT_EMAIL,
];

pub(super) const CARD_TENANT: Setting = Setting { name: "TENANT", ..BOT_TENANT };
pub(super) const CARD_PROVIDER: Setting =
    Setting { name: "PROVIDER", expects: "`stripe` or `yookassa`", secret: false };
pub(super) const CARD_SECRET_KEY: Setting = Setting {
    name: "SECRET_KEY",
    expects: "the secret key of the account, 16 to 256 characters without spaces",
    secret: true,
};
pub(super) const CARD_WEBHOOK_SECRET: Setting = Setting {
    name: "WEBHOOK_SECRET",
    expects: "the signing secret of the webhook, or two separated by a comma while they are exchanged, each of 16 to 256 characters without spaces",
    secret: true,
};
pub(super) const CARD_CURRENCY: Setting = Setting {
    name: "CURRENCY",
    expects: "the code of the currency that the account takes, such as USD or EUR",
    secret: false,
};
pub(super) const CARD_API_URL: Setting = Setting {
    name: "API_URL",
    expects: "an http or https address such as https://api.stripe.com",
    secret: false,
};
pub(super) const CARD_RETURN_URL: Setting = Setting {
    name: "RETURN_URL",
    expects: "an http or https address such as https://t.me/your_bot",
    secret: false,
};
pub(super) const CARD_STATEMENT: Setting =
    Setting { name: "STATEMENT", expects: "`on` or `off`", secret: false };
pub(super) const CARD_SHOP_ID: Setting =
    Setting { name: "SHOP_ID", expects: "the shop's number in YooKassa's cabinet", secret: false };
pub(super) const CARD_NETWORKS: Setting = Setting {
    name: "NETWORKS",
    expects: "networks and addresses, separated by spaces or commas, such as 185.71.76.0/27",
    secret: false,
};
pub(super) const CARD_RECEIPTS: Setting =
    Setting { name: "RECEIPTS", expects: "`on` or `off`", secret: false };
pub(super) const CARD_RECEIPT_VAT_CODE: Setting = Setting {
    name: "RECEIPT_VAT_CODE",
    expects: "YooKassa's code of value added tax, 1 to 12",
    secret: false,
};
pub(super) const CARD_RECEIPT_SUBJECT: Setting = Setting {
    name: "RECEIPT_SUBJECT",
    expects: "what is sold, a word of YooKassa's such as `service`",
    secret: false,
};
pub(super) const CARD_RECEIPT_MODE: Setting = Setting {
    name: "RECEIPT_MODE",
    expects: "how it is paid, a word of YooKassa's such as `full_payment`",
    secret: false,
};
pub(super) const CARD_RECEIPT_TAX_SYSTEM: Setting =
    Setting { name: "RECEIPT_TAX_SYSTEM", expects: "a tax system, 1 to 6", secret: false };
pub(super) const CARD_RECEIPT_EMAIL: Setting =
    Setting { name: "RECEIPT_EMAIL", expects: "an address such as shop@example.ru", secret: false };

/// Variables with the prefix `KONTOR_` that only `docker-compose.yml` and the scripts read.
pub const COMPOSE_ONLY: &[&str] = &["KONTOR_PORT", "KONTOR_SANDBOX_PORT", "KONTOR_CACHE"];

/// Variables with the prefix `KONTOR_` that the private engines read: paths of their programs.
pub const ENGINE_ONLY: &[&str] = &["KONTOR_NATS_SERVER", "KONTOR_POSTGRES_BIN"];
