//! The NATS servers that several machines meet at.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Report;
use crate::{cluster::Link, config::Config};

/// They answer within that, or have said why not.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

pub(super) async fn check(config: &Config, report: &mut Report) {
    let Some(cluster) = &config.cluster else { return };
    let link = match Link::open(cluster).await {
        Ok(link) => link,
        Err(error) => return report.miss("cluster", error),
    };
    let reached = async {
        while !link.is_up() {
            sleep(LOOK).await;
        }
    };
    if timeout(PATIENCE, reached).await.is_err() {
        let why = link.trouble().unwrap_or_else(|| "nobody answers at their addresses".into());
        return report.miss("cluster", format!("the NATS servers are not reached: {why}"));
    }
    let server = link.server().unwrap_or_default();
    match link.room().await {
        Ok(_) => report.good("cluster", format!("{:?} meets at NATS {server}", cluster.name)),
        Err(error) => report.miss(
            "cluster",
            format!(
                "NATS {server} keeps nothing for us ({error}); switch JetStream on (jetstream in its configuration, or -js)"
            ),
        ),
    }
}
