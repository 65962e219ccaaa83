//! Finding a Python that the workers can run on.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::EnvironmentError;

/// The versions that the locks hold for.
const MINORS: std::ops::RangeInclusive<u32> = 10..=13;

/// A Python interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// Where it is.
    pub path: PathBuf,
    /// The `y` of its version 3.y.
    pub minor: u32,
}

impl Interpreter {
    /// The one that is named, or the first on the path that fits.
    pub(super) async fn find(named: Option<&str>) -> Result<Self, EnvironmentError> {
        let usual = ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
        let candidates: Vec<&str> = named.map_or(usual.to_vec(), |named| vec![named]);
        let mut tried = Vec::new();
        for name in candidates {
            match find_program(name) {
                None => tried.push(format!("{name}: not found")),
                Some(path) => match ask(&path).await {
                    Some((path, minor)) if MINORS.contains(&minor) => return Ok(Self { path, minor }),
                    Some((_, minor)) => tried.push(format!("{name}: version 3.{minor}")),
                    None => tried.push(format!("{name}: does not run")),
                },
            }
        }
        Err(EnvironmentError::NoPython { tried: tried.join(", ") })
    }

    /// `3.11`.
    pub fn version(&self) -> String {
        format!("3.{}", self.minor)
    }

    /// Whether it can make environments that have pip in them.
    pub async fn has_venv(&self) -> bool {
        let check = Command::new(&self.path)
            .args(["-c", "import venv, ensurepip"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        check.await.is_ok_and(|status| status.success())
    }
}

/// Its own idea of where it is (a launcher script would have to look it up each time), and its minor version.
async fn ask(python: &Path) -> Option<(PathBuf, u32)> {
    let code = "import sys; print(sys.version_info[1]); print(sys.executable)";
    let asked = Command::new(python).args(["-c", code]).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = asked.await.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (minor, path) = text.trim().split_once('\n')?;
    Some((PathBuf::from(path), minor.parse().ok()?))
}

/// Whether workers run on this interpreter, and if not, what is wrong with it. No lock has to hold for it.
pub(super) async fn can_work(python: &Path) -> Result<(), String> {
    match ask(python).await {
        Some((_, minor)) if minor >= *MINORS.start() => Ok(()),
        Some((_, minor)) => {
            Err(format!("is Python 3.{minor}, and workers need 3.{} or newer", MINORS.start()))
        }
        None => Err("does not run as Python".into()),
    }
}

/// Whether a worker on this interpreter would find the module: users' own folders and the environment do not count.
pub(super) async fn finds(python: &Path, module: &str) -> bool {
    let code = format!("import importlib.util, sys; sys.exit(importlib.util.find_spec({module:?}) is None)");
    let mut look = Command::new(python);
    look.args(["-I", "-c", &code]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    look.status().await.is_ok_and(|status| status.success())
}

/// A program by its name on the path, or by its own path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| candidate.is_file())
}
