//! The first start: making the cluster.

use std::{fs, os::unix::fs::chown, path::Path, process::Command};

use super::{ENGINE, USER};
use crate::{EngineError, PostgresBinaries, account::Account, secret, supervisor::run};

/// The first version that brings its own collation, independent of the operating system.
const BUILTIN_LOCALE_SINCE: u32 = 17;

/// Makes the cluster unless it exists, and returns its password.
pub(super) fn ensure(
    binaries: &PostgresBinaries,
    data_dir: &Path,
    account: Option<&Account>,
    durable: bool,
) -> Result<String, EngineError> {
    let password_path = secret::password_path(data_dir);
    if data_dir.join("PG_VERSION").is_file() {
        return secret::read(&password_path).ok_or_else(|| EngineError::PasswordMissing {
            data_dir: data_dir.to_owned(),
            path: password_path,
        });
    }
    let password = secret::create(&password_path, account)?;
    // Under another name until it is complete, so that an interrupted start is simply repeated.
    let staged = data_dir.with_added_extension("new");
    let mut result = Ok(());
    for locale in locales(binaries.major()) {
        prepare(&staged, account)?;
        result = initdb(binaries, &staged, account, &password_path, (locale, durable));
        if result.is_ok() {
            break;
        }
    }
    result?;
    fs::rename(&staged, data_dir)
        .map_err(EngineError::io(format!("{} cannot be moved into place", staged.display())))?;
    Ok(password)
}

/// The collations to try: sorting by code point with Unicode's upper and lower case; plain C where
/// the operating system has no such locale.
fn locales(major: u32) -> Vec<&'static [&'static str]> {
    let mut locales: Vec<&'static [&'static str]> = vec![&["--locale=C.UTF-8"], &["--locale=C"]];
    if major >= BUILTIN_LOCALE_SINCE {
        locales.insert(0, &["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]);
    }
    locales
}

fn prepare(staged: &Path, account: Option<&Account>) -> Result<(), EngineError> {
    let failed = || format!("the directory {} cannot be made", staged.display());
    if staged.exists() {
        fs::remove_dir_all(staged).map_err(EngineError::io(failed()))?;
    }
    fs::create_dir(staged).map_err(EngineError::io(failed()))?;
    if let Some(account) = account {
        chown(staged, Some(account.uid), Some(account.gid)).map_err(EngineError::io(failed()))?;
    }
    Ok(())
}

fn initdb(
    binaries: &PostgresBinaries,
    staged: &Path,
    account: Option<&Account>,
    password_path: &Path,
    (locale, durable): (&[&str], bool),
) -> Result<(), EngineError> {
    let mut command = Command::new(binaries.program("initdb"));
    command
        .arg(format!("--username={USER}"))
        .args(["--encoding=UTF8", "--auth=scram-sha-256"])
        .args(locale)
        .arg("--pwfile")
        .arg(password_path)
        .arg("-D")
        .arg(staged);
    if !durable {
        command.arg("--no-sync");
    }
    if let Some(account) = account {
        account.apply(&mut command);
    }
    run(ENGINE, "making the cluster", &mut command).map(drop)
}
