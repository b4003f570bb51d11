//! How seals are made: keys that change, files that lag, two processes at once, proofs for strangers,
//! and the whole program with its file and NATS.

use std::{fs, path::Path};

use chrono::DateTime;
use kontor_commands::clock;
use kontor_domain::{
    credit_ledger::credit_ledger_id,
    seals::{Proof, SealChain, SealingKey},
};
use kontor_postgres::seals::{SealError, Sealer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    ledger::{ANNA, OLEG, text, two_ledgers},
    program::{Up, command, eventually},
    seals::{KEY, NEW_KEY, Sealed},
    start::Api,
};

#[tokio::test]
async fn a_new_key_is_vouched_for_by_the_old_one() {
    let sealed = Sealed::twice().await;
    sealed.spend(OLEG).await;
    let both = format!("{NEW_KEY},{KEY}");
    let last = &sealed.seal(&both).await["last"];
    assert_eq!(last["number"], 3);
    assert!(last["handover"].is_string());
    sealed.buy(OLEG).await;
    assert!(sealed.seal(NEW_KEY).await["last"].get("handover").is_none());
    let (old, new) = (sealed.public(KEY).await, sealed.public(NEW_KEY).await);
    let file = sealed.file();
    let verify = ["ledger", "verify", "--json", "--seals", text(&file), "--trust"];
    let told = sealed.json(KEY, &[&verify[..], &[&old]].concat()).await;
    assert_eq!(told["seals"]["seals"], 4);
    let (code, output, _) = sealed.kontor(KEY, &[&verify[..], &[&new]].concat()).await;
    assert!(code == 1 && output.contains("seal 1 is signed by the key"), "{output}");

    // The old key is lost: whoever checks must be told of the new one.
    let sealed = Sealed::twice().await;
    sealed.spend(OLEG).await;
    sealed.seal(NEW_KEY).await;
    let file = sealed.file();
    let verify = ["ledger", "verify", "--json", "--seals", text(&file), "--trust"];
    let (code, output, _) = sealed.kontor(KEY, &[&verify[..], &[&old]].concat()).await;
    assert!(code == 1 && output.contains("seal 3 is signed by the key"), "{output}");
    sealed.json(KEY, &[&verify[..], &[&old, "--trust", &new]].concat()).await;
}

#[tokio::test]
async fn two_that_seal_at_once_make_one_row_of_seals() {
    let sealed = Sealed::twice().await;
    let pool = &sealed.records.pool;
    let keys = || vec![SealingKey::new(&[1; 32])];
    let mut one = Sealer::new(pool.clone(), keys(), 60);
    let mut other = Sealer::new(pool.clone(), keys(), 60);
    assert_eq!(one.look(clock::now()).await.unwrap(), (None, false));
    assert_eq!(other.look(clock::now()).await.unwrap(), (None, false));
    sealed.buy(ANNA).await;
    let (third, _) = one.look(clock::now()).await.unwrap();
    assert_eq!(third.unwrap().seal.number, 3);
    // It lost its lease without noticing: the number is taken, and nothing of it is left.
    assert!(matches!(other.look(clock::now()).await, Err(SealError::Database(_))));
    assert_eq!(other.look(clock::now()).await.unwrap(), (None, false));
    sealed.buy(OLEG).await;
    // A clock that was set back makes no seal that nobody believes.
    let (fourth, _) = other.look(DateTime::UNIX_EPOCH).await.unwrap();
    let fourth = fourth.unwrap().seal;
    let third = kontor_postgres::seals::find(pool, 3).await.unwrap().unwrap();
    assert_eq!((fourth.number, fourth.sealed_at), (4, third.sealed_at));
    let mut chain = SealChain::new([keys()[0].public()]);
    for sealed in kontor_postgres::seals::after(pool, 0, 10).await.unwrap() {
        chain.take(&sealed.seal).unwrap();
    }

    // Ends that somebody changed in the table come to another root: nothing goes on from them.
    sealed
        .records
        .execute(
            "alter table ledger_seal_ends disable trigger ledger_seal_ends_append_only; \
             update ledger_seal_ends set version = version + 1 where number = 4",
        )
        .await;
    let mut next = Sealer::new(pool.clone(), keys(), 60);
    let refused = next.look(clock::now()).await;
    assert!(matches!(refused, Err(SealError::OtherRoot { number: 4 })), "{refused:?}");
    let oleg = credit_ledger_id(OLEG).to_string();
    let (code, _, errors) = sealed.kontor(KEY, &["ledger", "prove", &oleg]).await;
    assert!(code == 1 && errors.contains("not to its root"), "{errors}");
}

