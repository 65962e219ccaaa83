//! `ishowtts`: see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ishowtts::cli::main()
}
