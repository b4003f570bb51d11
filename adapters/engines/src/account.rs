//! The user that PostgreSQL runs as: it refuses root, so root hands it to an unprivileged user.

use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use crate::{EngineError, secret};

/// Where root keeps data that the unprivileged user could not reach in its own place.
const SHARED_DATA: &str = "/var/lib/kontor";
/// Search permission for everybody, listing for the owner alone.
const SEARCHABLE: u32 = 0o711;

/// A user of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The user that PostgreSQL must run as: the present one (`None`), unless that is root.
    ///
    /// Root hands existing data to its owner, and new data to `postgres` or else `nobody`.
    pub(crate) fn for_postgres(data_dir: &Path) -> Result<Option<Self>, EngineError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd")
            .map_err(EngineError::io("the list of users /etc/passwd cannot be read"))?;
        let owner = fs::metadata(data_dir.join("PG_VERSION")).ok().map(|file| file.uid());
        if let Some(owner) = owner.filter(|uid| *uid != 0)
            && let Some(account) = accounts(&passwd).find(|account| account.uid == owner)
        {
            return Ok(Some(account));
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| accounts(&passwd).find(|account| account.name == name))
            .map(Some)
            .ok_or_else(|| EngineError::Io {
                what: "PostgreSQL does not run as root, and neither a user `postgres` nor `nobody` exists".to_owned(),
                source: io::Error::from(io::ErrorKind::NotFound),
            })
    }

    /// Lets the command run as this user, with this user's group alone.
    pub(crate) fn apply(&self, command: &mut Command) {
        // Without an explicit list the standard library drops all supplementary groups.
        command.uid(self.uid).gid(self.gid);
    }

    fn may_search(&self, directory: &fs::Metadata) -> bool {
        let bit = if directory.uid() == self.uid {
            0o100
        } else if directory.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        directory.mode() & bit != 0
    }

    /// The topmost directory above `path` that this user cannot search.
    fn blocked(&self, path: &Path) -> Result<Option<PathBuf>, EngineError> {
        let above: Vec<&Path> = path.ancestors().skip(1).collect();
        for directory in above.into_iter().rev() {
            let metadata = fs::metadata(directory)
                .map_err(EngineError::io(format!("{} cannot be read", directory.display())))?;
            if !self.may_search(&metadata) {
                return Ok(Some(directory.to_owned()));
            }
        }
        Ok(None)
    }
}

fn accounts(passwd: &str) -> impl Iterator<Item = Account> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        Some(Account { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })
}

/// The real place of the data: `data_dir` itself, unless root runs the engine as another user who
/// cannot reach it.
///
/// Below the temporary directory the way is opened (search permission only, nothing can be
/// listed). Elsewhere, such as below `/root`, permissions stay as they are: the data is placed in
/// a new directory of `/var/lib/kontor`, and `data_dir` becomes a symbolic link to it.
pub(crate) fn place(data_dir: &Path, account: Option<&Account>) -> Result<PathBuf, EngineError> {
    let real = resolve(data_dir)?;
    let Some(account) = account else { return Ok(real) };
    let Some(blocked) = account.blocked(&real)? else { return Ok(real) };
    let temporary = std::env::temp_dir();
    let temporary = temporary.canonicalize().unwrap_or(temporary);
    if blocked.starts_with(&temporary) && blocked != temporary {
        while let Some(directory) = account.blocked(&real)? {
            let mode = fs::metadata(&directory).map(|found| found.mode());
            mode.and_then(|mode| {
                fs::set_permissions(&directory, fs::Permissions::from_mode(mode | 0o011))
            })
            .map_err(EngineError::io(format!("{} cannot be opened", directory.display())))?;
        }
        return Ok(real);
    }
    if real.exists() && fs::read_dir(&real).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(EngineError::Unreachable {
            user: account.name.clone(),
            blocked,
            data_dir: data_dir.to_owned(),
        });
    }
    move_away(&real, account)
}

fn resolve(data_dir: &Path) -> Result<PathBuf, EngineError> {
    let failed = || format!("the directory {} cannot be made", data_dir.display());
    let parent = data_dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(EngineError::io(failed()))?;
    if let Ok(target) = fs::read_link(data_dir)
        && !target.exists()
    {
        // The link of an earlier start, whose target was removed: begin anew in the same place.
        make_searchable(target.parent().unwrap_or(Path::new(SHARED_DATA)))?;
        fs::create_dir_all(&target).map_err(EngineError::io(failed()))?;
    }
    if data_dir.exists() {
        return data_dir.canonicalize().map_err(EngineError::io(failed()));
    }
    let name = data_dir.file_name().unwrap_or_else(|| "data".as_ref());
    Ok(parent.canonicalize().map_err(EngineError::io(failed()))?.join(name))
}

fn move_away(data_dir: &Path, account: &Account) -> Result<PathBuf, EngineError> {
    let failed = || format!("the data of {} cannot be placed elsewhere", data_dir.display());
    make_searchable(Path::new(SHARED_DATA))?;
    let parent = Path::new(SHARED_DATA).join(secret::random_hex(8));
    make_searchable(&parent)?;
    let target = parent.join(data_dir.file_name().unwrap_or_else(|| "data".as_ref()));
    fs::create_dir(&target).map_err(EngineError::io(failed()))?;
    if data_dir.exists() {
        fs::remove_dir(data_dir).map_err(EngineError::io(failed()))?;
    }
    symlink(&target, data_dir).map_err(EngineError::io(failed()))?;
    tracing::info!(
        data_dir = %data_dir.display(),
        target = %target.display(),
        user = account.name,
        "The user that PostgreSQL runs as cannot reach {}; the data is kept in {}",
        data_dir.display(),
        target.display(),
    );
    Ok(target)
}

fn make_searchable(directory: &Path) -> Result<(), EngineError> {
    let failed = || format!("the directory {} cannot be made", directory.display());
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory).map_err(EngineError::io(failed()))?;
    fs::set_permissions(directory, fs::Permissions::from_mode(SEARCHABLE))
        .map_err(EngineError::io(failed()))
}
