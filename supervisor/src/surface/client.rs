//! Every request has a client: the address that it came from, which a trusted proxy may tell on another's behalf.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;

use super::forwarded;
use crate::speech::ClientId;

/// Gives the request its [`ClientId`], which handlers find among the extensions. The state is whom we trust.
pub(super) async fn recognise(
    State(trusted): State<Arc<[IpNet]>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let origin = forwarded::origin(peer.ip(), request.headers(), &trusted);
    request.extensions_mut().insert(ClientId::address(origin));
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::{
        Extension, Router, body::Body, extract::connect_info::MockConnectInfo, middleware, routing::get,
    };
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    /// The client that a handler is told of.
    async fn told(peer: &str, forwarded_for: Option<&str>) -> String {
        let trusted: Arc<[IpNet]> = Arc::from(["10.0.0.0/8".parse().unwrap()]);
        let peer: SocketAddr = peer.parse().unwrap();
        let router = Router::new()
            .route("/", get(|Extension(client): Extension<ClientId>| async move { client.to_string() }))
            .layer(middleware::from_fn_with_state(trusted, recognise))
            .layer(MockConnectInfo(peer));
        let mut request = Request::builder();
        if let Some(value) = forwarded_for {
            request = request.header("x-forwarded-for", value);
        }
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_handler_is_told_who_asks() {
        assert_eq!(told("192.0.2.7:5000", None).await, "192.0.2.7");
        assert_eq!(told("192.0.2.7:5001", Some("198.51.100.1")).await, "192.0.2.7");
        assert_eq!(told("[2001:db8::1]:5000", None).await, "2001:db8::/64");
        assert_eq!(told("10.0.0.1:5000", Some("198.51.100.1")).await, "198.51.100.1");
        assert_eq!(told("[::ffff:10.0.0.1]:5000", Some("2001:db8::9")).await, "2001:db8::/64");
        assert_eq!(told("10.0.0.1:5000", None).await, "10.0.0.1");
    }
}
