//! The address of Wyoming, and whoever may be there already.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::{Report, server::reachable};
use crate::config::Config;

/// A server that runs answers within that.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than anybody tells of his voices.
const LONGEST: u64 = 4 << 20;
/// Where another address is chosen.
const MEND: &str = "choose another as `listen` under [wyoming], or \"\" to do without";

pub(super) async fn check(config: &Config, report: &mut Report) {
    let Some(address) = config.wyoming.listen else {
        return report.good("wyoming", "switched off");
    };
    match TcpListener::bind(address) {
        Ok(_) => report.good("wyoming", format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken(address, report).await,
        Err(error) => report.miss("wyoming", format!("{address}: {error}; {MEND}")),
    }
}

async fn taken(address: SocketAddr, report: &mut Report) {
    match timeout(PATIENCE, program(reachable(address))).await.ok().flatten() {
        Some(name) if name == "iShowTTS" => {
            report.good("wyoming", format!("{address} is in use by a running server"));
        }
        Some(name) => {
            let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
            report.miss("wyoming", format!("{address} is in use by {name:?}; end it, or {MEND}"));
        }
        None => {
            let who = "by a server that starts, or by another program: wait, or";
            report.note("wyoming", format!("{address} is in use: {who} {MEND}"));
        }
    }
}

/// The name of the program there, if it speaks Wyoming.
async fn program(address: SocketAddr) -> Option<String> {
    let mut socket = TcpStream::connect(address).await.ok()?;
    socket.write_all(b"{\"type\":\"describe\"}\n").await.ok()?;
    let mut reader = BufReader::new(socket.take(LONGEST));
    let mut line = String::new();
    reader.read_line(&mut line).await.ok()?;
    let event: Value = serde_json::from_str(&line).ok().filter(|event: &Value| event["type"] == "info")?;
    // What it tells stands in the line itself, or behind it.
    let length = event["data_length"].as_u64().filter(|length| *length > 0 && *length < LONGEST);
    let data = match length {
        None => event["data"].clone(),
        Some(length) => {
            let mut data = vec![0; usize::try_from(length).ok()?];
            reader.read_exact(&mut data).await.ok()?;
            serde_json::from_slice(&data).ok()?
        }
    };
    // Whatever it does, it says so by its first program.
    let mut programs = data.as_object()?.values().filter_map(|programs| programs.get(0));
    let name = programs.find_map(|program| program["name"].as_str());
    Some(name.unwrap_or("another server of Wyoming").to_owned())
}
