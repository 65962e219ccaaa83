//! How many connections are open, in all and from each household.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{speech::ClientId, surface::live::Live};

/// Everybody who is there; clones are one crowd.
#[derive(Clone, Debug, Default)]
pub(in crate::surface) struct Crowd(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_client: HashMap<ClientId, usize>,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::surface) enum Full {
    /// For anybody.
    All,
    /// For this client.
    Client,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "max_connections are open",
            Self::Client => "max_connections_per_client are open from its address",
        })
    }
}

/// The right to one connection, until it is dropped.
#[derive(Debug)]
pub(in crate::surface) struct Place {
    crowd: Crowd,
    client: ClientId,
}

impl Crowd {
    /// A connection from this address, if there is room. A proxy that is believed brings many clients, and is told
    /// apart from none of them here: for it only the number of all counts.
    pub(super) fn enter(&self, peer: IpAddr, live: &Live) -> Result<Place, Full> {
        let room = (live.limits.max_connections, live.limits.max_connections_per_client);
        self.enter_within(peer, room, live)
    }

    /// The same where there is room for so many in all, and for so many from each household.
    pub(in crate::surface) fn enter_within(
        &self,
        peer: IpAddr,
        (all, per_client): (usize, usize),
        live: &Live,
    ) -> Result<Place, Full> {
        let peer = peer.to_canonical();
        let is_proxy = live.trusted_proxies.iter().any(|network| network.contains(&peer));
        let client = ClientId::address(peer);
        let mut counts = self.counts();
        if counts.all >= all {
            return Err(Full::All);
        }
        let own = counts.by_client.get(&client).copied().unwrap_or(0);
        if own >= per_client && !is_proxy {
            return Err(Full::Client);
        }
        counts.all += 1;
        counts.by_client.insert(client.clone(), own + 1);
        Ok(Place { crowd: self.clone(), client })
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.crowd.counts();
        counts.all -= 1;
        if let Some(own) = counts.by_client.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                counts.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    #[test]
    fn there_is_room_for_so_many_in_all_and_from_each_household() {
        let limits = Limits { max_connections: 4, max_connections_per_client: 2, ..Limits::default() };
        let live = Live { limits, trusted_proxies: vec!["10.0.0.1/32".parse().unwrap()], ..Live::empty() };
        let crowd = Crowd::default();
        let enter = |peer: &str| crowd.enter(peer.parse().unwrap(), &live);
        let first = enter("2001:db8::1").unwrap();
        let _second = enter("2001:db8::2").unwrap();
        assert_eq!(enter("2001:db8::3").unwrap_err(), Full::Client);
        let third = enter("::ffff:192.0.2.1").unwrap();
        let _fourth = enter("192.0.2.1").unwrap();
        assert_eq!(enter("192.0.2.2").unwrap_err(), Full::All);
        drop(first);
        drop(enter("2001:db8::3").unwrap());
        drop(third);
        let _proxy: Vec<_> = (0..2).map(|_| enter("10.0.0.1").unwrap()).collect();
        assert_eq!(enter("10.0.0.1").unwrap_err(), Full::All);
        assert_eq!(crowd.counts().by_client.len(), 3);
    }

    #[test]
    fn a_proxy_that_is_believed_has_no_limit_of_its_own() {
        let limits = Limits { max_connections_per_client: 1, ..Limits::default() };
        let live = Live { limits, trusted_proxies: vec!["10.0.0.1/32".parse().unwrap()], ..Live::empty() };
        let crowd = Crowd::default();
        let places: Vec<_> =
            (0..9).map(|_| crowd.enter("10.0.0.1".parse().unwrap(), &live).unwrap()).collect();
        drop(places);
        let counts = crowd.counts();
        assert_eq!((counts.all, counts.by_client.len()), (0, 0));
    }
}
