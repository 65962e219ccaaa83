//! `ishowtts`: see `--help`.

use std::process::ExitCode;

/// A request's buffers come and go by the hundred kilobytes: the system's allocator spends a sixth of our own time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ishowtts::cli::main()
}
