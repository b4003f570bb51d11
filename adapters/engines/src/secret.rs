//! Generated passwords, kept beside the data in a file that only its owner reads.

use std::{
    fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, chown},
    path::{Path, PathBuf},
};

use crate::{EngineError, account::Account};

/// The password's length in bytes before it is written as hexadecimal digits.
const PASSWORD_BYTES: usize = 24;

/// The file that holds the password of the engine whose data is in `data_dir`.
pub(crate) fn password_path(data_dir: &Path) -> PathBuf {
    data_dir.with_added_extension("password")
}

/// Random hexadecimal text, safe in an address and a configuration file.
pub(crate) fn random_hex(bytes: usize) -> String {
    (0..bytes).map(|_| format!("{:02x}", rand::random::<u8>())).collect()
}

/// Reads the password, when there is one.
pub(crate) fn read(path: &Path) -> Option<String> {
    let password = fs::read_to_string(path).ok()?.trim().to_owned();
    (!password.is_empty()).then_some(password)
}

/// Makes a password and stores it for `account` alone.
pub(crate) fn create(path: &Path, account: Option<&Account>) -> Result<String, EngineError> {
    let failed = || format!("the password file {} cannot be written", path.display());
    let password = random_hex(PASSWORD_BYTES);
    let staged = path.with_added_extension("new");
    if staged.exists() {
        fs::remove_file(&staged).map_err(EngineError::io(failed()))?;
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&staged)
        .map_err(EngineError::io(failed()))?;
    writeln!(file, "{password}")
        .and_then(|()| file.sync_all())
        .and_then(|()| match account {
            Some(account) => chown(&staged, Some(account.uid), Some(account.gid)),
            None => Ok(()),
        })
        .and_then(|()| fs::rename(&staged, path))
        .map_err(EngineError::io(failed()))?;
    Ok(password)
}
