//! One question to a running server, over HTTP or HTTPS: what the commands with `--server` ask.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue},
    http::response::Parts,
};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::spawn_blocking,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// How long a server may take to be reached.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server, and how to speak to it.
#[derive(Clone, Debug)]
pub struct Server {
    /// `http://HOST:PORT` or `https://HOST:PORT`, perhaps with a path that its routes stand under.
    pub url: Url,
    /// The key to show, if it asks for one.
    pub key: Option<String>,
    /// Certificates to trust instead of the system's.
    pub cacert: Option<PathBuf>,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    /// How it went.
    pub status: StatusCode,
    /// With what.
    pub headers: HeaderMap,
    /// All of it.
    pub body: Bytes,
}

impl Answer {
    /// The answer as JSON, or the server's reason for having none.
    pub fn json(&self) -> Result<Value, String> {
        self.accepted()?;
        serde_json::from_slice(&self.body).map_err(|error| format!("the answer is not JSON: {error}"))
    }

    /// Whether the server did what it was asked for; else its reason.
    pub fn accepted(&self) -> Result<(), String> {
        if self.status.is_success() {
            return Ok(());
        }
        let told: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let reason = told["error"]["message"].as_str().unwrap_or("no reason given");
        Err(format!("{reason} ({})", self.status))
    }
}

impl Server {
    /// GET, or POST with a JSON body.
    pub async fn ask(&self, route: &str, body: Option<&Value>) -> Result<Answer, String> {
        match body {
            Some(body) => self.send("POST", route, "application/json", body.to_string().into()).await,
            None => self.send("GET", route, "", Bytes::new()).await,
        }
    }

    /// Any request; without a media type it has no body.
    pub async fn send(
        &self,
        method: &str,
        route: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<Answer, String> {
        let (head, body) = self.begin(method, route, &[(CONTENT_TYPE, media_type)], body).await?.into_parts();
        self.whole(head, body).await
    }

    /// POST to the address as it stands, with these headers.
    pub async fn post(&self, headers: HeaderMap, body: Bytes) -> Result<Answer, String> {
        let request = Request::post(self.url.path()).header(HOST, self.url.authority());
        let mut request = request.body(Full::from(body)).map_err(|error| self.failed(&error.to_string()))?;
        request.headers_mut().extend(headers);
        let (head, body) = self.carry(request).await?.into_parts();
        self.whole(head, body).await
    }

    /// POST to the address as it stands, at the first of these places that can be reached and nowhere else, with these headers: how
    /// it went. A redirect is an answer like any other.
    pub async fn post_at(
        &self,
        places: &[SocketAddr],
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<StatusCode, String> {
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let request = Request::post(format!("{}{query}", self.url.path())).header(HOST, self.url.authority());
        let mut request = request.body(Full::from(body)).map_err(|error| self.failed(&error.to_string()))?;
        request.headers_mut().extend(headers);
        let stream = timeout(PATIENCE, TcpStream::connect(places)).await;
        let stream = stream
            .map_err(|late| self.failed(&late.to_string()))?
            .map_err(|error| self.failed(&error.to_string()))?;
        Ok(self.carry_over(stream, request).await?.status())
    }

    /// Any request, with these headers as far as they are not empty: the answer as it begins.
    pub async fn begin(
        &self,
        method: &str,
        route: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
    ) -> Result<Response<Incoming>, String> {
        let request = self.request(method, route, headers, body);
        self.carry(request.map_err(|error| self.failed(&error))?).await
    }

    async fn whole(&self, head: Parts, body: Incoming) -> Result<Answer, String> {
        let body = body.collect().await.map_err(|error| self.failed(&error.to_string()))?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    fn failed(&self, error: &str) -> String {
        format!("could not ask {}: {error}", self.url)
    }

    /// Over a connection of its own.
    async fn carry(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        let failed = |error: String| self.failed(&error);
        let host = self.url.host_str().ok_or_else(|| failed("it names no host".into()))?;
        let port = self.url.port_or_known_default().unwrap_or(80);
        // A name resolver wants an address of IPv6 without its brackets.
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let connecting = timeout(PATIENCE, TcpStream::connect((bare, port))).await;
        let stream = connecting
            .map_err(|late| failed(late.to_string()))?
            .map_err(|error| failed(error.to_string()))?;
        self.carry_over(stream, request).await
    }

    /// Over a connection that is there.
    async fn carry_over(
        &self,
        stream: TcpStream,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, String> {
        let failed = |error: String| self.failed(&error);
        if self.url.scheme() == "https" {
            let host = self.url.host_str().ok_or_else(|| failed("it names no host".into()))?;
            let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(bare).map_err(|error| failed(error.to_string()))?;
            // A system has hundreds of certificates, in files.
            let server = self.clone();
            let trust =
                spawn_blocking(move || server.trust()).await.map_err(|error| failed(error.to_string()))?;
            let connector = TlsConnector::from(trust.map_err(failed)?);
            let shaking = timeout(PATIENCE, connector.connect(name, stream)).await;
            let stream = shaking
                .map_err(|late| failed(late.to_string()))?
                .map_err(|error| failed(error.to_string()))?;
            return exchange(stream, request).await.map_err(|error| failed(error.to_string()));
        }
        exchange(stream, request).await.map_err(|error| failed(error.to_string()))
    }

    fn request(
        &self,
        method: &str,
        route: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, String> {
        let authority = self.url.authority();
        let path = format!("{}{route}", self.url.path().trim_end_matches('/'));
        let request = Request::builder().uri(path).header(HOST, authority);
        let request = match &self.key {
            Some(key) => {
                let mut value = HeaderValue::try_from(format!("Bearer {key}"))
                    .map_err(|_unfit| "the API key has characters that no key has".to_owned())?;
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
            None => request,
        };
        let request = request.method(method);
        let told = headers.iter().filter(|(_, value)| !value.is_empty());
        let request = told.fold(request, |request, (name, value)| request.header(name, *value));
        let request = request.body(Full::from(body));
        request.map_err(|error| error.to_string())
    }

    fn trust(&self) -> Result<Arc<ClientConfig>, String> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.cacert {
            let unread = |error| format!("could not read the certificates in {}: {error}", path.display());
            let certificates =
                CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            for certificate in certificates.map_err(|error| unread(error.to_string()))? {
                roots.add(certificate).map_err(|error| unread(error.to_string()))?;
            }
        } else {
            // One that cannot be used is left out, as everybody does; without any, nobody is trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() {
            return Err("there is no certificate to trust: name one with --cacert".into());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    }
}

async fn exchange<I>(stream: I, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, hyper::Error>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its last answer.
    tokio::spawn(connection);
    sender.send_request(request).await
}
