//! `[jobs]`: long texts that are spoken when there is time.

use std::path::Path;

use super::{
    raw::{Notes, Table},
    webhook::{WebhookHost, WebhookSecrets, webhooks},
};

/// How jobs are taken in and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobs {
    /// Whether there are any.
    pub enabled: bool,
    /// Jobs that may wait or be spoken at once; the next one is refused.
    pub max_jobs: u32,
    /// Longest text, in characters.
    pub max_text_chars: usize,
    /// Largest book that is sent as a file, in MiB.
    pub max_upload_mb: u32,
    /// Days that a job is kept after its end.
    pub keep_days: u32,
    /// Most room on the disk, in MiB; beyond it the oldest of those that are over go.
    pub keep_mb: u32,
    /// MiB of the disk that are left to others: below it no new job is taken.
    pub min_free_mb: u32,
    /// Hosts that may be told of the end of a job.
    pub webhook_hosts: Vec<WebhookHost>,
    /// What they know the messages by.
    pub webhook_secrets: WebhookSecrets,
}

impl Jobs {
    /// Largest book that is sent as a file, in bytes.
    pub fn max_upload_bytes(&self) -> usize {
        usize::try_from(self.max_upload_mb).unwrap_or(usize::MAX).saturating_mul(1 << 20)
    }
}

pub(super) fn jobs(table: &Table<'_>, notes: &Notes, base: &Path) -> Jobs {
    let (webhook_hosts, webhook_secrets) = webhooks(table, notes, base);
    let jobs = Jobs {
        enabled: table.boolean("enabled", true),
        max_jobs: table.count("max_jobs", 1, 1_000_000, 10_000),
        // Ten times the longest novels.
        max_text_chars: table
            .count("max_text_chars", 1, 50_000_000, 1_000_000)
            .try_into()
            .unwrap_or(usize::MAX),
        // A book with pictures; its text is a hundredth of it.
        max_upload_mb: table.count("max_upload_mb", 1, 1024, 64),
        keep_days: table.count("keep_days", 0, 36_500, 30),
        keep_mb: table.count("keep_mb", 0, 1 << 24, 20_480),
        min_free_mb: table.count("min_free_mb", 0, 1 << 24, 512),
        webhook_hosts,
        webhook_secrets,
    };
    table.finish();
    jobs
}
