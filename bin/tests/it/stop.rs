//! Locks, ports and signals of `kontor up`.

use std::net::TcpListener;

use rustix::process::Signal;
use tempfile::tempdir;

use crate::program::{STOP_LIMIT, Up, command, descendants, eventually, is_alive, run, text};

#[tokio::test]
async fn a_stop_takes_at_most_ten_seconds_and_leaves_no_process() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    let children = descendants(up.pid());
    assert!(children.len() >= 4, "two engines under their shells: {children:?}");
    let (took, errors) = up.stop().await;
    assert!(took < STOP_LIMIT, "{took:?}: {errors}");
    // The engines are gone by then; their shells may still sit out the second of a `sleep`.
    eventually(|| async { (!children.iter().any(|pid| is_alive(*pid))).then_some(()) }).await;
    assert!(!folder.path().join(".kontor/run.json").exists(), "nobody is told of a run that ended");
}

#[tokio::test]
async fn a_taken_port_is_named_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (variable, value) in [
        ("KONTOR_HTTP_ADDRESS", format!("127.0.0.1:{port}")),
        ("KONTOR_SANDBOX_ADDRESS", format!("127.0.0.1:{port}")),
        ("KONTOR_POSTGRES_PORT", port.to_string()),
        ("KONTOR_NATS_PORT", port.to_string()),
    ] {
        let folder = tempdir().unwrap();
        let mut command = command(folder.path(), &["up"]);
        command.env(variable, value);
        let output = run(command).await;
        assert_eq!(output.status.code(), Some(1), "{variable}");
        let errors = text(&output.stderr);
        assert!(errors.contains(&format!("port {port}")) && errors.contains(variable), "{errors}");
        assert!(!folder.path().join(".kontor/postgres").exists(), "{variable}: nothing was begun");
    }
}

#[tokio::test]
async fn a_second_start_on_the_same_data_is_refused_with_the_process_that_runs() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    let output = run(command(folder.path(), &["up"])).await;
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains(&up.pid().to_string()), "{errors}");
    assert_eq!(errors.lines().count(), 1, "one line is enough: {errors}");
    up.stop().await;
}

#[tokio::test]
async fn a_start_after_a_kill_takes_over_the_lock_and_finds_the_data() {
    let folder = tempdir().unwrap();
    let mut killed = Up::start(&folder).await;
    let pid = killed.pid();
    let children = descendants(pid);
    killed.signal(Signal::KILL);
    killed.child.wait().await.unwrap();
    let up = Up::start(&folder).await;
    assert!(up.addresses["took_over"].as_u64() == Some(u64::from(pid)), "{}", up.addresses);
    assert_eq!(up.addresses["demo"], "existing", "{}", up.addresses);
    // The engines of the killed process noticed its end by themselves.
    eventually(|| async { (!children.iter().any(|pid| is_alive(*pid))).then_some(()) }).await;
    up.stop().await;
}

#[tokio::test]
async fn engines_that_die_are_started_again_and_commands_go_on() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    for engine in ["nats-server", "postgres"] {
        // The first of that name is the server, those below it are its own children.
        let server = descendants(up.pid()).into_iter().find(|pid| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name.trim() == engine
        });
        let server = server.unwrap();
        let pid = i32::try_from(server).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        eventually(|| async {
            let checked = run(command(folder.path(), &["check", "--json"])).await;
            (!is_alive(server) && checked.status.success()).then_some(())
        })
        .await;
        // A command on its whole way, through the broker to the log and back.
        eventually(|| async {
            run(command(folder.path(), &["seed"])).await.status.success().then_some(())
        })
        .await;
    }
    up.stop().await;
}
