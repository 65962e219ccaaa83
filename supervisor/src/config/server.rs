//! `[server]` and `[limits]`.

use std::{
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;

use super::{
    locate::{self, Overrides},
    raw::{Notes, Table},
};

/// Addresses and directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// Where environments and voices live.
    pub state_dir: PathBuf,
    /// Proxies that are believed when they tell for whom they ask.
    pub trusted_proxies: Vec<IpNet>,
    /// The Python interpreter that environments are made of, if it is named.
    pub python: Option<String>,
    /// How long running requests may take to end once the server was told to.
    pub grace: Duration,
}

/// What a request may ask for, and how long it may wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Longest text, in characters.
    pub max_text_chars: usize,
    /// Longest body of a request.
    pub max_body_bytes: usize,
    /// Requests that may be waiting or speaking at once; the next one is refused.
    pub max_requests: usize,
    /// Longest wait for a worker.
    pub patience: Duration,
    /// Longest time for a request's body to arrive.
    pub body_timeout: Duration,
    /// Most audio that is made ahead of a listener.
    pub stream_buffer: Duration,
    /// Most audio that is held for all listeners, in MiB.
    pub max_audio_mb: u32,
    /// Share of all capacity that batch work has, from 0 to 0.9.
    pub batch_share: f64,
    /// A worker that was silent for so long is asked for a few words; zero: never.
    pub probe: Duration,
    /// How long a segment that ended three workers is kept from the others.
    pub quarantine: Duration,
}

pub(super) fn server(table: &Table<'_>, notes: &Notes<'_>, overrides: &Overrides, base: &Path) -> Server {
    let public = table.boolean("allow_without_keys", false);
    let written = table.string("listen");
    let named = overrides.listen.clone().or_else(|| written.as_ref().map(|found| found.value.clone()));
    let listen = named.as_deref().unwrap_or("127.0.0.1:27121");
    let problem = |message: String| match (&overrides.listen, &written) {
        (None, Some(found)) => found.problem(notes, message),
        _ => notes.problem(None, "--listen", message),
    };
    let address = listen.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    match address {
        None => problem(format!("must be an address and a port, such as 127.0.0.1:27121, not {listen:?}")),
        Some(address) if !address.ip().is_loopback() && !public => problem(format!(
            "{listen} can be reached from other machines, and no API keys are set; \
             write `allow_without_keys = true` under [server] if that is what you want"
        )),
        Some(_) => {}
    }
    let written = table.string("state_dir").map(|found| base.join(found.value));
    let state_dir = overrides.state_dir.clone().or(written).or_else(locate::default_state_dir);
    if state_dir.is_none() {
        notes.problem(None, "server.state_dir", "must be set, since neither STATE_DIRECTORY nor HOME is");
    }
    let server = Server {
        listen: address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into()),
        state_dir: absolute(state_dir.unwrap_or_default()),
        trusted_proxies: trusted_proxies(table, notes),
        python: table.string("python").map(|found| program(&found.value, base)),
        grace: Duration::from_secs(table.count("grace_s", 0, 3600, 20).into()),
    };
    table.finish();
    server
}

fn trusted_proxies(table: &Table<'_>, notes: &Notes<'_>) -> Vec<IpNet> {
    let proxies = table.list("trusted_proxies").into_iter().filter_map(|found| {
        let address = || found.value.parse().ok().map(|address: IpAddr| address.to_canonical().into());
        let network = found.value.parse().ok().or_else(address);
        if network.is_none() {
            let message = format!(
                "must be addresses and networks, such as \"127.0.0.1\" and \"10.0.0.0/8\", not {:?}",
                found.value
            );
            found.problem(notes, message);
        }
        network
    });
    proxies.collect()
}

pub(super) fn limits(table: &Table<'_>) -> Limits {
    let size = |key, least, most, default| usize::try_from(table.count(key, least, most, default));
    let limits = Limits {
        max_text_chars: size("max_text_chars", 1, 1_000_000, 5000).unwrap_or(5000),
        max_body_bytes: size("max_body_bytes", 1024, 1 << 30, 1 << 20).unwrap_or(1 << 20),
        max_requests: size("max_requests", 1, 100_000, 256).unwrap_or(256),
        patience: Duration::from_secs(table.count("patience_s", 1, 3600, 30).into()),
        body_timeout: Duration::from_secs(table.count("body_timeout_s", 1, 3600, 10).into()),
        stream_buffer: Duration::from_secs(table.count("stream_buffer_s", 1, 3600, 20).into()),
        max_audio_mb: table.count("max_audio_mb", 1, 1 << 20, 256),
        batch_share: table.fraction("batch_share", 0.9).unwrap_or(0.0),
        probe: Duration::from_secs(table.count("probe_s", 0, 86_400, 60).into()),
        quarantine: Duration::from_secs(table.count("quarantine_s", 1, 86_400, 600).into()),
    };
    table.finish();
    limits
}

/// A program by its name, or by its path seen from the file.
fn program(name: &str, base: &Path) -> String {
    if name.contains('/') {
        absolute(base.join(name)).to_string_lossy().into_owned()
    } else {
        name.to_owned()
    }
}

/// Workers start in other directories, so every path they get must hold from anywhere.
pub(super) fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
