//! `[wyoming]`: where Home Assistant and its like find us.

use std::net::{SocketAddr, ToSocketAddrs};

use super::{
    locate::Overrides,
    raw::{Notes, Table},
};

/// The usual address of text to speech over Wyoming.
const USUAL: &str = "127.0.0.1:10200";

/// How Wyoming is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wyoming {
    /// Where; `None` is nowhere.
    pub listen: Option<SocketAddr>,
    /// Whether others may reach it, although the protocol knows no keys.
    pub allow_without_keys: bool,
    /// Connections that may be open at once.
    pub max_connections: usize,
    /// Of those, how many may come from one address.
    pub max_connections_per_client: usize,
}

impl Default for Wyoming {
    fn default() -> Self {
        Self {
            listen: None,
            allow_without_keys: false,
            max_connections: 256,
            max_connections_per_client: 128,
        }
    }
}

impl Wyoming {
    /// Whether an address may be listened on: others reach it only if that was asked for in words.
    pub fn may_listen(&self, address: SocketAddr) -> Result<(), String> {
        if self.allow_without_keys || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        Err(format!(
            "{address} can be reached from other machines, and Wyoming has no API keys: whoever reaches it may use it; \
             write `allow_without_keys = true` under [wyoming] if that is meant"
        ))
    }
}

pub(super) fn wyoming(table: &Table<'_>, notes: &Notes, overrides: &Overrides) -> Wyoming {
    let usual = Wyoming::default();
    let written = table.string("listen");
    let named =
        overrides.wyoming_listen.clone().or_else(|| written.as_ref().map(|found| found.value.clone()));
    let listen = named.as_deref().unwrap_or(USUAL);
    let problem = |message: String| match (&overrides.wyoming_listen, &written) {
        (None, Some(found)) => found.problem(notes, message),
        _ => notes.problem(None, "--wyoming-listen", message),
    };
    let address = listen.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    if address.is_none() && !listen.is_empty() {
        problem(format!(
            "must be an address and a port, such as {USUAL}, or empty to switch it off, not {listen:?}"
        ));
    }
    let count = |key, usual: usize| {
        let usual = u32::try_from(usual).unwrap_or(u32::MAX);
        usize::try_from(table.count(key, 1, 100_000, usual)).unwrap_or(usize::MAX)
    };
    let wyoming = Wyoming {
        listen: address,
        allow_without_keys: table.boolean("allow_without_keys", false),
        max_connections: count("max_connections", usual.max_connections),
        max_connections_per_client: count("max_connections_per_client", usual.max_connections_per_client),
    };
    table.finish();
    if let Some(Err(message)) = wyoming.listen.map(|address| wyoming.may_listen(address)) {
        problem(message);
    }
    wyoming
}
