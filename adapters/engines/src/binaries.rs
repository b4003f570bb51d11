//! Where the engines' programs are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{EngineError, supervisor::run};

/// The oldest PostgreSQL that works.
const POSTGRES_OLDEST: u32 = 14;
/// The oldest nats-server that works: stream transforms and strict consumer updates came with it.
const NATS_OLDEST: (u32, u32) = (2, 10);
const POSTGRES: &str = "PostgreSQL";
const NATS: &str = "nats-server";
const INSTALL_POSTGRES: &str =
    "install PostgreSQL 14 or newer, or name its directory in KONTOR_POSTGRES_BIN";
const INSTALL_NATS: &str = "install nats-server 2.10 or newer (`make up` does it), or name the program in KONTOR_NATS_SERVER";

/// The programs of one PostgreSQL installation.
#[derive(Clone, Debug)]
pub struct PostgresBinaries {
    directory: PathBuf,
    major: u32,
}

impl PostgresBinaries {
    /// Looks at `$KONTOR_POSTGRES_BIN`; then `pg_config --bindir`, `/usr/lib/postgresql/*/bin`,
    /// Homebrew's directories and the `PATH`, of which the newest is taken.
    ///
    /// # Errors
    /// [`EngineError::NotInstalled`] or [`EngineError::TooOld`].
    pub fn find() -> Result<Self, EngineError> {
        Self::choose(None)
    }

    /// The installation that can read the data in `data_dir`; the newest for new data.
    pub(crate) fn for_data(data_dir: &Path) -> Result<Self, EngineError> {
        let written = fs::read_to_string(data_dir.join("PG_VERSION")).ok();
        let written = written.and_then(|text| text.trim().parse().ok());
        let chosen = Self::choose(written)?;
        match written {
            Some(found) if found != chosen.major => Err(EngineError::OtherVersion {
                data_dir: data_dir.to_owned(),
                found,
                installed: chosen.major,
            }),
            Some(_) | None => Ok(chosen),
        }
    }

    fn choose(wanted: Option<u32>) -> Result<Self, EngineError> {
        let places = match env::var_os("KONTOR_POSTGRES_BIN") {
            Some(named) => vec![PathBuf::from(named)],
            None => postgres_places(),
        };
        let mut installed: Vec<Self> = places.iter().filter_map(|place| Self::at(place)).collect();
        installed.sort_by_key(|found| found.major);
        let exact = installed.iter().find(|found| Some(found.major) == wanted);
        let chosen =
            exact.or(installed.last()).cloned().ok_or_else(|| EngineError::NotInstalled {
                engine: POSTGRES,
                tried: list(&places),
                install: INSTALL_POSTGRES,
            })?;
        if chosen.major < POSTGRES_OLDEST {
            return Err(EngineError::TooOld {
                engine: POSTGRES,
                path: chosen.directory,
                found: chosen.major.to_string(),
                needed: "14",
                install: INSTALL_POSTGRES,
            });
        }
        Ok(chosen)
    }

    fn at(directory: &Path) -> Option<Self> {
        // Through its link: folders such as /usr/local/bin hold links to some programs only.
        let initdb = directory.join("initdb").canonicalize().ok()?;
        let directory = initdb.parent()?;
        let server = directory.join("postgres");
        let text = run(POSTGRES, "asking for the version", Command::new(server).arg("-V")).ok()?;
        let version =
            text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        Some(Self { directory: directory.to_owned(), major: digits.parse().ok()? })
    }

    /// The path of one of the programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The major version, such as 15.
    pub fn major(&self) -> u32 {
        self.major
    }
}

fn postgres_places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Ok(text) = run(POSTGRES, "pg_config", Command::new("pg_config").arg("--bindir")) {
        places.push(PathBuf::from(text.trim()));
    }
    for (folder, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
        ("/usr", "pgsql-"),
    ] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        places.extend(
            entries
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join("bin")),
        );
    }
    places.extend(path_directories());
    places.retain(|place| place.is_dir());
    places
}

/// The program of one nats-server installation.
#[derive(Clone, Debug)]
pub struct NatsBinary {
    path: PathBuf,
}

impl NatsBinary {
    /// Looks at `$KONTOR_NATS_SERVER`, then `.kontor/tools/nats-server` in the working directory
    /// or above it, above the package that cargo runs, or above this program, then the `PATH`.
    ///
    /// # Errors
    /// [`EngineError::NotInstalled`] or [`EngineError::TooOld`].
    pub fn find() -> Result<Self, EngineError> {
        let places = match env::var_os("KONTOR_NATS_SERVER") {
            Some(named) => vec![PathBuf::from(named)],
            None => nats_places(),
        };
        let path = places.iter().find(|place| place.is_file()).cloned().ok_or_else(|| {
            EngineError::NotInstalled { engine: NATS, tried: list(&places), install: INSTALL_NATS }
        })?;
        let text = run(NATS, "asking for the version", Command::new(&path).arg("--version"))?;
        let version = text.trim().rsplit(['v', ' ']).next().unwrap_or_default();
        let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if found < NATS_OLDEST {
            return Err(EngineError::TooOld {
                engine: NATS,
                path,
                found: version.to_owned(),
                needed: "2.10",
                install: INSTALL_NATS,
            });
        }
        Ok(Self { path })
    }

    /// The path of the program.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn nats_places() -> Vec<PathBuf> {
    let starts = [
        env::current_dir().ok(),
        env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
        env::current_exe().ok(),
    ];
    let above = starts.iter().flatten().flat_map(|start| start.ancestors());
    let mut places: Vec<PathBuf> = above
        .map(|folder| folder.join(".kontor/tools"))
        .filter(|tools| tools.is_dir())
        .chain(path_directories())
        .map(|folder| folder.join("nats-server"))
        .collect();
    places.dedup();
    places
}

fn path_directories() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

fn list(places: &[PathBuf]) -> String {
    let names: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    if names.is_empty() { "no place".to_owned() } else { names.join(", ") }
}
