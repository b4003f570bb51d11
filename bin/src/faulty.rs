//! `kontor-faulty`: the program with armed fault points, for `make chaos`. It refuses real bots and
//! engines on other machines (`config/faults.rs`), and no release can be built of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kontor::run()
}
