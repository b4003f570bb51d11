//! The verification that the guide gives to integrators, run as it stands there.

use std::process::Stdio;

use kontor_commands::clock;
use kontor_postgres::webhooks;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::{io::AsyncWriteExt, process::Command};
use uuid::Uuid;

use crate::{
    stand::{Got, Stand},
    support::{PATIENCE, world},
};

/// Reads deliveries, one a line, and prints what the guide's function says to each.
const READER: &str = "
import json, sys
for line in sys.stdin:
    one = json.loads(line)
    print(verify(one['secret'], one['headers'], bytes.fromhex(one['body'])))
";

/// The block of Python in the guide that defines `verify`.
fn guide() -> String {
    let text = std::fs::read_to_string("../../docs/guides/integrators.md").unwrap();
    let mut blocks =
        text.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.contains("def verify(")).unwrap().to_owned()
}

fn line(secret: &str, got: &Got) -> String {
    let body: String = got.body.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "secret": secret, "headers": got.headers, "body": body }).to_string()
}

async fn says(lines: &[String]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("verify.py");
    std::fs::write(&script, guide() + READER).unwrap();
    let mut child = Command::new("python3")
        .arg(&script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.join("\n").as_bytes()).await.unwrap();
    drop(input);
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn the_guides_verification_accepts_what_is_delivered_and_nothing_else() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let first = world.secret.expose_secret();
    world.readings(Uuid::now_v7(), 1).await;
    world.work().await;
    let (id, now) = (world.integrator.id, clock::now());
    let second = webhooks::rotate_secret(&world.pool, &world.vault, (id, false), now);
    let second = second.await.unwrap();
    let second = second.expose_secret();
    world.readings(Uuid::now_v7(), 1).await;
    world.work().await;
    let got = stand.got();
    let changed = |name: &str, value: &str| {
        let mut other = got[0].clone();
        other.headers.insert(name.to_owned(), value.to_owned());
        other
    };
    let mut forged = got[0].clone();
    forged.body.push(b' ');
    let old: i64 = got[0].headers["webhook-timestamp"].parse().unwrap();
    let foreign = format!("whsec_{}", "A".repeat(43) + "=");
    let deliveries = [
        line(first, &got[0]),
        // After a rotation both verify.
        line(first, &got[1]),
        line(second, &got[1]),
        line(second, &got[0]),
        line(&foreign, &got[0]),
        line(first, &forged),
        line(first, &changed("webhook-id", &Uuid::now_v7().to_string())),
        line(first, &changed("webhook-timestamp", &(old - 600).to_string())),
        line(first, &changed("webhook-signature", "v1,AAAA v2,счётчик")),
        line(first, &changed("webhook-signature", "")),
    ];
    let mut expected = vec!["True"; 3];
    expected.extend(["False"; 7]);
    assert_eq!(says(&deliveries).await, expected);
}
