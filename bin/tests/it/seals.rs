//! Seals: what was changed, removed, inserted, cut off or written anew as a whole is named, with the
//! database and with an export, and seals that are forged are told from true ones.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kontor_domain::credit_ledger::credit_ledger_id;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    ledger::{ANNA, OLEG, meddle, text, two_ledgers},
    program::command,
    rechain::rechain,
    records::Records,
};

pub(crate) const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
pub(crate) const NEW_KEY: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// Two ledgers with eight bookings, and where their seals are written.
pub(crate) struct Sealed {
    pub(crate) records: Records,
    pub(crate) folder: tempfile::TempDir,
}

impl Sealed {
    /// Sealed once after Anna's and Oleg's ledgers, and once more after another spend of Anna
    /// (position 11).
    pub(crate) async fn twice() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sealed = Self { records: two_ledgers().await, folder };
        sealed.seal(KEY).await;
        sealed.spend(ANNA).await;
        sealed.seal(KEY).await;
        sealed
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("печати.ndjson")
    }

    pub(crate) async fn spend(&self, account: Uuid) {
        let spend = json!({ "type": "spend", "spend_id": Uuid::now_v7(), "messages": 1 });
        let id = credit_ledger_id(account);
        self.records.send("credit_ledger", id, spend).await;
    }

    pub(crate) async fn buy(&self, account: Uuid) {
        let payment = json!({ "payment_id": Uuid::now_v7(), "provider": "manual",
            "price": { "amount_minor": 49_900, "currency": "RUB" } });
        let buy = json!({ "type": "grant", "grant_id": Uuid::now_v7(), "source": "purchase",
            "credits": 25, "payment": payment });
        self.records.send("credit_ledger", credit_ledger_id(account), buy).await;
    }

    pub(crate) async fn kontor(&self, key: &str, arguments: &[&str]) -> (i32, String, String) {
        let file = self.file();
        let environment = [("KONTOR_SEAL_KEY", key), ("KONTOR_SEAL_FILE", text(&file))];
        self.records.kontor_with(&environment, arguments).await
    }

    pub(crate) async fn json(&self, key: &str, arguments: &[&str]) -> Value {
        let (code, output, errors) = self.kontor(key, arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {output}{errors}");
        serde_json::from_str(&output).unwrap()
    }

    pub(crate) async fn seal(&self, key: &str) -> Value {
        self.json(key, &["ledger", "seal", "--json"]).await
    }

    pub(crate) async fn public(&self, key: &str) -> String {
        let keys = self.json(key, &["ledger", "seal-key", "--json"]).await;
        keys["keys"][0]["public_key"].as_str().unwrap().to_owned()
    }

    /// What verifying against the seals finds.
    async fn damage(&self, arguments: &[&str]) -> Value {
        let file = self.file();
        let verify = ["ledger", "verify", "--json", "--seals", text(&file)];
        let (code, output, errors) = self.kontor(KEY, &[&verify, arguments].concat()).await;
        assert_eq!(code, 1, "{output}{errors}");
        serde_json::from_str(&output).unwrap()
    }

    /// The lines of the file.
    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.file()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn write(path: &Path, lines: &[Value]) {
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[tokio::test]
async fn an_untouched_log_is_what_its_seals_hold() {
    let sealed = Sealed::twice().await;
    let nothing_new = sealed.seal(KEY).await;
    assert_eq!((&nothing_new["made"], &nothing_new["last"]["number"]), (&json!(0), &json!(2)));
    sealed.spend(OLEG).await;
    let file = sealed.file();
    let verify = ["ledger", "verify", "--json", "--seals", text(&file)];
    let told = sealed.json(KEY, &verify).await;
    assert_eq!((&told["sound"], &told["events"]), (&json!(true), &json!(10)));
    let seals = &told["seals"];
    assert_eq!((&seals["seals"], &seals["position"]), (&json!(2), &json!(11)));
    assert_eq!(seals["bookings_not_sealed"], 1);

    // The seals alone, as NATS carries them.
    let alone = sealed.lines().into_iter().filter_map(|line| line.get("seal").cloned());
    let bare = sealed.folder.path().join("bare.ndjson");
    write(&bare, &alone.collect::<Vec<_>>());
    let verify = ["ledger", "verify", "--json", "--seals", text(&bare)];
    assert_eq!(sealed.json(KEY, &verify).await["seals"]["seals"], 2);
    let cut_off = "delete from events where position in (11, 12)";
    meddle(&sealed.records, cut_off).await;
    let (code, output, _) = sealed.kontor(KEY, &verify).await;
    assert_eq!(code, 1);
    assert!(output.contains("lies behind 10 and not behind 11"), "{output}");

    let changed = sqlx::query("update ledger_seals set bookings = 7").execute(&sealed.records.pool);
    assert!(changed.await.unwrap_err().to_string().contains("append only"));
    let secret = &KEY[..20];
    let (_, output, errors) = sealed.kontor(KEY, &["ledger", "seal-key"]).await;
    assert!(output.contains("signs") && !output.contains(secret) && !errors.contains(secret));
}

#[tokio::test]
async fn whatever_was_done_to_the_table_is_named_by_its_first_bad_position() {
    let removed = "delete from events where position = 8";
    let changed =
        "update events set payload = jsonb_set(payload, '{messages}', '2') where position = 5";
    let cut_off = "delete from events where position in (10, 11)";
    let gone = "delete from events where stream_id = \
        (select stream_id from events where position = 7)";
    let moved = "update events set tenant = 'other' where position = 10";
    for (change, position, what) in [
        (changed, json!(5), "does not fit its head"),
        (removed, json!(9), "should come next"),
        (cut_off, json!(null), "version 4 and what followed were cut off"),
        (gone, json!(null), "the log has 0 up to position 10: version 1 and what followed"),
        (moved, json!(7), "it was moved"),
    ] {
        let sealed = Sealed::twice().await;
        meddle(&sealed.records, change).await;
        let told = sealed.damage(&[]).await;
        let first = &told["first"][0];
        assert_eq!(first["position"], position, "{change}: {told}");
        assert!(first["what"].as_str().unwrap().contains(what), "{told}");
    }
}

#[tokio::test]
async fn a_ledger_that_was_written_anew_with_right_hashes_is_named() {
    // Anna was given thirty credits instead of three; all sums and hashes are right.
    let richer = "update events set payload = replace(replace(payload::text, '\"credits\": 3', \
        '\"credits\": 30'), ' 3,', ' 30,')::jsonb where position = 4";
    let sealed = Sealed::twice().await;
    meddle(&sealed.records, richer).await;
    rechain(&sealed.records.pool, credit_ledger_id(ANNA)).await;
    let alone = sealed.records.json(&["ledger", "verify", "--json"]).await;
    assert_eq!(alone[0]["sound"], true, "nothing shows without the seals");
    let told = sealed.damage(&[]).await;
    assert_eq!((&told["broken"], &told["first"][0]["position"]), (&json!(1), &json!(3)), "{told}");
    let what = told["first"][0]["what"].as_str().unwrap();
    assert!(what.contains("not those that seal 1 was made of; the ledger was rewritten"), "{what}");

    // What comes after that is sealed no more, and the file stays as it is.
    sealed.spend(OLEG).await;
    let again = json!({ "type": "reverse_spend", "reversal_id": Uuid::now_v7(),
        "spend_id": Uuid::new_v5(&ANNA, &[0]), "reason": "goodwill" });
    sealed.records.send("credit_ledger", credit_ledger_id(ANNA), again).await;
    rechain(&sealed.records.pool, credit_ledger_id(ANNA)).await;
    let before = fs::read(sealed.file()).unwrap();
    let (code, _, errors) = sealed.kontor(KEY, &["ledger", "seal"]).await;
    assert!(code == 1 && errors.contains("position 13, ledger "), "{errors}");
    assert_eq!(fs::read(sealed.file()).unwrap(), before);

    // Only what the second seal added was written anew.
    let sealed = Sealed::twice().await;
    let later = "update events set payload = jsonb_set(payload, '{spend_id}', \
        to_jsonb(gen_random_uuid())) where position = 11";
    meddle(&sealed.records, later).await;
    rechain(&sealed.records.pool, credit_ledger_id(ANNA)).await;
    assert_eq!(sealed.damage(&[]).await["first"][0]["position"], 11);
}

#[tokio::test]
async fn bookings_that_were_put_in_and_logs_of_others_are_named() {
    // A spend that nobody made, at a position that was free, with right hashes.
    let sealed = Sealed::twice().await;
    let put_in = "delete from events where position = 2; \
        insert into events select 2, tenant, stream_type, stream_id, 5, gen_random_uuid(), \
            event_type, schema_version, payload, metadata, occurred_at, recorded_at \
        from events where position = 10; \
        update events set position = 12 where position = 2; \
        update events set position = 2 where position = 11; \
        update events set position = 11 where position = 12";
    meddle(&sealed.records, put_in).await;
    rechain(&sealed.records.pool, credit_ledger_id(OLEG)).await;
    let told = sealed.damage(&[]).await;
    assert_eq!(told["sound"], false, "{told}");
    assert!(told["first"].to_string().contains("position\":11"), "{told}");

    // The same business at another time: every sum is right, and every hash.
    let sealed = Sealed::twice().await;
    let other = two_ledgers().await;
    let rows: Value = sqlx::query_scalar("select jsonb_agg(to_jsonb(e)) from events e")
        .fetch_one(&other.pool)
        .await
        .unwrap();
    meddle(&sealed.records, "delete from events").await;
    sqlx::query("insert into events select * from jsonb_populate_recordset(null::events, $1)")
        .bind(rows)
        .execute(&sealed.records.pool)
        .await
        .unwrap();
    let told = sealed.damage(&[]).await;
    assert_eq!((&told["broken"], &told["first"][0]["position"]), (&json!(2), &json!(3)), "{told}");
}

#[tokio::test]
async fn an_export_is_held_against_the_seals_without_a_database() {
    let sealed = Sealed::twice().await;
    let log = sealed.folder.path().join("log.ndjson");
    sealed.json(KEY, &["export", text(&log), "--json"]).await;
    let (file, public) = (sealed.file(), sealed.public(KEY).await);
    let seals = ["--seals", text(&file)];
    let verify = ["ledger", "verify", "--json", "--file", text(&log)];
    let verify = [&verify[..], &seals].concat();
    // Of a stranger, who has the public key alone.
    let stranger = async |arguments: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let output = crate::program::run(command(folder.path(), arguments)).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let (code, output, errors) = stranger(&[&verify[..], &["--trust", &public]].concat()).await;
    assert_eq!(code, 0, "{output}{errors}");
    let (code, _, errors) = stranger(&verify).await;
    assert!(code == 2 && errors.contains("--trust KEY"), "{errors}");
    let (code, _, errors) = stranger(&[&verify[..], &["--trust", "КЛЮЧ"]].concat()).await;
    assert!(code == 2 && errors.contains("64 hexadecimal digits"), "{errors}");
    let wrong = sealed.public(NEW_KEY).await;
    let (code, output, _) = stranger(&[&verify[..], &["--trust", &wrong]].concat()).await;
    assert!(code == 1 && output.contains("is not trusted"), "{output}");

    // The tail of the export is cut off, and its last line written anew.
    let whole = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let at = |position: i64| {
        let has = |line: &&str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["event"]["position"] == position
        };
        lines.iter().position(has).unwrap()
    };
    let shorter: Vec<&str> = [&lines[..at(10)], &lines[at(11) + 1..]].concat();
    fs::write(&log, shorter.join("\n") + "\n").unwrap();
    let told = sealed.damage(&["--file", text(&log)]).await;
    assert_eq!(told["broken"], 2, "{told}");
    // A log that is another one as a whole.
    meddle(
        &sealed.records,
        "update events set payload = jsonb_set(payload, '{spend_id}', to_jsonb(gen_random_uuid())) \
         where position = 9",
    )
    .await;
    rechain(&sealed.records.pool, credit_ledger_id(OLEG)).await;
    fs::remove_file(&log).unwrap();
    sealed.json(KEY, &["export", text(&log), "--json"]).await;
    assert_eq!(sealed.damage(&["--file", text(&log)]).await["first"][0]["position"], 7);
}

#[tokio::test]
async fn forged_seals_are_told_from_true_ones() {
    let sealed = Sealed::twice().await;
    let lines = sealed.lines();
    // Two ends and a seal; one end and a seal.
    assert_eq!(lines.len(), 5);
    let forged = async |change: &dyn Fn(&mut Vec<Value>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        write(&sealed.file(), &lines);
        sealed.damage(&[]).await["first"][0]["what"].as_str().unwrap().to_owned()
    };
    let what = forged(&|lines| lines[2]["seal"]["bookings"] = json!(7)).await;
    assert!(what.contains("line 3 of the seals: the signature of seal 1 does not hold"), "{what}");
    let what = forged(&|lines| lines[1]["end"]["version"] = json!(3)).await;
    assert!(what.contains("the ends in front of seal 1 do not come to its root"), "{what}");
    let what = forged(&|lines| drop(lines.drain(..3))).await;
    assert!(what.contains("seal 1 should come next, but 2 does"), "{what}");
    // Whoever has no key makes one.
    let other = Sealed { records: two_ledgers().await, folder: tempfile::tempdir().unwrap() };
    other.seal(NEW_KEY).await;
    let strange = other.lines();
    let what = forged(&|lines| *lines = strange.clone()).await;
    assert!(what.contains("is not trusted"), "{what}");

    fs::write(sealed.file(), "Дорогая бабушка!\n").unwrap();
    let file = sealed.file();
    let verify = ["ledger", "verify", "--seals", text(&file)];
    let (code, _, errors) = sealed.kontor(KEY, &verify).await;
    assert!(code == 1 && errors.contains("line 1 is no line of a file of seals"), "{errors}");
    fs::write(sealed.file(), "").unwrap();
    let (code, _, errors) = sealed.kontor(KEY, &verify).await;
    assert!(code == 1 && errors.contains("there is no seal in"), "{errors}");
}