#[tokio::test]
async fn a_file_that_lags_is_made_good_and_one_with_other_seals_is_left_alone() {
    let sealed = Sealed::twice().await;
    let whole = fs::read(sealed.file()).unwrap();
    fs::write(sealed.file(), &whole[..whole.len() - 30]).unwrap();
    sealed.seal(KEY).await;
    assert_eq!(fs::read(sealed.file()).unwrap(), whole);
    fs::remove_file(sealed.file()).unwrap();
    sealed.seal(KEY).await;
    assert_eq!(fs::read(sealed.file()).unwrap(), whole);

    // As after a backup was restored, or in another installation.
    let other = Sealed { records: two_ledgers().await, folder: tempfile::tempdir().unwrap() };
    fs::write(other.file(), &whole).unwrap();
    let (code, _, errors) = other.kontor(KEY, &["ledger", "seal"]).await;
    assert!(code == 1 && errors.contains("ends with seal 2, which is not the one"), "{errors}");
    assert_eq!(fs::read(other.file()).unwrap(), whole);
    let (code, _, errors) = other.records.kontor(&["ledger", "seal"]).await;
    assert!(code == 2 && errors.contains("KONTOR_SEAL_KEY is not set"), "{errors}");
}

/// Checks a proof by its own description, and by nothing of the program's.
fn check_as_described(proof: &Value) {
    let hexadecimal = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let text =
        |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let number = |value: &Value| value.as_i64().unwrap().to_be_bytes();
    let (end, seal) = (&proof["end"], &proof["seal"]);
    let ledger_id: Uuid = end["ledger_id"].as_str().unwrap().parse().unwrap();
    let leaf = [
        &[0][..],
        &text("kontor ledger end 1"),
        &text(end["tenant"].as_str().unwrap()),
        ledger_id.as_bytes(),
        &number(&end["version"]),
        &hexadecimal(&end["head"]),
    ]
    .concat();
    let mut hash = Sha256::digest(&leaf).to_vec();
    assert_eq!(hash, hexadecimal(&proof["leaf_hash"]));
    let mut place = end["leaf"].as_i64().unwrap();
    let mut last = seal["ledgers"].as_i64().unwrap() - 1;
    for beside in proof["path"].as_array().unwrap() {
        let beside = hexadecimal(beside);
        let node =
            |left: &[u8], right: &[u8]| Sha256::digest([&[1], left, right].concat()).to_vec();
        if place % 2 == 1 || place == last {
            hash = node(&beside, &hash);
            while place % 2 == 0 && place != 0 {
                (place, last) = (place / 2, last / 2);
            }
        } else {
            hash = node(&hash, &beside);
        }
        (place, last) = (place / 2, last / 2);
    }
    assert_eq!((last, hash), (0, hexadecimal(&seal["root"])));
}

#[tokio::test]
async fn that_a_ledger_is_in_a_seal_is_proved_to_a_stranger() {
    let sealed = Sealed::twice().await;
    for number in 0..5_u128 {
        let account_id = Uuid::from_u128(0x100 + number);
        let open = json!({ "type": "open", "account_id": account_id });
        sealed.records.send("credit_ledger", credit_ledger_id(account_id), open).await;
    }
    sealed.seal(KEY).await;
    let anna = credit_ledger_id(ANNA).to_string();
    let public = sealed.public(KEY).await.try_into().unwrap();
    for (seal, version) in [("1", 4), ("2", 5), ("3", 5)] {
        let told = sealed.json(KEY, &["ledger", "prove", &anna, "--seal", seal]).await;
        assert_eq!(told["proof"]["end"]["version"], version);
        check_as_described(&told["proof"]);
        assert_eq!(told["check"].as_array().unwrap().len(), 5);
        let proof: Proof = serde_json::from_value(told["proof"].clone()).unwrap();
        assert_eq!(proof.check(&public), Ok(()));
    }
    let told = sealed.json(KEY, &["ledger", "prove", &anna]).await;
    assert_eq!(told["proof"]["seal"]["number"], 3);
    let late = credit_ledger_id(Uuid::from_u128(0x104)).to_string();
    for (arguments, said) in [
        (vec!["ledger", "prove", &late, "--seal", "2"], "is not in seal 2"),
        (vec!["ledger", "prove", &anna, "--seal", "9223372036854775807"], "there is no seal 92"),
        (vec!["ledger", "prove", "Анна"], "invalid value"),
    ] {
        let (code, _, errors) = sealed.kontor(KEY, &arguments).await;
        assert!(code != 0 && errors.contains(said), "{errors}");
    }
}

