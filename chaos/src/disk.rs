//! A small disk that can be filled: a file system in memory, where the machine permits mounting one.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

/// The size of the disk in megabytes: room for a new cluster and the rounds of one world.
const SIZE_MB: usize = 384;
/// What is written at a time, in bytes.
const CHUNK: usize = 1024 * 1024;

/// A mounted disk.
#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts a disk at a new folder; `None` when this user may not.
    pub(crate) fn mount(path: &Path) -> anyhow::Result<Option<Self>> {
        fs::create_dir(path).with_context(|| format!("{} cannot be made", path.display()))?;
        let options = format!("size={SIZE_MB}m,mode=0755");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "kontor-chaos"])
            .arg(path)
            .output();
        let may = mounted.is_ok_and(|mounted| mounted.status.success());
        Ok(may.then(|| Self { path: path.to_owned() }))
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.filler())?;
        let chunk = vec![0; CHUNK];
        for _ in 0..=SIZE_MB {
            match file.write_all(&chunk) {
                Ok(()) => {}
                Err(err) if err.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(err) => return Err(err).context("the disk cannot be filled"),
            }
        }
        anyhow::bail!("the disk does not become full")
    }

    /// Gives the room back.
    pub(crate) fn free(&self) -> anyhow::Result<()> {
        fs::remove_file(self.filler()).context("the disk cannot be freed")
    }

    /// Takes the disk away, with everything on it.
    pub(crate) fn unmount(self) -> anyhow::Result<()> {
        let unmounted = Command::new("umount").arg(&self.path).output()?;
        let errors = String::from_utf8_lossy(&unmounted.stderr).into_owned();
        ensure!(unmounted.status.success(), "{}: {}", self.path.display(), errors.trim());
        Ok(())
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}
