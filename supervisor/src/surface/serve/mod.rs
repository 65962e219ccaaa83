//! Connections: who may have one, how long each may take, and how they end. Whatever yields streams and peers can be
//! listened on: a socket that we bound, or one that was handed over.

mod connection;
mod crowd;
mod lingering;
mod watched;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, serve::Listener};
use futures_util::FutureExt;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::Semaphore,
    task::{JoinError, JoinHandle, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub(super) use self::{
    crowd::{Crowd, Full, Place},
    lingering::GivenUp,
};
use super::live::InForce;
use crate::seldom::Seldom;

/// How long connections may take to close once everything was answered.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long somebody for whom there is no room may take to send its request and hear so.
const REFUSAL: Duration = Duration::from_secs(2);
/// For how many at once we wait so; the answer is sent to others too, but whoever sends afterwards may find the connection
/// broken off before it was read.
const REFUSALS: usize = 256;
/// Files that are open beside connections: workers' sockets and pipes, recordings, models.
const OTHER_FILES: u64 = 1024;
/// What somebody is told for whom there is no room.
const NO_ROOM: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n",
    "Connection: close\r\nContent-Length: 146\r\n\r\n",
    r#"{"error":{"type":"capacity_error","code":"too_many_connections","message":"too many connections are open; close some, or ask later","#,
    r#""param":null}}"#,
);

/// A router that is being served.
#[derive(Debug)]
pub struct Http {
    /// Ends when it is closed, or with what was wrong.
    pub task: JoinHandle<io::Result<()>>,
    close: CancellationToken,
}

impl Http {
    /// Serves from now on, with the limits that are in force when a connection begins.
    pub fn serve<L>(listener: L, router: Router, live: &InForce) -> Self
    where
        L: Listener<Addr = SocketAddr>,
    {
        let close = CancellationToken::new();
        let serving = accept(listener, router, live.clone(), close.clone());
        Self { task: tokio::spawn(serving), close }
    }

    /// Accepts nobody any more, and gives those who are there a moment to hear their answers out.
    pub async fn close(mut self) {
        self.close.cancel();
        if timeout(GOODBYE, &mut self.task).await.is_err() {
            // Its connections end with it.
            self.task.abort();
        }
    }
}

async fn accept<L>(mut listener: L, router: Router, live: InForce, close: CancellationToken) -> io::Result<()>
where
    L: Listener<Addr = SocketAddr>,
{
    let crowd = Crowd::default();
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = connections.join_next() => {
                look_at(ended);
                continue;
            }
            () = close.cancelled() => break,
        };
        let live = live.kept();
        match crowd.enter(peer.ip(), &live) {
            Ok(place) => {
                connections.spawn(connection::serve(
                    stream,
                    peer,
                    place,
                    router.clone(),
                    live,
                    close.clone(),
                ));
            }
            Err(full) => {
                told(peer, full);
                if live.tls.is_some() {
                    continue;
                }
                if let Ok(turn) = Arc::clone(&refusals).try_acquire_owned() {
                    connections.spawn(async move {
                        drop(timeout(REFUSAL, refuse(stream)).await);
                        drop(turn);
                    });
                } else {
                    // As far as it goes at once: it is short, and nothing was sent before it.
                    drop(tell(&mut { stream }).now_or_never());
                }
            }
        }
    }
    // Nobody is left waiting in a queue that nobody looks after.
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        look_at(ended);
    }
    Ok(())
}

/// What breaks while an answer is being sent can break off the answer alone, and is told.
fn look_at(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("A connection panicked: {error}");
    }
}

async fn tell(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    stream.write_all(NO_ROOM.as_bytes()).await?;
    stream.shutdown().await
}

/// Tells somebody that there is no room. What they sent is read: the answer would be lost if it were not.
async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    tell(&mut stream).await?;
    tokio::io::copy(&mut stream.take(64 << 10), &mut tokio::io::sink()).await.map(drop)
}

fn told(peer: SocketAddr, full: Full) {
    static LAST: Seldom = Seldom::new(Duration::from_mins(1));
    if LAST.due(std::time::Instant::now()) {
        tracing::warn!(%peer, "Refused a connection: {full} (told once a minute)");
    }
}

/// Lets this process have so many connections, as far as the system does: what a shell or a service manager gives at
/// first is often little.
pub fn make_room(connections: usize) {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < wanted {
            setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard)?;
        }
        Ok(hard)
    });
    match raised {
        Ok(hard) if hard < wanted => tracing::warn!(
            hard,
            wanted,
            "Fewer files may be open than max_connections may need: raise the limit (LimitNOFILE= in a unit)"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "Could not raise the limit of open files"),
    }
}

#[cfg(test)]
mod tests {
    use super::NO_ROOM;

    #[test]
    fn the_refusal_is_as_long_as_it_says() {
        let (head, body) = NO_ROOM.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error"]["code"], "too_many_connections");
    }
}