/// A connection to the private broker of a `kontor up`, as its own.
async fn own_client(folder: &Path) -> async_nats::Client {
    let run = fs::read(folder.join(".kontor/run.json")).unwrap();
    let run: Value = serde_json::from_slice(&run).unwrap();
    let url = run["nats_servers"][0].as_str().unwrap();
    let (login, address) = url.strip_prefix("nats://").unwrap().split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let login = async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
    login.connect(address).await.unwrap()
}

#[tokio::test]
async fn the_whole_program_seals_into_its_file_and_into_nats() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = command(folder.path(), &["up", "--json"]);
        command.env("KONTOR_SEAL_SECONDS", "1").env("KONTOR_METRICS_ADDRESS", "127.0.0.1:0");
        Up::start_with(command)
    };
    let up = start().await;
    let api = Api::of(&up, folder.path());
    let rules = json!({"credit_rules": {"enabled": true}});
    api.patch("/v1/tenants/demo_utility", &rules).await;
    let account = api.post("/v1/accounts", &json!({"display_name": "Анна Ёлкина"})).await;
    let opened = api.post("/v1/ledgers", &json!({"account_id": account["id"]})).await;
    let ledger = opened["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/ledgers/{ledger}/spends");
    let spent = api.post(&path, &json!({"messages": 1})).await;
    let file = folder.path().join(".kontor/seals.ndjson");
    let sealed_up_to = async |position: i64| {
        eventually(async || {
            let text = fs::read_to_string(&file).ok()?;
            let last: Value = serde_json::from_str(text.lines().last()?).ok()?;
            (last["seal"]["position"].as_i64()? >= position).then(|| last["seal"].clone())
        })
        .await
    };
    let last = sealed_up_to(spent["position"].as_i64().unwrap()).await;
    let in_stream = async |number: i64| {
        let client = own_client(folder.path()).await;
        let jetstream = async_nats::jetstream::new(client);
        let stream = jetstream.get_stream("SEALS").await.unwrap();
        eventually(async || {
            let message = stream.get_last_raw_message_by_subject("seal.ledgers").await.ok()?;
            let seal: Value = serde_json::from_slice(&message.payload).ok()?;
            (seal["number"] == number).then_some(seal)
        })
        .await
    };
    assert_eq!(in_stream(last["number"].as_i64().unwrap()).await, last);
    // Nobody can take a seal out of the stream again.
    let client = own_client(folder.path()).await;
    let stream = async_nats::jetstream::new(client).get_stream("SEALS").await.unwrap();
    assert!(stream.delete_message(1).await.is_err());

    let kontor = async |arguments: &[&str]| {
        let output = crate::program::run(command(folder.path(), arguments)).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, said) = kontor(&["ledger", "seal"]).await;
    assert!(code == 1 && said.contains("another process seals already, every 60 s"), "{said}");
    let (code, said) = kontor(&["check"]).await;
    assert!(code == 0 && said.contains("seals "), "{said}");
    let (code, said) = kontor(&["ledger", "verify", "--seals", text(&file)]).await;
    assert!(code == 0 && said.contains("They are what "), "{said}");
    up.stop().await;

    // Another run goes on where that one stopped.
    let up = start().await;
    let api = Api::of(&up, folder.path());
    let spent = api.post(&path, &json!({"messages": 1})).await;
    let next = sealed_up_to(spent["position"].as_i64().unwrap()).await;
    assert!(next["number"].as_i64().unwrap() > last["number"].as_i64().unwrap());
    let (code, said) = kontor(&["ledger", "verify", "--seals", text(&file)]).await;
    assert_eq!(code, 0, "{said}");
    let (code, said) = kontor(&["ledger", "replay"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("It is the root of seal") || said.contains("The last seal, "), "{said}");
    up.stop().await;
}
