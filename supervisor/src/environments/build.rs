//! Building one environment, with uv or with venv and pip.

use std::{
    collections::VecDeque,
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use super::{EnvironmentError, Interpreter, Progress, find_program};

/// Lines of a tool's output that are told when it fails.
const LAST_WORDS: usize = 12;

/// What builds environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// uv, faster by far.
    Uv(PathBuf),
    /// Python's own venv, and the pip in it.
    Pip,
}

impl Tool {
    /// uv when it is installed.
    pub fn choose() -> Self {
        find_program("uv").map_or(Self::Pip, Self::Uv)
    }
}

pub(super) async fn build(
    engine: &str,
    lock: &str,
    python: &Interpreter,
    home: &Path,
    progress: &dyn Progress,
) -> Result<(), EnvironmentError> {
    let requirements = home.join("requirements.txt");
    let written = fs::write(&requirements, lock);
    written.map_err(|source| EnvironmentError::Io { path: requirements.clone(), source })?;
    let tool = Tool::choose();
    progress.step(engine, "making an environment");
    let inside = home.join("bin/python");
    let (mut make, mut install) = match &tool {
        Tool::Uv(uv) => {
            let mut make = Command::new(uv);
            make.args(["venv", "--allow-existing", "--relocatable", "--no-project", "--python"]);
            make.arg(&python.path).arg(home);
            let mut install = Command::new(uv);
            install.args(["pip", "install", "--compile-bytecode", "--python"]).arg(&inside);
            (make, install)
        }
        Tool::Pip => {
            if !python.has_venv().await {
                return Err(EnvironmentError::NoVenv { python: python.path.clone() });
            }
            let mut make = Command::new(&python.path);
            make.args(["-m", "venv"]).arg(home);
            let mut install = Command::new(&inside);
            install.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
            install.args(["--progress-bar", "off"]);
            (make, install)
        }
    };
    // The lock is complete and its hashes are checked: nothing else may be looked up, nothing else comes in.
    install.args(["--no-deps", "--require-hashes", "-r"]).arg(&requirements);
    run(engine, "make an environment", &mut make, progress).await?;
    progress.step(engine, "installing packages");
    run(engine, "install the packages", &mut install, progress).await
}

/// Runs a tool, telling its lines as they come.
async fn run(
    engine: &str,
    act: &'static str,
    command: &mut Command,
    progress: &dyn Progress,
) -> Result<(), EnvironmentError> {
    let failed = |message: String| EnvironmentError::Step { engine: engine.to_owned(), act, message };
    // A service may have no home to keep a cache in; systemd names a directory for it.
    if let Some(cache) = env::var_os("CACHE_DIRECTORY") {
        command.env("UV_CACHE_DIR", &cache).env("PIP_CACHE_DIR", &cache);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed("its output could not be read".into()));
    };
    let (mut out, mut err) = (BufReader::new(out).lines(), BufReader::new(err).lines());
    let mut last_words = VecDeque::new();
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        let line = tokio::select! {
            line = out.next_line(), if out_open => line.inspect(|line| out_open = line.is_some()),
            line = err.next_line(), if err_open => line.inspect(|line| err_open = line.is_some()),
        };
        let Some(line) = line.map_err(|error| failed(error.to_string()))? else { continue };
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        // Where a package comes from is of no interest to anybody who watches.
        if !line.starts_with("Looking in") {
            progress.step(engine, line);
        }
        if last_words.len() == LAST_WORDS {
            last_words.pop_front();
        }
        last_words.push_back(line.to_owned());
    }
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(Vec::from(last_words).join("\n"))) }
}
