//! One connection, from its handshake to its end.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    crowd::Place,
    lingering::{GivenUp, Lingering},
    watched::{Patience, Requests, Watched},
};
use crate::surface::live::Live;

/// Most that hyper keeps of what was sent and not yet understood: twice the longest headers that may be configured.
const BUFFER: usize = 128 << 10;

/// Serves one connection to its end. `live` is what was in force when it began.
pub(super) async fn serve<I>(
    stream: I,
    peer: SocketAddr,
    place: Place,
    router: Router,
    live: Arc<Live>,
    close: CancellationToken,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (requests, limits) = (Requests::default(), &live.limits);
    let given_up = GivenUp::default();
    let patience = Patience { head: limits.header_timeout, stall: limits.slow_reader };
    let stream = Watched::new(stream, requests.clone(), patience, place);
    let stream = Lingering::new(stream, given_up.clone());
    let progress = (requests, given_up);
    let ended = match &live.tls {
        None => speak(stream, peer, router, progress, &live, close).await,
        Some(tls) => {
            let handshake = timeout(limits.header_timeout, TlsAcceptor::from(Arc::clone(tls)).accept(stream));
            let shaken = tokio::select! {
                shaken = handshake => shaken.unwrap_or_else(|late| Err(late.into())),
                () = close.cancelled() => return,
            };
            match shaken {
                Ok(stream) => speak(stream, peer, router, progress, &live, close).await,
                Err(error) => Err(error.into()),
            }
        }
    };
    // A client that does not keep to HTTP, or that went away: nobody has to do anything about it.
    if let Err(error) = ended {
        tracing::debug!(%peer, "A connection ended early: {error}");
    }
}

async fn speak<I>(
    stream: I,
    peer: SocketAddr,
    router: Router,
    (requests, given_up): (Requests, GivenUp),
    live: &Live,
    close: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|mut request: Request<Incoming>| {
        requests.begin();
        request.extensions_mut().insert(ConnectInfo(peer));
        // For whoever takes the connection over.
        request.extensions_mut().insert(given_up.clone());
        let (router, requests) = (router.clone(), requests.clone());
        let request = request.map(|body| Body::new(given_up.watch(body)));
        async move {
            let response = router.oneshot(request).await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                // What comes from here on is no head of a request; whoever took the connection over looks after it.
                requests.begin();
            }
            Ok::<_, Infallible>(response.map(|body| requests.answer(body)))
        }
    });
    let mut http = http1::Builder::new();
    // Runs from the end of one answer to the end of the next head, so it is what ends a connection without requests.
    http.timer(TokioTimer::new()).header_read_timeout(live.limits.keep_alive).max_buf_size(BUFFER);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = close.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    match ended {
        Err(error) if error.is_timeout() => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        other => other.map_err(Into::into),
    }
}
