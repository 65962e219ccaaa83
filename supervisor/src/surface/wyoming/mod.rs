//! Wyoming, the protocol of Home Assistant's voice services, on a TCP port of its own.
//!
//! ```text
//! socket ─▶ wire (bytes) ─▶ codec (events) ─▶ dialogue (what they mean) ─▶ connection ─▶ speech (utterance ─▶ stream)
//!                                                   socket ◀─ wire ◀─ audio events ◀──────────────┘
//! ```
//! One task serves a connection. It reads on while it speaks, so a client that goes away is noticed at once, and what was
//! being made for it is taken back. An error is told in an `error` event, and ends the connection: a client that waits for
//! the end of its audio is never left waiting, and never takes a part for the whole, since `audio-stop` does not come.
//!
//! [`codec`], [`dialogue`] and [`info`] touch nothing; [`wire`] touches bytes.

mod codec;
mod connection;
mod dialogue;
mod error;
mod info;
mod speech;
mod wire;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::Listener;
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinHandle, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::error::Trouble;
use super::{
    ApiError, AppState,
    serve::{Crowd, Place},
};
use crate::{listeners::Doors, seldom::Seldom};

/// How long connections may take to close once everything was said.
const GOODBYE: Duration = Duration::from_secs(2);
/// How many may be told at once why they are refused; the others find the connection closed.
const REFUSALS: usize = 256;

/// How connections end: after what they speak, or at once.
#[derive(Clone, Debug, Default)]
struct Ends {
    drain: CancellationToken,
    close: CancellationToken,
}

/// Wyoming being served.
#[derive(Debug)]
pub struct Wyoming {
    ends: Ends,
    task: JoinHandle<()>,
}

impl Wyoming {
    /// Serves from now on.
    pub fn serve(doors: Doors, state: AppState) -> Self {
        let ends = Ends::default();
        Self { task: tokio::spawn(accept(doors, Some(state), ends.clone())), ends }
    }

    /// Tells everybody that the server is being set up, until it is closed.
    pub fn turn_away(doors: Doors) -> Self {
        let ends = Ends::default();
        Self { task: tokio::spawn(accept(doors, None, ends.clone())), ends }
    }

    /// Accepts nobody any more, and ends each connection behind what is asked for on it.
    pub fn drain(&self) {
        self.ends.drain.cancel();
    }

    /// Ends what is left.
    pub async fn close(mut self) {
        self.ends.drain.cancel();
        self.ends.close.cancel();
        if timeout(GOODBYE, &mut self.task).await.is_err() {
            // Its connections end with it.
            self.task.abort();
        }
    }
}

async fn accept(mut doors: Doors, state: Option<AppState>, ends: Ends) {
    let crowd = Crowd::default();
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = doors.accept() => accepted,
            Some(ended) = connections.join_next() => {
                look_at(ended);
                continue;
            }
            () = ends.drain.cancelled() => break,
        };
        let trouble = match enter(&crowd, peer, state.as_ref()) {
            Ok((state, place)) => {
                drop(stream.set_nodelay(true));
                connections.spawn(connection::serve(stream, peer, state, ends.clone(), place));
                continue;
            }
            Err(trouble) => trouble,
        };
        if let Ok(turn) = Arc::clone(&refusals).try_acquire_owned() {
            connections.spawn(async move {
                connection::refuse(stream, trouble).await;
                drop(turn);
            });
        }
    }
    // Nobody is left waiting in a queue that nobody looks after.
    drop(doors);
    while let Some(ended) = connections.join_next().await {
        look_at(ended);
    }
}

/// A place for somebody who comes, if we are up and there is room.
fn enter(crowd: &Crowd, peer: SocketAddr, state: Option<&AppState>) -> Result<(AppState, Place), Trouble> {
    let state = state.ok_or(ApiError::Starting)?;
    let live = state.live.now();
    let room = (live.wyoming.max_connections, live.wyoming.max_connections_per_client);
    match crowd.enter_within(peer.ip(), room, &live) {
        Ok(place) => Ok((state.clone(), place)),
        Err(full) => {
            static LAST: Seldom = Seldom::new(Duration::from_mins(1));
            if LAST.due(std::time::Instant::now()) {
                tracing::warn!(%peer, "Refused a Wyoming connection: {full} (told once a minute)");
            }
            Err(Trouble::TooManyConnections)
        }
    }
}

/// What breaks in one connection can break that one alone, and is told.
fn look_at(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("A Wyoming connection panicked: {error}");
    }
}
