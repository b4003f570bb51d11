//! The figures for Prometheus: what the dashboard and the alerts read exists, labels are bounded and
//! hold nothing of anybody, and every alert leads to its advice.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{
    program::{Up, command, eventually, run, text},
    start::Api,
};

/// Every label that a figure may have; each has few values.
const LABELS: [&str; 15] = [
    "aggregate",
    "duty",
    "follower",
    "kind",
    "le",
    "method",
    "outcome",
    "pool",
    "role",
    "route",
    "shard",
    "state",
    "status",
    "version",
    "quantile",
];
/// More lines than this in one process mean that a label is not bounded.
const LINES_MAX: usize = 2_000;

/// The lines of a scrape: name, labels, value.
fn samples(text: &str) -> Vec<(String, BTreeMap<String, String>, f64)> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let labels =
                labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
            let labels = labels.map(|label| {
                let (name, value) = label.split_once("=\"").unwrap();
                (name.to_owned(), value.trim_end_matches('"').to_owned())
            });
            (name.to_owned(), labels.collect(), value.parse().unwrap())
        })
        .collect()
}

/// The names of figures in an expression.
fn names(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("kontor_") || word.starts_with("process_"))
        .map(ToOwned::to_owned)
        .collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new("..").join(path)).unwrap()
}

