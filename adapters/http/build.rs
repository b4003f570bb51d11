//! The operations page is built by npm and embedded; this says so when it is not there yet.

use std::path::Path;
use std::process::ExitCode;

/// What the page consists of, as `npm run build` leaves it in `web/dist`.
const PARTS: [&str; 3] = ["operations.css", "operations.js", "charts.js"];

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
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
