//! Engines whose owner is killed.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use kontor_engines::{NatsOptions, PostgresOptions, PrivateNats, PrivatePostgres, testing};

use crate::{lives, psql, read, wait_until};

/// Where the owner leaves its note; its presence tells this binary to be the owner.
const NOTE: &str = "KONTOR_TEST_OWNER_NOTE";

#[test]
fn engines_end_when_their_owner_is_killed_and_the_data_stays() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note");
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "orphans::owner_of_engines"])
        .env(NOTE, &note)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the start of the engines", || read(&note).ends_with("end\n"));
    let text = read(&note);
    let lines: Vec<&str> = text.lines().collect();
    let pids: Vec<u32> = lines[0].split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| lives(*pid)));
    let removed = PathBuf::from(lines[1]);
    assert!(removed.is_dir());

    owner.kill().unwrap();
    assert_eq!(owner.wait().unwrap().signal(), Some(9));
    for pid in pids {
        wait_until("the end of an engine", || !lives(pid));
    }
    wait_until("the removal of the test cluster", || !removed.exists());

    let server = start(folder.path());
    assert_eq!(psql(&server.url("postgres"), "select n from kept").unwrap(), "1");
    server.stop().unwrap();
}

fn start(folder: &Path) -> PrivatePostgres {
    let data_dir = folder.join("postgres");
    PrivatePostgres::start(PostgresOptions { data_dir, port: None, durable: true }).unwrap()
}

#[test]
#[ignore = "a process of its own, started and killed by the test above"]
fn owner_of_engines() {
    let note = PathBuf::from(std::env::var_os(NOTE).unwrap());
    let folder = note.parent().unwrap();
    let postgres = start(folder);
    psql(&postgres.url("postgres"), "create table kept (n int); insert into kept values (1)")
        .unwrap();
    let store_dir = folder.join("nats");
    let nats = PrivateNats::start(NatsOptions { store_dir, port: None }).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(testing::database());
    let data = psql(&database.url, "show data_directory").unwrap();
    let removed = Path::new(&data).parent().unwrap();
    let text = format!(
        "{} {}\n{}\nend\n",
        postgres.pid().unwrap(),
        nats.pid().unwrap(),
        removed.display()
    );
    fs::write(&note, text).unwrap();
    // Ends with the test that holds the other end, should that one fail.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}