fn dashboard_names() -> BTreeSet<String> {
    let dashboard: Value =
        serde_json::from_str(&read("docs/monitoring/grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.flat_map(|target| names(target["expr"].as_str().unwrap())).collect()
}

/// The alerts as name, expression and runbook.
fn alerts() -> Vec<(String, String, String)> {
    let text = read("docs/monitoring/alerts.yml");
    let field = |rule: &str, name: &str| {
        let line = rule.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name} is missing in {rule}")).trim_matches('\'').to_owned()
    };
    text.split("- alert: ")
        .skip(1)
        .map(|rule| {
            let name = rule.lines().next().unwrap().to_owned();
            for needed in ["for", "severity", "summary", "description"] {
                assert!(!field(rule, needed).is_empty(), "{name}: {needed}");
            }
            (name, field(rule, "expr"), field(rule, "runbook"))
        })
        .collect()
}

#[test]
fn every_alert_leads_to_its_advice() {
    let guide = read("docs/guides/monitoring.md");
    let alerts = alerts();
    assert!(alerts.len() > 15, "only {} alerts were found", alerts.len());
    for (name, expression, runbook) in alerts {
        assert_eq!(runbook, format!("docs/guides/monitoring.md#{}", name.to_lowercase()));
        assert!(guide.contains(&format!("\n### {name}\n\n")), "the guide has no advice for {name}");
        // What is built, stands by or is paused may be behind for hours.
        let of_followers = ["kontor_follower_lag_", "kontor_follower_heartbeat_"];
        let told_apart = expression.contains("{duty=\"");
        assert!(
            told_apart || !of_followers.iter().any(|it| expression.contains(it)),
            "{expression}"
        );
        assert!(expression.starts_with("up{") || !names(&expression).is_empty(), "{expression}");
    }
}

#[tokio::test]
async fn what_dashboard_and_alerts_read_exists_and_labels_are_bounded() {
    let folder = tempdir().unwrap();
    let mut program = command(folder.path(), &["up", "--json"]);
    program.env("KONTOR_METRICS_ADDRESS", "127.0.0.1:0");
    // The age of a seal is told from the first one on, which need not wait for its minute here.
    program.env("KONTOR_SEAL_SECONDS", "1");
    let up = Up::start_with(program).await;
    let client = reqwest::Client::new();
    // Whoever comes is welcomed with credits, and that is booked.
    let newcomer = json!({ "display_name": "Анна" });
    Api::of_platform(&up, folder.path()).post("/v1/accounts?tenant=demo_credits", &newcomer).await;
    let stranger = client.get(format!("{}/v1/meters/anna?x=%2B79161234567", up.address("api")));
    assert_eq!(stranger.header("X-Auth-Key", "no key").send().await.unwrap().status(), 401);
    let address = up.address("metrics");
    let wanted: BTreeSet<String> = dashboard_names()
        .into_iter()
        .chain(alerts().iter().flat_map(|alert| names(&alert.1)))
        .collect();
    assert!(wanted.len() > 30, "{wanted:?}");
    // The engines are looked at every few seconds, and the demo's events must have been passed.
    let found = eventually(|| async {
        let text = client.get(&address).send().await.unwrap().text().await.unwrap();
        let found = samples(&text);
        let names: BTreeSet<&String> = found.iter().map(|sample| &sample.0).collect();
        wanted.iter().all(|name| names.contains(name)).then(|| found.clone())
    })
    .await;
    // The sum over the series of a name that have a label's value.
    let value = |name: &str, (label, wanted): (&str, &str)| -> f64 {
        let series = found.iter().filter(|(found, labels, _)| {
            found == name && labels.get(label).is_none_or(|value| value == wanted)
        });
        series.map(|sample| sample.2).sum()
    };
    assert!(value("kontor_log_head_position", ("", "")) > 10.0);
    assert!(value("kontor_commands_total", ("outcome", "accepted")) > 1.0);
    assert!(value("kontor_follower_events_total", ("follower", "readings")) > 1.0);
    assert_eq!(value("kontor_leases_held", ("kind", "shard")), 8.0);
    assert_eq!(value("kontor_database_up", ("", "")), 1.0);
    // The role is there under the name that the dashboard and the alert ask for.
    let seals = found.iter().find(|(name, labels, _)| {
        name == "kontor_role_restarts_total" && labels.get("role").is_some_and(|it| it == "seals")
    });
    assert_eq!(seals.unwrap().2, 0.0);
    assert!(value("kontor_http_denied_total", ("", "")) >= 1.0);
    assert!(value("process_resident_memory_bytes", ("", "")) > 1_000_000.0);
    assert!(found.len() < LINES_MAX, "{} lines", found.len());
    for (name, labels, _) in &found {
        for (label, value) in labels {
            assert!(LABELS.contains(&label.as_str()), "{name} has the label {label}");
            let digits = value.chars().filter(char::is_ascii_digit).count();
            let is_plain = label == "le" || label == "quantile" || digits <= 6;
            assert!(is_plain && value.is_ascii() && value.len() <= 60, "{name}: {label}={value}");
        }
    }
    let other = address.replace("/metrics", "/");
    assert_eq!(client.get(other).send().await.unwrap().status(), 404);
    up.stop().await;
}

#[tokio::test]
async fn a_rebuild_and_a_pause_are_told_apart_from_what_must_keep_up() {
    let folder = tempdir().unwrap();
    let mut program = command(folder.path(), &["up", "--json"]);
    program.env("KONTOR_METRICS_ADDRESS", "127.0.0.1:0");
    let up = Up::start_with(program).await;
    let (client, address) = (reqwest::Client::new(), up.address("metrics"));
    // The positions of the generations of `readings`, by generation and duty.
    let positions = async || -> BTreeMap<(String, String), f64> {
        let text = client.get(&address).send().await.unwrap().text().await.unwrap();
        let found = samples(&text).into_iter().filter(|(name, labels, _)| {
            name == "kontor_follower_position" && labels["follower"] == "readings"
        });
        found.map(|(_, it, value)| ((it["version"].clone(), it["duty"].clone()), value)).collect()
    };
    let reach = async |expected: &[(&str, &str)]| {
        eventually(|| async {
            let now = positions().await;
            let there: Vec<(&str, &str)> = now
                .iter()
                .filter(|(_, position)| **position > 0.0)
                .map(|((version, duty), _)| (version.as_str(), duty.as_str()))
                .collect();
            (there == expected).then_some(())
        })
        .await;
    };
    let order = async |arguments: &[&str]| {
        let done = run(command(folder.path(), arguments)).await;
        assert!(done.status.success(), "{}", text(&done.stderr));
    };
    reach(&[("1", "live")]).await;
    order(&["projection", "rebuild", "readings", "--segments", "2", "--no-promote"]).await;
    reach(&[("1", "live"), ("2", "building")]).await;
    order(&["projection", "promote", "readings", "2"]).await;
    reach(&[("1", "standby"), ("2", "live")]).await;
    order(&["projection", "pause", "readings"]).await;
    // The series of before stand at zero: nothing goes on from their last values.
    reach(&[("1", "paused"), ("2", "paused")]).await;
    order(&["projection", "resume", "readings"]).await;
    reach(&[("1", "standby"), ("2", "live")]).await;
    up.stop().await;
}

#[tokio::test]
async fn without_an_address_nothing_is_served() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    assert!(up.addresses.get("metrics").is_none(), "{}", up.addresses);
    up.stop().await;
}
