use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use tempfile::TempDir;

use super::{EnvironmentError, Environments, Interpreter, Progress, Recipe, Tool};
use crate::config::Python;

const LOCK: &str = "numpy==2.0 \\\n    --hash=sha256:aa\ntorch==2.11.0 \\\n    --hash=sha256:bb\n";

struct Quiet;

impl Progress for Quiet {
    fn step(&self, _: &str, _: &str) {}

    fn notice(&self, _: &str) {}
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Environments that a stand-in for uv makes, which notes what it is told. The interpreter in them finds torch or not.
fn environments(dir: &TempDir, has_torch: bool) -> Environments {
    let uv = dir.path().join("uv");
    let found = if has_torch { "true" } else { "false" };
    script(&dir.path().join("inside"), found);
    // `uv venv … HOME`, `uv pip install … -r REQUIREMENTS`.
    script(
        &uv,
        r#"here=$(dirname "$0"); echo "$@" >> "$here/said"; for last; do :; done
case $1 in
  venv) mkdir -p "$last/bin"; cp "$here/inside" "$last/bin/python";;
  pip) cp "$last" "$here/installed";;
esac"#,
    );
    let python = Interpreter { path: "/system/python3".into(), minor: 10 };
    Environments { dir: dir.path().join("environments"), python, tool: Tool::Uv(uv) }
}

#[tokio::test]
async fn on_the_systems_packages_its_own_torch_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let environments = environments(&dir, true);
    let python = environments.make("mine", &Recipe::on_system(LOCK), &Quiet).await.unwrap();
    assert!(python.exists());
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(read("said").lines().next().unwrap().contains(" --system-site-packages "), "{}", read("said"));
    assert_eq!(read("installed"), "numpy==2.0 \\\n    --hash=sha256:aa\n");

    let plain = environments.ensure_lock("mine", LOCK, &Quiet).await.unwrap();
    assert_ne!(plain, python, "another environment");
    assert_eq!(read("installed"), LOCK);
    assert!(!read("said").lines().nth(2).unwrap().contains("system-site"), "{}", read("said"));
}

#[tokio::test]
async fn a_system_without_torch_is_told_before_anything_is_installed() {
    let dir = TempDir::new().unwrap();
    let environments = environments(&dir, false);
    let error = environments.make("mine", &Recipe::on_system(LOCK), &Quiet).await.unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, EnvironmentError::NoSystemTorch { .. }), "{told}");
    assert!(told.starts_with("/system/python3 has no torch of its own for mine: "), "{told}");
    assert_eq!(told.lines().count(), 1);
    assert!(!dir.path().join("installed").exists());

    let without = LOCK.replace("torch", "thing");
    environments.make("mine", &Recipe::on_system(&without), &Quiet).await.unwrap();
}

#[test]
fn an_environment_on_the_systems_packages_belongs_to_one_interpreter() {
    let dir = TempDir::new().unwrap();
    let here = environments(&dir, true);
    let there = Environments {
        python: Interpreter { path: "/other/python3".into(), ..here.python.clone() },
        ..here.clone()
    };
    let home = |environments: &Environments, recipe: &Recipe| environments.home("mine", recipe);
    let lock = "numpy==2.0\n";
    let (plain, system) = (Recipe::plain(lock), Recipe::on_system(lock));
    assert_eq!(home(&here, &plain), home(&there, &plain));
    assert_ne!(home(&here, &system), home(&there, &system));
    assert_ne!(home(&here, &system), home(&here, &plain));
}

#[tokio::test]
async fn an_interpreter_that_is_named_is_taken_as_it_is_or_refused_in_one_line() {
    let dir = TempDir::new().unwrap();
    let environments = environments(&dir, true);
    let named = dir.path().join("python");
    let wanted = Python::Own(named.clone());
    for (text, told) in [
        ("echo 11; echo /else/where", None),
        ("echo 14; echo /else/where", None),
        ("echo 9; echo /else/where", Some("is Python 3.9, and workers need 3.10 or newer")),
        ("exit 1", Some("does not run as Python")),
    ] {
        script(&named, text);
        let found = environments.ensure("piper", &wanted, &Quiet).await;
        match told {
            None => assert_eq!(found.unwrap(), named),
            Some(told) => assert_eq!(
                found.unwrap_err().to_string(),
                format!("{} {told}; name another as `python` under [engines.piper]", named.display())
            ),
        }
    }
    assert!(!environments.dir.exists(), "nothing was built");
}
