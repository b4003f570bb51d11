//! What `kontor up` prints when everything runs: where to look, and what to do next.

use serde::Serialize;

use crate::seed::Seeded;

/// Where everything is. Of logins it holds only that of the private broker's listener, who may do
/// nothing but hear events on this machine.
#[derive(Debug, Serialize)]
pub(super) struct Banner {
    /// The chat page, when the sandbox runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chat: Option<String>,
    /// The status page.
    pub(super) status: String,
    /// The operations page, behind a login.
    pub(super) operations: String,
    /// The file with the key that opens it.
    pub(super) operator_key_file: String,
    /// The API's documents.
    pub(super) docs: String,
    /// The API's base address.
    pub(super) api: String,
    /// Where the figures for Prometheus are, when they are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metrics: Option<String>,
    /// The file with the demo tenant's API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api_key_file: Option<String>,
    /// The servers of NATS.
    pub(super) nats: String,
    /// The database.
    pub(super) postgres: String,
    /// The names of the bots.
    pub(super) bots: Vec<String>,
    /// The folder with the data.
    pub(super) data: String,
    /// Whether the demo tenant was made or found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) demo: Option<Seeded>,
    /// The killed process whose lock was taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) took_over: Option<u32>,
    /// From the start of the program to this moment.
    pub(super) started_in_ms: u64,
}

impl Banner {
    /// The block for people.
    pub(super) fn text(&self) -> String {
        let mut rows: Vec<(&str, &str)> = Vec::new();
        if let Some(chat) = &self.chat {
            rows.push(("Chat", chat));
        }
        rows.push(("Status", &self.status));
        let way_in = format!("{}  (log in with {})", self.operations, self.operator_key_file);
        rows.push(("Operations", &way_in));
        rows.push(("API", &self.docs));
        if let Some(metrics) = &self.metrics {
            rows.push(("Metrics", metrics));
        }
        if let Some(file) = &self.api_key_file {
            rows.push(("API key", file));
        }
        let bots = self.bots.join(", ");
        if !bots.is_empty() {
            rows.push(("Bots", &bots));
        }
        rows.extend([
            ("NATS", self.nats.as_str()),
            ("PostgreSQL", self.postgres.as_str()),
            ("Data", self.data.as_str()),
        ]);
        let mut text = "\nKontor is running.\n\n".to_owned();
        let rows: Vec<String> =
            rows.iter().map(|(name, value)| format!("  {name:<12}{value}\n")).collect();
        text.push_str(&rows.concat());
        text.push('\n');
        text.push_str(match (&self.chat, self.bots.is_empty()) {
            (Some(_), _) => "Next: open the chat page, press Start and send a meter reading.\n",
            (None, false) => "Next: write to your bot in Telegram.\n",
            (None, true) => "Next: open the API page and send a command with the API key.\n",
        });
        text.push_str("Ctrl-C stops everything; the data stays.\n");
        text
    }
}

/// An address without user and password.
pub(crate) fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    // Parameters can hold a password too.
    let host = host.split('?').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_their_passwords() {
        let shown = without_login("postgres://kontor:p@ss@127.0.0.1:5432/kontor?password=secret");
        assert_eq!(shown, "postgres://127.0.0.1:5432/kontor");
        assert_eq!(without_login("host:4222"), "host:4222");
    }

    #[test]
    fn the_block_says_where_to_look_and_what_to_do_next() {
        let banner = Banner {
            chat: Some("http://127.0.0.1:8090".into()),
            status: "http://127.0.0.1:8080/status".into(),
            operations: "http://127.0.0.1:8080/admin/operations".into(),
            operator_key_file: ".kontor/operator.key".into(),
            docs: "http://127.0.0.1:8080/docs".into(),
            api: "http://127.0.0.1:8080".into(),
            metrics: None,
            api_key_file: Some(".kontor/demo.key".into()),
            nats: "nats://127.0.0.1:42229".into(),
            postgres: "postgres://127.0.0.1:54329/kontor".into(),
            bots: vec!["demo".into()],
            data: ".kontor".into(),
            demo: Some(Seeded::Created),
            took_over: None,
            started_in_ms: 1,
        };
        assert_eq!(
            banner.text(),
            "\nKontor is running.\n\n\
             \x20 Chat        http://127.0.0.1:8090\n\
             \x20 Status      http://127.0.0.1:8080/status\n\
             \x20 Operations  http://127.0.0.1:8080/admin/operations  (log in with .kontor/operator.key)\n\
             \x20 API         http://127.0.0.1:8080/docs\n\
             \x20 API key     .kontor/demo.key\n\
             \x20 Bots        demo\n\
             \x20 NATS        nats://127.0.0.1:42229\n\
             \x20 PostgreSQL  postgres://127.0.0.1:54329/kontor\n\
             \x20 Data        .kontor\n\n\
             Next: open the chat page, press Start and send a meter reading.\n\
             Ctrl-C stops everything; the data stays.\n"
        );
    }
}
