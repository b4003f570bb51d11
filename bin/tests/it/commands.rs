//! Short commands: help, configuration errors, completions.

use tempfile::tempdir;

use crate::program::{command, run, text};

#[tokio::test]
async fn every_command_explains_itself() {
    let folder = tempdir().unwrap();
    for arguments in [
        "",
        "up",
        "serve",
        "bot",
        "work",
        "project",
        "relay",
        "sandbox",
        "migrate",
        "check",
        "key",
        "key create",
        "key list",
        "key revoke",
        "dead-letters",
        "dead-letters list",
        "dead-letters show",
        "dead-letters retry",
        "dead-letters skip",
        "log",
        "log tail",
        "log show",
        "log index",
        "stream",
        "stream show",
        "stream diff",
        "causal",
        "verify",
        "ledger",
        "ledger verify",
        "period",
        "period list",
        "period close",
        "period report",
        "period verify",
        "process",
        "process list",
        "backup",
        "restore",
        "export",
        "import",
        "projection",
        "projection list",
        "projection rebuild",
        "projection promote",
        "projection retire",
        "projection pause",
        "projection resume",
        "seed",
        "subject",
        "subject export",
        "subject erase",
        "subject rotate-master-key",
        "completions",
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().chain(["--help"]).collect();
        let output = run(command(folder.path(), &arguments)).await;
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        let help = text(&output.stdout);
        assert!(help.contains("Usage: kontor"), "{arguments:?}: {help}");
    }
}

#[tokio::test]
async fn the_help_shows_a_stranger_where_to_begin() {
    let folder = tempdir().unwrap();
    let help = text(&run(command(folder.path(), &["--help"])).await.stdout);
    for part in ["Begin with `kontor up`", "Exit codes: 0 done, 1 failed, 2 wrong", ".env.sample"] {
        assert!(help.contains(part), "{part}: {help}");
    }
}

#[tokio::test]
async fn all_configuration_errors_are_told_at_once_with_exit_code_2() {
    let folder = tempdir().unwrap();
    for verb in ["up", "serve", "check"] {
        let mut command = command(folder.path(), &[verb]);
        command.env("KONTOR_POOL_WRITE", "many").env("KONTOR_LOG_FORMAT", "xml");
        command.env("DATABASE_URL", "mysql://me:hunter2@host");
        let output = run(command).await;
        assert_eq!(output.status.code(), Some(2), "{verb}");
        let errors = text(&output.stderr);
        for name in ["KONTOR_POOL_WRITE", "KONTOR_LOG_FORMAT", "DATABASE_URL", "3 problems"] {
            assert!(errors.contains(name), "{verb}: {name}: {errors}");
        }
        assert!(!errors.contains("hunter2"), "{errors}");
    }
    assert!(!folder.path().join(".kontor").exists(), "nothing was begun");
}

#[tokio::test]
async fn a_wrong_argument_ends_with_exit_code_2() {
    let folder = tempdir().unwrap();
    let output = run(command(folder.path(), &["upp"])).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("'up'"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn a_role_without_engines_says_what_to_set() {
    let folder = tempdir().unwrap();
    let output = run(command(folder.path(), &["work"])).await;
    assert_eq!(output.status.code(), Some(2));
    let errors = text(&output.stderr);
    assert!(errors.contains("DATABASE_URL") && errors.contains("kontor up"), "{errors}");
}

#[tokio::test]
async fn a_bot_role_without_bots_says_what_to_set() {
    let folder = tempdir().unwrap();
    let mut command = command(folder.path(), &["bot"]);
    command.env("DATABASE_URL", "postgres://me@localhost/kontor").env("NATS_URL", "localhost");
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("BOT_TOKEN"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn completions_are_made_for_every_shell() {
    let folder = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = run(command(folder.path(), &["completions", shell])).await;
        assert!(output.status.success() && text(&output.stdout).contains("kontor"), "{shell}");
    }
}
