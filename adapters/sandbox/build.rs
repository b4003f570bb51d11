//! The pages are built by npm and embedded; this says so when it is not there yet.

use std::path::Path;
use std::process::ExitCode;

/// What the pages consist of, as `npm run build` leaves it in `web/dist`.
const PARTS: [&str; 4] = ["chat.html", "chat.css", "chat.js", "checkout.css"];

fn main() -> ExitCode {
    // Asked for when it runs: in a cache that several clones share, another clone may have compiled it.
    let Some(package) = std::env::var_os("CARGO_MANIFEST_DIR") else {
        println!("cargo::error=CARGO_MANIFEST_DIR is not set: run this through cargo");
        return ExitCode::FAILURE;
    };
    let folder = Path::new(&package).join("../../web/dist");
    for part in PARTS {
        let file = folder.join(part);
        println!("cargo::rerun-if-changed={}", file.display());
        if !file.is_file() {
            println!("cargo::error=web/dist/{part} is missing: run `make web`");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
