//! Long texts that are kept.

use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};

use super::{Metrics, register};

/// The families.
#[derive(Debug)]
pub(super) struct JobFamilies {
    jobs: IntGaugeVec,
    bytes: IntGauge,
    cluster_up: IntGaugeVec,
}

impl JobFamilies {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let jobs = Opts::new("ishowtts_jobs", "Jobs that are kept, by state");
        let bytes = IntGauge::new("ishowtts_jobs_bytes", "Bytes on the disk that jobs take")?;
        let cluster = Opts::new(
            "ishowtts_cluster_up",
            "1 while a NATS server answers through which machines share jobs and voices",
        );
        Ok(Self {
            cluster_up: register(registry, IntGaugeVec::new(cluster, &["cluster"])?)?,
            jobs: register(registry, IntGaugeVec::new(jobs, &["state"])?)?,
            bytes: register(registry, bytes)?,
        })
    }
}

impl Metrics {
    /// Whether a server answers through which machines share, by what they call it.
    pub fn observe_cluster(&self, name: &str, is_up: bool) {
        self.jobs.cluster_up.with_label_values(&[name]).set(i64::from(is_up));
    }

    /// Brings the families up to date: how many jobs there are in each state, and what all of them take.
    pub fn observe_jobs<'s>(&self, jobs: impl IntoIterator<Item = (&'s str, u64)>, bytes: u64) {
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (state, count) in jobs {
            self.jobs.jobs.with_label_values(&[state]).set(gauge(count));
        }
        self.jobs.bytes.set(gauge(bytes));
    }
}
