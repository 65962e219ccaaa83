//! The child's stdout and stderr: lines of log, never the channel.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    task::JoinHandle,
};

use crate::sandbox;

/// Longest line that is kept whole; the rest of a longer one becomes the next line.
const LONGEST: u64 = 4096;
/// Lines kept for telling why a start failed: a Python traceback and what led to it.
const KEPT: usize = 20;

/// The last lines that a worker wrote.
#[derive(Clone, Debug, Default)]
pub(crate) struct StderrTail(Arc<Mutex<Words>>);

#[derive(Debug, Default)]
struct Words {
    lines: VecDeque<String>,
    /// `worker-exec` said that it confined the process.
    sandboxed: bool,
    /// What is told of denials, once.
    hint: Option<String>,
}

impl StderrTail {
    /// Reads `source` to its end, line by line, into the log and into this tail.
    pub(crate) fn follow<R>(&self, worker: String, source: R) -> JoinHandle<()>
    where
        R: AsyncRead + Unpin + Send + 'static,
    {
        let tail = self.clone();
        tokio::spawn(async move {
            let mut source = BufReader::with_capacity(1024, source);
            let mut line = Vec::new();
            loop {
                line.clear();
                match (&mut source).take(LONGEST).read_until(b'\n', &mut line).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => tail.hear(&worker, String::from_utf8_lossy(&line).trim_end()),
                }
            }
        })
    }

    /// What was kept, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let words = self.words();
        words.lines.iter().chain(&words.hint).cloned().collect()
    }

    fn words(&self) -> MutexGuard<'_, Words> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, worker: &str, line: &str) {
        if line.is_empty() {
            return;
        }
        let mut words = self.words();
        if line == sandbox::CONFINED {
            words.sandboxed = true;
            return;
        }
        let kept = report(worker, line);
        if words.sandboxed && words.hint.is_none() {
            let engine = worker.split_once('/').map_or(worker, |(engine, _)| engine);
            // Told with the last words of a start that failed: libraries look for much that they can do without.
            words.hint = sandbox::hint(engine, &kept);
        }
        if words.lines.len() == KEPT {
            words.lines.pop_front();
        }
        words.lines.push_back(kept);
    }
}

/// Logs one line: our Python package writes JSON records, libraries write what they like.
fn report(worker: &str, line: &str) -> String {
    let record = serde_json::from_str::<Map<String, Value>>(line).ok();
    let Some(message) = record.as_ref().and_then(|r| r.get("message")).and_then(Value::as_str) else {
        tracing::info!(worker, "{line}");
        return line.to_owned();
    };
    let field = |name| record.as_ref().and_then(|r| r.get(name)).and_then(Value::as_str).unwrap_or_default();
    match field("level") {
        "debug" => tracing::debug!(worker, "{message}"),
        "warning" => tracing::warn!(worker, "{message}"),
        "error" | "critical" => tracing::error!(worker, "{message}"),
        _ => tracing::info!(worker, "{message}"),
    }
    let trace = field("traceback");
    if trace.is_empty() {
        return message.to_owned();
    }
    tracing::debug!(worker, "{trace}");
    format!("{message}: {}", trace.lines().last().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_last_lines_and_understands_records() {
        let tail = StderrTail::default();
        let mut written = (0..50).map(|i| format!("line {i}")).collect::<Vec<_>>().join("\n");
        written.push_str(
            "\n{\"level\":\"error\",\"message\":\"no model\",\"traceback\":\"a\\nOSError: gone\"}\n",
        );
        written.push_str("half a line");
        tail.follow("w/0".into(), std::io::Cursor::new(written.into_bytes())).await.unwrap();
        let lines = tail.lines();
        assert_eq!(lines.len(), KEPT);
        assert_eq!(lines[0], "line 32");
        assert_eq!(lines[KEPT - 2..], ["no model: OSError: gone", "half a line"]);
    }

    #[tokio::test]
    async fn a_denial_in_the_sandbox_is_followed_by_the_way_out_of_it() {
        let hear = async |written: String| {
            let tail = StderrTail::default();
            tail.follow("f5/0".into(), std::io::Cursor::new(written.into_bytes())).await.unwrap();
            tail.lines()
        };
        let denial = "PermissionError: [Errno 13] Permission denied: '/opt/x'";
        let told = hear(format!("{}\n{denial}\nand more\n", sandbox::CONFINED)).await;
        assert_eq!(told[..2], [denial, "and more"]);
        assert!(told[2].contains("[engines.f5]"), "{told:?}");
        assert_eq!(hear(format!("{denial}\n")).await, [denial], "nobody was confined");
    }
}
