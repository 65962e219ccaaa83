//! `[server]` and `[limits]`.

use std::{
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;

use super::{
    access,
    locate::{self, Overrides},
    raw::{Notes, Table},
};

/// Addresses and directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// Whether others may reach the server although there are no API keys.
    pub allow_without_keys: bool,
    /// Names under which browsers may reach the server without a key, beside `localhost` and addresses.
    pub hosts: Vec<String>,
    /// Where environments and voices live.
    pub state_dir: PathBuf,
    /// Proxies that are believed when they tell for whom they ask.
    pub trusted_proxies: Vec<IpNet>,
    /// The Python interpreter that environments are made of, if it is named.
    pub python: Option<String>,
    /// How long running requests may take to end once the server was told to.
    pub grace: Duration,
}

impl Server {
    /// Whether an address may be listened on: others reach it only with keys, or if that was asked for in words.
    pub fn may_listen(&self, address: SocketAddr, has_keys: bool) -> Result<(), String> {
        if has_keys || self.allow_without_keys || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        Err(format!(
            "{address} can be reached from other machines, and no API keys are set; make one with \
             `ishowtts keys new NAME` and name its file as `keys_file` under [auth], or write \
             `allow_without_keys = true` under [server] if everybody may use it"
        ))
    }
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
    /// Longest request line and headers, together.
    pub max_header_bytes: usize,
    /// Connections that may be open at once.
    pub max_connections: usize,
    /// Of those, how many may come from one address.
    pub max_connections_per_client: usize,
    /// Longest time for a request's headers to arrive, and for a TLS handshake.
    pub header_timeout: Duration,
    /// How long a connection may be kept open without a request.
    pub keep_alive: Duration,
    /// How long a client may take nothing of its answer.
    pub slow_reader: Duration,
    /// A worker that was silent for so long is asked for a few words; zero: never.
    pub probe: Duration,
    /// How long a segment that ended three workers is kept from the others.
    pub quarantine: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            max_text_chars: 5000,
            max_body_bytes: 1 << 20,
            max_requests: 256,
            patience: s(30),
            body_timeout: s(10),
            stream_buffer: s(20),
            max_audio_mb: 256,
            batch_share: 0.0,
            max_header_bytes: 16 << 10,
            max_connections: 1024,
            max_connections_per_client: 512,
            header_timeout: s(10),
            keep_alive: s(75),
            slow_reader: s(60),
            probe: s(60),
            quarantine: s(600),
        }
    }
}

pub(super) fn server(
    table: &Table<'_>,
    notes: &Notes,
    overrides: &Overrides,
    base: &Path,
    has_keys: bool,
) -> Server {
    let written = table.string("listen");
    let named = overrides.listen.clone().or_else(|| written.as_ref().map(|found| found.value.clone()));
    let listen = named.as_deref().unwrap_or("127.0.0.1:27121");
    let problem = |message: String| match (&overrides.listen, &written) {
        (None, Some(found)) => found.problem(notes, message),
        _ => notes.problem(None, "--listen", message),
    };
    let address = listen.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    if address.is_none() {
        problem(format!("must be an address and a port, such as 127.0.0.1:27121, not {listen:?}"));
    }
    let written = table.string("state_dir").map(|found| base.join(found.value));
    let state_dir = overrides.state_dir.clone().or(written).or_else(locate::default_state_dir);
    if state_dir.is_none() {
        notes.problem(None, "server.state_dir", "must be set, since neither STATE_DIRECTORY nor HOME is");
    }
    let server = Server {
        listen: address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into()),
        allow_without_keys: table.boolean("allow_without_keys", false),
        hosts: access::hosts(table, notes),
        state_dir: absolute(state_dir.unwrap_or_default()),
        trusted_proxies: trusted_proxies(table, notes),
        python: table.string("python").map(|found| program(&found.value, base)),
        grace: Duration::from_secs(table.count("grace_s", 0, 3600, 20).into()),
    };
    table.finish();
    if let Err(message) = server.may_listen(server.listen, has_keys) {
        problem(message);
    }
    server
}

fn trusted_proxies(table: &Table<'_>, notes: &Notes) -> Vec<IpNet> {
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
    let usual = Limits::default();
    let size = |key, least, most, usual: usize| {
        let default = u32::try_from(usual).unwrap_or(most);
        usize::try_from(table.count(key, least, most, default)).unwrap_or(usual)
    };
    let seconds = |key, usual: Duration| {
        let default = u32::try_from(usual.as_secs()).unwrap_or(u32::MAX);
        Duration::from_secs(table.count(key, 1, 3600, default).into())
    };
    let limits = Limits {
        max_text_chars: size("max_text_chars", 1, 1_000_000, usual.max_text_chars),
        max_body_bytes: size("max_body_bytes", 1024, 1 << 30, usual.max_body_bytes),
        max_requests: size("max_requests", 1, 100_000, usual.max_requests),
        patience: seconds("patience_s", usual.patience),
        body_timeout: seconds("body_timeout_s", usual.body_timeout),
        stream_buffer: seconds("stream_buffer_s", usual.stream_buffer),
        max_audio_mb: table.count("max_audio_mb", 1, 1 << 20, usual.max_audio_mb),
        batch_share: table.fraction("batch_share", 0.9).unwrap_or(usual.batch_share),
        max_header_bytes: size("max_header_bytes", 1024, 64 << 10, usual.max_header_bytes),
        max_connections: size("max_connections", 1, 100_000, usual.max_connections),
        max_connections_per_client: size(
            "max_connections_per_client",
            1,
            100_000,
            usual.max_connections_per_client,
        ),
        header_timeout: seconds("header_timeout_s", usual.header_timeout),
        keep_alive: seconds("keep_alive_s", usual.keep_alive),
        slow_reader: seconds("slow_reader_s", usual.slow_reader),
        // Zero switches it off.
        probe: Duration::from_secs(table.count("probe_s", 0, 86_400, 60).into()),
        quarantine: seconds("quarantine_s", usual.quarantine),
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
