//! Environments with a torch that computes on the CPU, for engines whose own requirements are made for a GPU.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use ishowtts::environments::{Environments, Progress, without_gpu_stack};
use tokio::process::Command;

/// The environment of a lock, made unless it is there; returns its interpreter.
pub(crate) async fn on_the_cpu(environments: &Environments, name: &str, lock: &Path) -> PathBuf {
    let pins = fs::read_to_string(lock).unwrap();
    let (plain, _) = without_gpu_stack(&pins);
    let python = environments.ensure_lock(name, &plain, &Quiet).await.unwrap();
    let home = python.ancestors().nth(2).unwrap();
    // Tests of several programs may come at once, and the second half of it is not ours to make whole.
    let guard = File::create(home.join(".torch-lock")).unwrap();
    let _held = tokio::task::spawn_blocking(move || guard.lock().map(|()| guard)).await.unwrap().unwrap();
    let (whole, done) = (format!("{pins}\n{}", fs::read_to_string(tool()).unwrap()), home.join(".torch"));
    if fs::read_to_string(&done).is_ok_and(|found| found == whole) {
        return python;
    }
    let output = Command::new(&python).arg(tool()).arg(home).arg(lock).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::write(done, whole).unwrap();
    python
}

fn tool() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/tools/cpu_torch.py")
}

struct Quiet;

impl Progress for Quiet {
    fn step(&self, _: &str, _: &str) {}

    fn notice(&self, _: &str) {}
}
