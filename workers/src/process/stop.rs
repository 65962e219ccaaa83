//! Ending a process for certain.

use std::{process::ExitStatus, time::Duration};

use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::time::timeout;

use super::launch::Process;

/// Waits `asked` for a process that was asked to go, then SIGTERM to its group, `termed` later SIGKILL, and reaps
/// it. What else was in its group, or in its control group, goes too. `None` if the system would not tell how it ended.
pub(crate) async fn end(
    child: &mut Process,
    pid: u32,
    asked: Duration,
    termed: Duration,
) -> Option<ExitStatus> {
    let status = end_group(child, pid, asked, termed).await;
    child.clear().await;
    status
}

async fn end_group(child: &mut Process, pid: u32, asked: Duration, termed: Duration) -> Option<ExitStatus> {
    let mut status = timeout(asked, child.wait()).await.ok();
    if status.is_none() {
        signal_group(pid, Signal::SIGTERM);
        // One that was stopped hears of it only when it goes on.
        signal_group(pid, Signal::SIGCONT);
        status = timeout(termed, child.wait()).await.ok();
    }
    // Also after a good end: a helper process that it left behind is nobody's any more.
    signal_group(pid, Signal::SIGKILL);
    if let Some(status) = status {
        return status.ok();
    }
    // For a child that had not yet become the leader of its group.
    drop(child.start_kill());
    // SIGKILL cannot be refused; only a process stuck in the kernel makes this wait.
    child.wait().await.ok()
}

fn signal_group(pid: u32, signal: Signal) {
    let Ok(pid) = i32::try_from(pid) else { return };
    match killpg(Pid::from_raw(pid), signal) {
        // Gone already, or not yet the leader of its own group (then `kill_on_drop` and the parent-death signal hold).
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(pid, %signal, %error, "Could not signal a worker's group"),
    }
}
