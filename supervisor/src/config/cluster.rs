//! `[cluster]`: several machines that share their jobs and the voices that were sent to any of them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    raw::{Notes, Table},
    server::absolute,
};

/// Longest name: it stands in the names of everything that is kept.
const LONGEST: usize = 32;

/// Where the machines meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Addresses of NATS servers of one cluster; any of them will do.
    pub servers: Vec<String>,
    /// A file of credentials, where the servers ask for one.
    pub credentials: Option<PathBuf>,
    /// What everything of ours is called there.
    pub name: String,
    /// On how many of the servers everything is kept.
    pub replicas: usize,
    /// How long a machine may be silent before others take its work.
    pub silence: Duration,
}

pub(super) fn cluster(table: &Table<'_>, notes: &Notes, base: &Path) -> Option<Cluster> {
    let nats = table.string("nats");
    let credentials = table.string("credentials");
    let name = table.string("name");
    let replicas = table.count("replicas", 1, 5, 1);
    let silence = table.count("silence_s", 1, 600, 10);
    table.finish();
    let mut servers = Vec::new();
    if let Some(nats) = &nats {
        for server in nats.value.split(',').map(str::trim).filter(|server| !server.is_empty()) {
            if is_address(server) {
                servers.push(server.to_owned());
            } else {
                nats.problem(
                    notes,
                    "must be addresses of NATS servers such as nats://10.0.0.5:4222 or tls://nats.example.org:4222, \
                     with commas between them",
                );
            }
        }
    }
    for lonely in [&credentials, &name].into_iter().flatten().filter(|_| nats.is_none()) {
        lonely.problem(notes, "needs `nats` beside it: the addresses of NATS servers");
    }
    let credentials = credentials.map(|found| {
        let file = absolute(base.join(&found.value));
        if !file.is_file() {
            found.problem(notes, format!("there is no file {}", file.display()));
        }
        file
    });
    if let Some(found) = name.as_ref().filter(|found| !is_name(&found.value)) {
        found.problem(notes, format!("must have 1 to {LONGEST} letters, digits, '-' or '_'"));
    }
    let name = name.map_or_else(|| "ishowtts".to_owned(), |found| found.value);
    (!servers.is_empty()).then_some(Cluster {
        servers,
        credentials,
        name,
        replicas: usize::try_from(replicas).unwrap_or(1),
        silence: Duration::from_secs(silence.into()),
    })
}

fn is_address(server: &str) -> bool {
    let is_known = ["nats://", "tls://"].iter().any(|scheme| server.starts_with(scheme));
    is_known && server.parse::<async_nats::ServerAddr>().is_ok_and(|address| !address.host().is_empty())
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_plain)
}
