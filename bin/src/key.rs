//! `kontor key`: API keys.

use anyhow::bail;
use kontor_http::keys::{self, KeyInfo};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

use crate::{cli::KeyVerb, output};

/// Carries out a verb.
pub(crate) async fn run(pool: &PgPool, verb: KeyVerb) -> anyhow::Result<()> {
    match verb {
        KeyVerb::Create { tenant, role, label, output } => {
            let (info, secret) = keys::create(pool, tenant.as_ref(), role, &label).await?;
            print_new(&info, &secret, output.json)
        }
        KeyVerb::List { tenant, output } => {
            let keys = keys::list(pool, tenant.as_ref()).await?;
            if output.json {
                return output::json(&keys);
            }
            if keys.is_empty() {
                output::line("There are no keys; `kontor key create` makes one.");
            } else {
                output::table(&TITLES, &keys.iter().map(cells).collect::<Vec<_>>());
            }
            Ok(())
        }
        KeyVerb::Revoke { id, output } => {
            if !keys::revoke(pool, id).await? {
                bail!("there is no such key in force; `kontor key list` shows them");
            }
            if output.json {
                return output::json(&serde_json::json!({ "id": id, "revoked": true }));
            }
            let seconds = keys::BELIEVED_FOR.as_secs();
            output::line(&format!("Revoked; within {seconds} seconds it opens nothing any more."));
            Ok(())
        }
    }
}

fn print_new(info: &KeyInfo, secret: &SecretString, json: bool) -> anyhow::Result<()> {
    let key = secret.expose_secret();
    if json {
        let mut value = serde_json::to_value(info)?;
        value["key"] = key.into();
        return output::json(&value);
    }
    output::line(key);
    output::line("");
    output::line("Keep it now: it is not shown again. Send it in the header X-Auth-Key.");
    output::line(&format!("Its id, to revoke it: {}", info.id));
    Ok(())
}

const TITLES: [&str; 6] = ["ID", "TENANT", "ROLE", "STATE", "LAST USED (UTC)", "LABEL"];

fn cells(key: &KeyInfo) -> Vec<String> {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(at)) => format!("until {}", at.format("%Y-%m-%d")),
        (None, None) => "in force".to_owned(),
    };
    vec![
        key.id.to_string(),
        key.tenant.as_ref().map_or_else(|| "(all)".to_owned(), ToString::to_string),
        key.role.name().to_owned(),
        state,
        key.last_used_at.map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M").to_string()),
        key.label.clone(),
    ]
}
