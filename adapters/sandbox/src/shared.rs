//! What all requests and tasks of one sandbox share.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::files::{FileEntry, FileStore};
use crate::storage::{self, SandboxError};
use crate::wire::error::WireError;
use crate::world::World;
use crate::world::bot::{Bot, KeptBot};
use crate::{SandboxBot, SandboxSettings, limits};

/// The sandbox behind its router and tasks.
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) files: FileStore,
    /// For webhooks and for files that are given as a URL.
    pub(crate) client: reqwest::Client,
    pub(crate) uploads: Semaphore,
    pub(crate) listeners: Arc<Semaphore>,
    pub(crate) state_file: Option<PathBuf>,
    pub(crate) public_url: String,
    /// Ends open streams and long polls.
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn start(settings: SandboxSettings) -> Result<Self, SandboxError> {
        let bots = make_bots(settings.bots)?;
        let people = settings.people.into_iter().map(|person| (person.id, person)).collect();
        let mut world = World::new(bots, people);
        world.stripe.shops = settings.shops;
        let mut folder = None;
        if let Some(path) = &settings.state_file {
            folder = Some(storage::files_folder(path)?);
            if let Some(snapshot) = storage::load(path)? {
                snapshot.restore(&mut world);
            }
        }
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(SandboxError::Client)?;
        Ok(Self {
            world: Mutex::new(world),
            files: FileStore::new(folder),
            client,
            uploads: Semaphore::new(limits::UPLOADS_AT_ONCE),
            listeners: Arc::new(Semaphore::new(limits::LISTENERS)),
            state_file: settings.state_file,
            public_url: settings.public_url,
            stop: CancellationToken::new(),
        })
    }

    /// Looks at or changes the world. Never waits inside.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        // A panic elsewhere leaves at worst one half-made change; the sandbox goes on.
        act(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn bot_ids(&self) -> Vec<i64> {
        self.with(|world| world.bots.keys().copied().collect())
    }

    /// The bot with this token.
    pub(crate) fn bot_of_token(&self, token: &str) -> Option<i64> {
        self.with(|world| {
            world.bots.values().find(|bot| bot.settings.token == token).map(|bot| bot.id)
        })
    }

    /// Keeps a file; the oldest ones make room.
    pub(crate) async fn keep_file(&self, entry: FileEntry, bytes: Bytes) -> Result<(), WireError> {
        if let Err(error) = self.files.put(&entry.file_id, bytes).await {
            tracing::warn!(%error, "a file could not be stored in the sandbox");
            return Err(WireError::server_error());
        }
        let gone = self.with(|world| world.add_file(entry));
        self.files.remove(gone).await;
        Ok(())
    }
}

fn make_bots(settings: Vec<SandboxBot>) -> Result<BTreeMap<i64, Bot>, SandboxError> {
    let mut bots = BTreeMap::new();
    let mut names = HashSet::new();
    for bot in settings {
        let id = bot
            .token
            .split_once(':')
            .filter(|(_, secret)| !secret.is_empty())
            .and_then(|(id, _)| id.parse::<i64>().ok())
            .filter(|id| *id > 0 && !bots.contains_key(id) && names.insert(bot.name.clone()));
        let Some(id) = id else {
            return Err(SandboxError::UnusableBot { name: bot.name });
        };
        bots.insert(id, Bot::new(bot, id, KeptBot::default()));
    }
    Ok(bots)
}
