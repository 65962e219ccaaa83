//! Where an interpreter's own files are: what a worker on it has to read and to execute.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::find_program;

/// Longest first line of a script that is looked at.
const FIRST_LINE: u64 = 4096;
/// Its folders, its own program, and the one that its environment was made of.
const QUESTION: &str = "import os, sys, sysconfig
folders = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path]
folders += [sysconfig.get_config_var('LIBDIR') or '', sysconfig.get_path('include')]
programs = [sys.executable, getattr(sys, '_base_executable', '') or '']
print('\\n'.join(os.path.abspath(path) for path in programs if path))
print()
print('\\n'.join(os.path.abspath(path) for path in folders if path))";

/// An interpreter's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// What is executed: the interpreter, and if it is a script, what that is run by.
    pub programs: BTreeSet<PathBuf>,
    /// Folders with its library and packages.
    pub libraries: BTreeSet<PathBuf>,
}

impl Layout {
    /// Asks the interpreter, with the variables that its workers get. One that gives no answer is taken to stand in
    /// a folder `bin` beside its library.
    pub async fn of(python: &Path, variables: impl Iterator<Item = (&String, &String)> + Send) -> Self {
        let mut layout = Self::default();
        layout.programs.insert(python.to_owned());
        layout.programs.extend(runners(python));
        let asked = Command::new(python)
            .args(["-s", "-c", QUESTION])
            .env("PYTHONSAFEPATH", "1")
            .env("PYTHONNOUSERSITE", "1")
            .envs(variables)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let answer = asked.await.ok().filter(|output| output.status.success());
        let answer = answer.and_then(|output| String::from_utf8(output.stdout).ok());
        if let Some((programs, libraries)) = answer.as_deref().and_then(|answer| answer.split_once("\n\n")) {
            layout.programs.extend(programs.lines().map(PathBuf::from));
            layout.libraries.extend(libraries.lines().map(PathBuf::from));
        } else {
            let home = fs::canonicalize(python).ok();
            let homes = [Some(python), home.as_deref()].into_iter().flatten();
            layout.libraries.extend(homes.filter_map(|path| path.ancestors().nth(2)).map(Path::to_owned));
        }
        layout
    }
}

/// The programs that a script is run by, as its first line names them.
fn runners(program: &Path) -> Vec<PathBuf> {
    let Ok(file) = fs::File::open(program) else { return Vec::new() };
    let mut line = Vec::new();
    if BufReader::new(file.take(FIRST_LINE)).read_until(b'\n', &mut line).is_err() {
        return Vec::new();
    }
    let line = String::from_utf8_lossy(&line);
    let Some(named) = line.strip_prefix("#!") else { return Vec::new() };
    let mut words = named.split_whitespace();
    let Some(runner) = words.next() else { return Vec::new() };
    // `env` looks for the program itself.
    let found = words.find(|word| !word.starts_with('-') && !word.contains('=')).and_then(find_program);
    let is_env = Path::new(runner).ends_with("env");
    [Some(PathBuf::from(runner)), found.filter(|_| is_env)].into_iter().flatten().collect()
}

/// Folders that a variable such as `LD_LIBRARY_PATH` lists.
pub fn listed(paths: &str) -> impl Iterator<Item = PathBuf> {
    env::split_paths(paths).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_interpreter_tells_where_its_library_is_and_a_script_what_runs_it() {
        let python = find_program("python3").unwrap();
        let layout = Layout::of(&python, [].into_iter()).await;
        assert!(layout.programs.contains(&python));
        let has_library = |folder: &PathBuf| folder.join("os.py").is_file();
        assert!(layout.libraries.iter().any(has_library), "{layout:?}");

        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("python");
        fs::write(&script, "#!/usr/bin/env -S sh -e\nexit 1\n").unwrap();
        let layout = Layout::of(&script, [].into_iter()).await;
        assert!(layout.programs.contains(Path::new("/usr/bin/env")), "{layout:?}");
        assert!(layout.programs.contains(&find_program("sh").unwrap()), "{layout:?}");
        let parent = dir.path().parent().unwrap().to_owned();
        assert!(layout.libraries.contains(&parent), "it gave no answer: {layout:?}");
    }
}
