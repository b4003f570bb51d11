//! The state file: one JSON snapshot, written whole, beside it a folder with files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::files::FileEntry;
use crate::shared::Shared;
use crate::stripe::StripeKept;
use crate::world::World;
use crate::world::bot::KeptBot;
use crate::world::chat::{Chat, ChatKey};
use crate::world::stars::Charge;
use crate::{Person, limits};

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A token is not `<bot id>:<secret>`, or two bots share an id or a name.
    #[error("the bot `{name}` has no usable token, or its id or name is taken twice")]
    UnusableBot {
        /// Short name of the bot.
        name: String,
    },
    /// The state file or its folder cannot be read, written or set aside.
    #[error("the state file of the sandbox is out of reach")]
    StateFile(#[source] io::Error),
    /// The client that calls webhooks cannot be made.
    #[error("the sandbox cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
}

/// The layout of the state file. A file of another layout is set aside.
const LAYOUT: u32 = 1;

/// What survives a restart.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    layout: u32,
    people: Vec<Person>,
    bots: BTreeMap<i64, KeptBot>,
    chats: Vec<(ChatKey, Chat)>,
    files: Vec<FileEntry>,
    /// Absent in files of before there were Stars.
    #[serde(default)]
    charges: Vec<Charge>,
    /// Absent in files of before there was Stripe.
    #[serde(default)]
    stripe: StripeKept,
    /// Absent in files of before there was YooKassa.
    #[serde(default)]
    yookassa: crate::yookassa::Kept,
}

impl Snapshot {
    pub(crate) fn of(world: &World) -> Self {
        Self {
            layout: LAYOUT,
            people: world.people.values().cloned().collect(),
            bots: world.bots.iter().map(|(id, bot)| (*id, bot.kept.clone())).collect(),
            chats: world.chats.iter().map(|(key, chat)| (*key, chat.clone())).collect(),
            files: world.files.values().cloned().collect(),
            charges: world.stars.charges.clone(),
            stripe: world.stripe.kept.clone(),
            yookassa: world.yookassa.kept.clone(),
        }
    }

    /// Puts back what was kept; bots and people of the settings come first.
    pub(crate) fn restore(self, world: &mut World) {
        for person in self.people {
            world.people.entry(person.id).or_insert(person);
        }
        for (id, kept) in self.bots {
            if let Some(bot) = world.bots.get_mut(&id) {
                bot.kept = kept;
            }
        }
        let is_known = |key: &ChatKey| {
            world.bots.contains_key(&key.bot_id) && world.people.contains_key(&key.person_id)
        };
        world.chats = self.chats.into_iter().filter(|(key, _)| is_known(key)).collect();
        world.stars.charges = self.charges;
        world.stripe.kept = self.stripe;
        world.yookassa.kept = self.yookassa;
        world.files = self.files.into_iter().map(|file| (file.file_id.clone(), file)).collect();
    }
}

/// Reads the state file. What cannot be understood is set aside, so that nothing is lost and the
/// sandbox starts all the same.
pub(crate) fn load(path: &Path) -> Result<Option<Snapshot>, SandboxError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SandboxError::StateFile(error)),
    };
    match serde_json::from_slice::<Snapshot>(&bytes) {
        Ok(snapshot) if snapshot.layout == LAYOUT => Ok(Some(snapshot)),
        _ => {
            let aside = with_ending(path, "broken");
            tracing::warn!(path = %aside.display(), "the sandbox's state file was set aside");
            fs::rename(path, aside).map_err(SandboxError::StateFile)?;
            Ok(None)
        }
    }
}

/// The folder for files beside the state file; made when it is not there.
pub(crate) fn files_folder(state_file: &Path) -> Result<PathBuf, SandboxError> {
    let folder = with_ending(state_file, "files");
    fs::create_dir_all(&folder).map_err(SandboxError::StateFile)?;
    Ok(folder)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// Writes a file whole or not at all, readable by its owner alone.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = with_ending(path, "new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// Writes the state soon after each change, and a last time when it is over.
pub(crate) async fn save_until_stopped(shared: &Shared, stop: CancellationToken) {
    let Some(path) = shared.state_file.clone() else { return };
    let mut changes = shared.with(|world| world.changes.subscribe());
    loop {
        let changed = stop.run_until_cancelled(changes.changed()).await;
        if changed.is_some() {
            // One write for a burst of changes.
            stop.run_until_cancelled(tokio::time::sleep(limits::SAVE_AFTER)).await;
        }
        changes.mark_unchanged();
        save(shared, path.clone()).await;
        if stop.is_cancelled() || matches!(changed, Some(Err(_))) {
            return;
        }
    }
}

async fn save(shared: &Shared, path: PathBuf) {
    let snapshot = shared.with(|world| Snapshot::of(world));
    let written = tokio::task::spawn_blocking(move || {
        let bytes = serde_json::to_vec(&snapshot).map_err(io::Error::other)?;
        write_private(&path, &bytes)
    });
    match written.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the sandbox's state could not be written"),
        Err(error) => tracing::error!(%error, "writing the sandbox's state was broken off"),
    }
}
