//! Where connections come in: listeners that a service manager holds for us and hands over, or one of our own.
//!
//! A listener that outlives the process makes a restart that nobody notices. Whoever connects while nobody serves waits
//! in its backlog. To let that be, an end goes like this: no connection is accepted any more, requests on those that
//! exist are served and each connection is closed behind its answer, and only then the server turns away who is left.

use std::{
    env,
    error::Error,
    io,
    net::{self, SocketAddr},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::Response,
};
use futures_util::future::select_all;
use listenfd::ListenFd;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    time::sleep,
};

/// Name of the listeners for HTTP.
const HTTP: &str = "http";
/// Name of the listeners for Wyoming.
const WYOMING: &str = "wyoming";

/// How many may be waiting to be accepted, as far as the system lets us: whoever finds no place there tries again after a
/// second, while we were busy for a tenth of one.
const BACKLOG: u32 = 1024;

/// How long no request may have come before connections that are kept alive count as idle.
const IDLE: Duration = Duration::from_millis(200);

/// How long to wait before accepting again when it failed, as it does without free descriptors.
const BREATH: Duration = Duration::from_millis(200);

/// The doors for HTTP and, where it has an address, for Wyoming: those that were handed over, which win, else some of our
/// own. To be called first of all: it makes what was handed over ours alone, so that no worker inherits it.
pub fn open(http: SocketAddr, wyoming: Option<SocketAddr>) -> Result<(Doors, Option<Doors>), Box<dyn Error>> {
    let mut inherited = Inherited::take_in();
    let http = match inherited.taken(HTTP, "server", http)? {
        Some(doors) => doors,
        None => Doors::open(http)?,
    };
    let wyoming = match wyoming {
        None => None,
        Some(address) => Some(match inherited.taken(WYOMING, WYOMING, address)? {
            Some(doors) => doors,
            None => Doors::open(address).map_err(|error| {
                format!(
                    "{error}; this is `listen` under [wyoming]: choose another there or with --wyoming-listen, or \
                     switch Wyoming off with \"\""
                )
            })?,
        }),
    };
    inherited.tell_unused();
    Ok((http, wyoming))
}

/// Listeners that were handed over, until somebody takes them.
#[derive(Debug)]
struct Inherited(Vec<(String, net::TcpListener)>);

impl Inherited {
    /// Takes in what the environment names (`LISTEN_FDS`).
    fn take_in() -> Self {
        // Read before: the variables are unset with it.
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut given = ListenFd::from_env();
        let mut names = names.split(':');
        let listeners = (0..given.len()).filter_map(|index| {
            let name = names.next().unwrap_or_default();
            match given.take_tcp_listener(index) {
                Ok(listener) => Some((name.to_owned(), listener?)),
                Err(error) => {
                    tracing::warn!(
                        name,
                        "Not used: a listener of the service manager is none for TCP: {error}"
                    );
                    // Closed, as no worker may have it.
                    drop(given.take_unix_listener(index).ok().flatten());
                    drop(given.take_unix_datagram(index).ok().flatten());
                    None
                }
            }
        });
        Self(listeners.collect())
    }

    /// The listeners of this name. Those to which nobody gave a name are for HTTP.
    fn take(&mut self, name: &str) -> io::Result<Option<Doors>> {
        let ours = |(theirs, _): &mut (String, net::TcpListener)| {
            theirs == name || (name == HTTP && is_unnamed(theirs))
        };
        let ours: Vec<_> = self.0.extract_if(.., ours).map(|(_, listener)| listener).collect();
        if ours.is_empty() { Ok(None) } else { Doors::new(ours, true).map(Some) }
    }

    /// The same, held against what the table of the configuration says.
    fn taken(
        &mut self,
        name: &str,
        table: &str,
        listen: SocketAddr,
    ) -> Result<Option<Doors>, Box<dyn Error>> {
        let Some(doors) = self.take(name)? else { return Ok(None) };
        if let Some(differs) = compare(table, listen, &doors.addresses()?)? {
            tracing::warn!("{differs}");
        }
        Ok(Some(doors))
    }

    /// Says which listeners nobody took.
    fn tell_unused(&self) {
        for (name, listener) in &self.0 {
            let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
            tracing::warn!(
                name,
                address,
                "The service manager listens here for us, but nothing of ours answers: who connects waits in vain. \
                 Take it out of the socket unit"
            );
        }
    }
}

/// Holds where the service manager listens for us against the configuration, which it wins over: tells a warning, or
/// refuses what nobody has checked for other machines to reach.
fn compare(table: &str, listen: SocketAddr, given: &[SocketAddr]) -> Result<Option<String>, String> {
    let public = given.iter().find(|address| !address.ip().is_loopback());
    if let (Some(public), true) = (public, listen.ip().is_loopback()) {
        return Err(format!(
            "the service manager listens on {public} for us, which other machines can reach; write \
             `listen = \"{public}\"` under [{table}], so that what such an address needs is checked"
        ));
    }
    let told: Vec<_> = given.iter().map(ToString::to_string).collect();
    let differs = || {
        format!(
            "Listening on {} as the service manager has it, not on {listen} as configured: make `listen` under \
             [{table}] and the socket unit the same, or switch that off",
            told.join(", ")
        )
    };
    Ok((!given.contains(&listen)).then(differs))
}

/// What systemd calls a listener whose socket unit has no `FileDescriptorName=`: the unit's name, or `unknown`.
fn is_unnamed(name: &str) -> bool {
    name.is_empty() || name == "unknown" || name.ends_with(".socket")
}

/// One or more listeners that are served as one.
#[derive(Debug)]
pub struct Doors {
    listeners: Vec<TcpListener>,
    closed: watch::Receiver<bool>,
    entrance: Entrance,
    is_inherited: bool,
}

