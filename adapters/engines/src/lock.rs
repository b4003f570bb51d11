//! One Kontor per data directory.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::EngineError;

/// The longest text that is read from a lock file: a process id has at most 10 digits.
const LOCK_TEXT_MAX: u64 = 32;

/// A lock file that names the process that works in a data directory.
///
/// The operating system holds the lock itself and lets go of it when the process ends, so a lock
/// file left behind by a dead process never stands in the way, even when its id was given to
/// another process since.
#[derive(Debug)]
pub struct DataLock {
    file: File,
    path: PathBuf,
    took_over: Option<u32>,
}

impl DataLock {
    /// Takes the lock and writes this process's id into it.
    ///
    /// # Errors
    /// [`EngineError::Locked`] when a live process holds it; [`EngineError::Io`] when the file
    /// cannot be written.
    pub fn acquire(path: &Path) -> Result<Self, EngineError> {
        let failed = || format!("the lock file {} cannot be used", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(EngineError::io(failed()))?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(EngineError::io(failed()))?;
        let locked = file.try_lock();
        let mut text = String::new();
        (&mut file)
            .take(LOCK_TEXT_MAX)
            .read_to_string(&mut text)
            .map_err(EngineError::io(failed()))?;
        let pid = text.trim().parse().ok();
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(EngineError::Locked { path: path.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => {
                return Err(EngineError::Io { what: failed(), source });
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .and_then(|()| file.flush())
            .map_err(EngineError::io(failed()))?;
        if let Some(pid) = pid {
            tracing::info!(
                pid,
                "Took over the lock {} of process {pid}, which is gone",
                path.display()
            );
        }
        Ok(Self { file, path: path.to_owned(), took_over: pid })
    }

    /// The dead process that had left the lock behind, when there was one.
    pub fn took_over(&self) -> Option<u32> {
        self.took_over
    }
}

impl Drop for DataLock {
    fn drop(&mut self) {
        // The file stays: removing it would let two processes lock two files of one name.
        if let Err(err) = self.file.set_len(0).and_then(|()| self.file.unlock()) {
            tracing::warn!(error = %err, "The lock file {} was not cleared", self.path.display());
        }
    }
}
