//! The address, and a server of ours that may run there already: which version, and how fast it speaks.

use std::{
    env, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    time::Duration,
};

use serde_json::Value;
use tokio::time::timeout;

use super::Report;
use crate::{VERSION, ask::Server, config::Config};

/// A server that runs answers within that.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a live engine stays below: half of the time is left for others, and for bad moments.
const GOOD_RTF: f64 = 0.5;

/// Shown to a server that asks for a key.
const KEY: &str = "ISHOWTTS_API_KEY";

pub(super) async fn check(config: &Config, report: &mut Report) {
    let address = config.server.listen;
    match TcpListener::bind(address) {
        Ok(_) => report.good("address", format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => running(config, report).await,
        Err(error) => report.miss("address", format!("{address}: {error}; choose another with --listen")),
    }
}

async fn running(config: &Config, report: &mut Report) {
    let address = config.server.listen;
    if config.tls.is_some() {
        return report.note("address", format!("{address} is in use; a server behind TLS is not asked more"));
    }
    let Some((version, metrics)) = ask(address).await else {
        let why = if config.auth.keys.is_some() {
            format!("by a server that wants an API key: give one as {KEY}")
        } else {
            "by a server that starts, or choose another with --listen".to_owned()
        };
        return report.note("address", format!("{address} is in use: {why}"));
    };
    report.good("address", format!("{address} is in use by a running server"));
    if version == VERSION {
        report.good("running server", format!("version {version}"));
    } else {
        let mend = "mend it by starting it again, as a service with: systemctl restart ishowtts";
        report.note("running server", format!("version {version}, and this program is {VERSION}; {mend}"));
    }
    for (engine, rtf, count) in speeds(&metrics) {
        let (what, found) = (format!("speed of {engine}"), format!("RTF {rtf:.3} over {count} request(s)"));
        if rtf < GOOD_RTF {
            report.good(what, found);
        } else {
            let advice = "look at the clocks and at what else runs on the device";
            report.note(what, format!("{found}, and {GOOD_RTF} is little enough to be live; {advice}"));
        }
    }
}

/// Where somebody who listens there can be asked from this machine.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Version and metrics of the server there, if it is one of ours.
async fn ask(address: SocketAddr) -> Option<(String, String)> {
    let url = format!("http://{}", reachable(address)).parse().ok()?;
    let server = Server { url, key: env::var(KEY).ok(), cacert: None };
    let asked = async |route| timeout(PATIENCE, server.ask(route, None)).await.ok()?.ok();
    let status: Value = asked("/api/status").await?.json().ok()?;
    let version = status["version"].as_str().filter(|_| status["engines"].is_object())?.to_owned();
    let metrics = String::from_utf8_lossy(&asked("/metrics").await?.body).into_owned();
    Some((version, metrics))
}

/// Mean RTF of each engine that spoke, and over how many requests.
fn speeds(metrics: &str) -> Vec<(String, f64, f64)> {
    let value = |line: &str, family: &str| {
        let (engine, value) = line.strip_prefix(family)?.strip_prefix("{engine=\"")?.split_once("\"} ")?;
        Some((engine.to_owned(), value.parse::<f64>().ok()?))
    };
    let sums = metrics.lines().filter_map(|line| value(line, "ishowtts_rtf_sum"));
    let speed = |(engine, sum): (String, f64)| {
        let mut counts = metrics.lines().filter_map(|line| value(line, "ishowtts_rtf_count"));
        let (_, count) = counts.find(|(name, count)| *name == engine && *count > 0.0)?;
        Some((engine, sum / count, count))
    };
    sums.filter_map(speed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engines_speed_is_the_mean_of_all_that_it_spoke() {
        let metrics = "# TYPE ishowtts_rtf histogram\nishowtts_rtf_bucket{engine=\"f5\",le=\"1\"} 4\n\
                       ishowtts_rtf_sum{engine=\"f5\"} 1.5\nishowtts_rtf_count{engine=\"f5\"} 4\n\
                       ishowtts_rtf_sum{engine=\"piper\"} 0\nishowtts_rtf_count{engine=\"piper\"} 0\n";
        assert_eq!(speeds(metrics), [("f5".to_owned(), 0.375, 4.0)]);
    }
}
