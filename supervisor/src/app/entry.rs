//! The doors that clients come in by.

use std::{error::Error, net::SocketAddr};

use axum::serve::ListenerExt;

use crate::{
    config::Config,
    listeners::{self, Doors},
    reload::Reachable,
};

/// The doors for HTTP and Wyoming, if they may be where they are: a port may be bound otherwise than it was written.
pub(super) fn open(config: &Config) -> Result<(Doors, Option<Doors>, Reachable), Box<dyn Error>> {
    let (http, wyoming) = listeners::open(config.server.listen, config.wyoming.listen)?;
    let reachable = Reachable {
        http: http.most_public()?,
        wyoming: wyoming.as_ref().map(Doors::most_public).transpose()?,
    };
    reachable.check(config)?;
    Ok((http, wyoming, reachable))
}

/// Where doors lead in from, for the log.
pub(super) fn told(doors: &Doors) -> String {
    let addresses = doors.addresses().unwrap_or_default();
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Headers and audio leave as they come, in as few packets as hyper can make of them.
pub(super) fn without_delay(doors: Doors) -> impl axum::serve::Listener<Addr = SocketAddr> {
    doors.tap_io(|stream| drop(stream.set_nodelay(true)))
}
