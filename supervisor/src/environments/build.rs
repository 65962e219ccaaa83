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

use super::{EnvironmentError, Environments, Progress, Recipe, find_program, python};

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

impl Environments {
    /// Builds an environment in `home`.
    pub(super) async fn build(
        &self,
        engine: &str,
        recipe: &Recipe,
        home: &Path,
        progress: &dyn Progress,
    ) -> Result<(), EnvironmentError> {
        let requirements = home.join("requirements.txt");
        let written = fs::write(&requirements, &recipe.lock);
        written.map_err(|why| EnvironmentError::Io { path: requirements.clone(), why })?;
        let python = &self.python;
        let inside = home.join("bin/python");
        let (mut make, mut install) = match &self.tool {
            Tool::Uv(uv) => {
                let mut make = Command::new(uv);
                make.args(["venv", "--allow-existing", "--relocatable", "--no-project", "--python"]);
                make.arg(&python.path);
                let mut install = Command::new(uv);
                install.args(["pip", "install", "--compile-bytecode", "--python"]).arg(&inside);
                (make, install)
            }
            Tool::Pip => {
                if !python.has_venv().await {
                    return Err(EnvironmentError::NoVenv { python: python.path.clone() });
                }
                let mut make = Command::new(&python.path);
                make.args(["-m", "venv"]);
                let mut install = Command::new(&inside);
                install.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
                install.args(["--progress-bar", "off"]);
                (make, install)
            }
        };
        if recipe.system {
            make.arg("--system-site-packages");
        }
        make.arg(home);
        // The lock is complete and its hashes are checked: nothing else may be looked up, nothing else comes in.
        install.args(["--no-deps", "--require-hashes", "-r"]).arg(&requirements);
        progress.step(engine, "making an environment");
        run(engine, "make an environment", &mut make, progress).await?;
        // Told before anything is downloaded.
        if recipe.needs_torch && !python::finds(&inside, "torch").await {
            return Err(EnvironmentError::NoSystemTorch {
                engine: engine.into(),
                python: python.path.clone(),
            });
        }
        progress.step(engine, "installing packages");
        run(engine, "install the packages", &mut install, progress).await
    }
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
    if status.success() { Ok(()) } else { Err(failed(gist(last_words.make_contiguous()))) }
}

/// What went wrong, as one line: a tool's last words from the one on that says so, or else the very last.
fn gist(last_words: &[String]) -> String {
    let complains = |line: &String| line.starts_with('×') || line.to_lowercase().starts_with("error");
    let from = last_words.iter().position(complains).unwrap_or(last_words.len().saturating_sub(1));
    // uv draws a tree of causes.
    let drawn = |c: char| c.is_whitespace() || "×╰├│─▶".contains(c);
    let plain = |line: &String| line.trim_matches(drawn).to_owned();
    let words: Vec<String> = last_words.iter().skip(from).map(plain).collect();
    if words.is_empty() { "it failed without a word".into() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tools_complaint_is_one_line_without_what_came_before_it() {
        for (said, told) in [
            (
                vec!["Resolving", "error: no such host", "Caused by: dns"],
                "error: no such host Caused by: dns",
            ),
            (vec!["Using Python", "× No solution found:", "╰─▶ no wheel"], "No solution found: no wheel"),
            (vec!["Collecting numpy", "ERROR: no match", "ERROR: none"], "ERROR: no match ERROR: none"),
            (vec!["Killed by", "somebody"], "somebody"),
            (vec![], "it failed without a word"),
        ] {
            let said: Vec<String> = said.into_iter().map(str::to_owned).collect();
            assert_eq!(gist(&said), told);
        }
    }
}
