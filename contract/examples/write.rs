//! Writes the schemas and the AsyncAPI document under `nats/`; `make contract` runs it. Refuses, and
//! writes nothing, when a committed schema would change in a way that breaks somebody.

use std::{collections::BTreeMap, fs, io, path::Path, process::ExitCode};

use kontor_contract::{FOLDER, SCHEMAS, breaking_file_changes, files};

fn main() -> io::Result<ExitCode> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .ok_or_else(|| io::Error::other("run this through cargo: `make contract`"))?;
    let root = Path::new(&package).join("..").join(FOLDER);
    let made = files();
    let broken = breaking_file_changes(&committed(&root)?, &made);
    if !broken.is_empty() {
        let list = broken.join("\n  ");
        return Err(io::Error::other(format!(
            "nothing was written, these changes break integrators:\n  {list}\n\
             keep the version as it is, and describe the change as a new version of the event"
        )));
    }
    for (path, text) in made {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The schemas that are there, by their paths in the folder.
fn committed(root: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let Ok(events) = fs::read_dir(root.join(SCHEMAS)) else { return Ok(found) };
    for event in events {
        let event = event?;
        for version in fs::read_dir(event.path())? {
            let version = version?;
            let name = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
            let path = format!("{SCHEMAS}/{}/{}", name(&event), name(&version));
            found.insert(path, fs::read_to_string(version.path())?);
        }
    }
    Ok(found)
}
