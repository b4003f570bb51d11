//! What a replay says.

use serde_json::{Value, json};

use super::Outcome;
use crate::{cli::OutputArgs, output};

/// Prints what came out.
pub(super) fn tell(outcome: &Outcome, args: OutputArgs) -> anyhow::Result<()> {
    if args.json {
        return output::json(&document(outcome));
    }
    for line in lines(outcome) {
        output::line(&line);
    }
    Ok(())
}

fn document(outcome: &Outcome) -> Value {
    let Outcome { tenant, until, decided, seconds, root, seal, compared } = outcome;
    let differences: Vec<Value> = decided
        .differences
        .iter()
        .map(|it| {
            json!({ "position": it.position, "ledger_id": it.ledger_id, "version": it.version,
                "what": it.what })
        })
        .collect();
    let balance: Vec<Value> = decided
        .sums
        .iter()
        .map(|((account, unit), sum)| {
            // A sum may be larger than what many programs read as a number.
            json!({ "account": account, "unit": unit, "balance": sum.to_string() })
        })
        .collect();
    let rows: serde_json::Map<String, Value> =
        compared.rows.iter().map(|(table, rows)| (table.clone(), json!(rows))).collect();
    let damage: Vec<Value> = compared
        .damage
        .iter()
        .map(|(place, what)| json!({ "place": place, "what": what }))
        .collect();
    let seal = seal.as_ref().map(|(seal, same)| {
        json!({ "number": seal.number, "position": seal.position, "same_root": same })
    });
    json!({
        "sound": outcome.is_sound(), "tenant": tenant, "until": until,
        "ledgers": decided.ledgers, "bookings": decided.bookings, "commands": decided.commands,
        "seconds": seconds, "head": root, "seal": seal, "kinds": decided.kinds,
        "trial_balance": balance, "trial_balance_is_zero": outcome.units_balance(),
        "differing_ledgers": decided.differing, "first": differences,
        "read_model": { "position": compared.position, "rows": rows, "differences": damage,
            "not_compared": compared.left_out },
    })
}

fn lines(outcome: &Outcome) -> Vec<String> {
    let Outcome { until, decided, root, seal, compared, .. } = outcome;
    let mut lines = Vec::new();
    for it in &decided.differences {
        lines.push(format!(
            "→ position {}, ledger {}, version {}: {}",
            it.position, it.ledger_id, it.version, it.what
        ));
    }
    let named = u64::try_from(decided.differences.len()).unwrap_or(u64::MAX);
    if decided.differing > named {
        lines.push(format!("→ and {} ledgers more like these", decided.differing - named));
    }
    lines.extend(compared.damage.iter().map(|(place, what)| format!("→ {place}: {what}")));
    let differing = match decided.differing {
        0 => "each as the log holds it".to_owned(),
        count => format!("{count} ledgers differ"),
    };
    lines.push(format!(
        "{} bookings of {} commands in {} ledgers were decided anew, up to position {until}: {differing}.",
        decided.bookings, decided.commands, decided.ledgers
    ));
    lines.push(format!("Head: {root}"));
    lines.extend(seal.as_ref().map(|(seal, same)| match same {
        Some(true) => format!("It is the root of seal {}.", seal.number),
        Some(false) => format!("→ It is not the root of seal {}, {}.", seal.number, seal.root),
        None => format!("The last seal, {}, reaches to position {}.", seal.number, seal.position),
    }));
    for ((account, unit), sum) in &decided.sums {
        // A unit does not keep to a width by itself.
        let (unit, account) = (unit.to_string(), serde_json::to_value(account).unwrap_or_default());
        lines.push(format!("{sum:>20} {unit:<4} {}", account.as_str().unwrap_or_default()));
    }
    let zero = if outcome.units_balance() { "In each unit" } else { "→ Not in each unit" };
    lines.push(format!("{zero} the balances come to zero."));
    lines.extend(compared.left_out.iter().map(|why| format!("Not compared: {why}")));
    let rows: i64 = compared.rows.iter().map(|(_, rows)| rows).sum();
    lines.push(match (compared.rows.is_empty(), compared.damage.len()) {
        (true, _) => "→ The read model was not compared.".to_owned(),
        (false, 0) => format!(
            "The read model `credits` was built anew and does not differ: {rows} rows at position {}.",
            compared.position
        ),
        (false, count) => format!("The read model `credits` differs in {count} tables."),
    });
    lines
}