impl Doors {
    fn new(listeners: Vec<net::TcpListener>, is_inherited: bool) -> io::Result<Self> {
        let tokio = |listener: net::TcpListener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        };
        let entrance = Entrance(Arc::default());
        Ok(Self {
            listeners: listeners.into_iter().map(tokio).collect::<io::Result<_>>()?,
            closed: entrance.0.closing.subscribe(),
            entrance,
            is_inherited,
        })
    }

    /// A listener of our own.
    fn open(address: SocketAddr) -> io::Result<Self> {
        let listen = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let listener = listen().map_err(|error| {
            io::Error::new(error.kind(), format!("could not listen on {address}: {error}"))
        })?;
        Self::new(vec![listener.into_std()?], false)
    }

    /// The same listeners once more, to be served by somebody else.
    pub fn again(&self) -> io::Result<Self> {
        let clone =
            |listener: &TcpListener| listener.as_fd().try_clone_to_owned().map(net::TcpListener::from);
        Self::new(self.listeners.iter().map(clone).collect::<io::Result<_>>()?, self.is_inherited)
    }

    /// Whether somebody holds them for us, and will after us.
    pub fn is_inherited(&self) -> bool {
        self.is_inherited
    }

    /// Where they listen.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// Where they listen for other machines, if they do anywhere.
    pub fn most_public(&self) -> io::Result<SocketAddr> {
        let addresses = self.addresses()?;
        let public = addresses.iter().find(|address| !address.ip().is_loopback());
        public.or(addresses.first()).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What closes them.
    pub fn entrance(&self) -> Entrance {
        self.entrance.clone()
    }
}

impl axum::serve::Listener for Doors {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if *self.closed.borrow_and_update() {
                // Whoever serves us is told by other means that it is over.
                std::future::pending::<()>().await;
            }
            let accepting = self.listeners.iter().map(|listener| Box::pin(listener.accept()));
            let accepted = tokio::select! {
                (accepted, _, _) = select_all(accepting) => accepted,
                _ = self.closed.changed() => continue,
            };
            match accepted {
                Ok(accepted) => return accepted,
                // One connection that was gone before we came to it says nothing about the next.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                    ) => {}
                Err(error) => {
                    tracing::warn!("Could not accept a connection: {error}");
                    sleep(BREATH).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listeners.first().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?.local_addr()
    }
}

/// The right to close [`Doors`].
#[derive(Clone, Debug)]
pub struct Entrance(Arc<Passage>);

#[derive(Debug, Default)]
struct Passage {
    closing: watch::Sender<bool>,
    requests: AtomicU64,
}

impl Entrance {
    /// Has a router close connections behind its answers, once the doors are closed.
    pub fn watch_over(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), pass))
    }

    /// Accepts no connection any more.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Waits until no request has come for a moment.
    pub async fn quiet(&self) {
        loop {
            let before = self.0.requests.load(Ordering::Relaxed);
            sleep(IDLE).await;
            if self.0.requests.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

async fn pass(State(entrance): State<Entrance>, request: Request, next: Next) -> Response {
    entrance.0.requests.fetch_add(1, Ordering::Relaxed);
    let mut response = next.run(request).await;
    if *entrance.0.closing.borrow() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::serve::Listener as _;

    use super::*;

    fn listener() -> (net::TcpListener, SocketAddr) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn listeners_are_told_apart_by_name_and_without_a_name_are_for_http() {
        let given = ["http", "wyoming", "ishowtts.socket", ""];
        let mut inherited = Inherited(given.iter().map(|name| ((*name).to_owned(), listener().0)).collect());
        assert!(inherited.take("jobs").unwrap().is_none());
        assert_eq!(inherited.take(HTTP).unwrap().unwrap().addresses().unwrap().len(), 3);
        assert_eq!(inherited.take("wyoming").unwrap().unwrap().addresses().unwrap().len(), 1);
        assert!(inherited.0.is_empty());
    }

    #[test]
    fn the_configuration_is_held_against_what_was_handed_over() {
        let at = |address: &str| address.parse().unwrap();
        let (local, public) = (at("127.0.0.1:27121"), at("192.0.2.1:27121"));
        assert_eq!(compare("server", local, &[local, at("[::1]:27121")]), Ok(None));
        assert!(compare("server", local, &[at("127.0.0.1:80")]).unwrap().unwrap().contains("127.0.0.1:80"));
        assert!(compare("server", local, &[local, public]).unwrap_err().contains("192.0.2.1:27121"));
        assert_eq!(
            compare("server", public, &[public]),
            Ok(None),
            "what it needs was checked with the configuration"
        );
    }

    #[tokio::test]
    async fn several_listeners_are_one_and_closed_ones_leave_connections_in_the_backlog() {
        let ((one, first), (two, second)) = (listener(), listener());
        let keeper = one.try_clone().unwrap();
        let mut doors = Doors::new(vec![one, two], true).unwrap();
        let entrance = doors.entrance();
        for address in [second, first, second] {
            let client = TcpStream::connect(address).await.unwrap();
            assert_eq!(doors.accept().await.1, client.local_addr().unwrap());
        }
        let serving = tokio::spawn(async move { doors.accept().await.1 });
        entrance.close();
        let client = TcpStream::connect(first).await.unwrap();
        // The next owner of the listener finds the connection there.
        keeper.set_nonblocking(true).unwrap();
        let next = TcpListener::from_std(keeper).unwrap();
        assert_eq!(next.accept().await.unwrap().1, client.local_addr().unwrap());
        assert!(!serving.is_finished());
        serving.abort();
    }
}
