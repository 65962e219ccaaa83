//! The connection to the NATS servers, and the buckets behind it.

use std::{future::ready, sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectOptions, ServerAddr,
    connection::State,
    jetstream::{
        self, Context,
        context::GetStreamErrorKind,
        kv::Store as Bucket,
        stream::{Config, DiscardPolicy, Stream},
    },
};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::{Objects, standing::Standing};
use crate::config;

/// A server that is asked for something has answered by then.
const ANSWER: Duration = Duration::from_secs(5);
/// A server that did not answer three of these is away.
const PING: Duration = Duration::from_secs(2);
/// Longest pause between two tries to reach one.
const PAUSE: Duration = Duration::from_secs(1);
/// It is told of a server that was not reached at the start after so long.
const TOLD: Duration = Duration::from_secs(3);

/// This machine's connection.
#[derive(Clone, Debug)]
pub struct Link {
    client: Client,
    context: Context,
    standing: Arc<Standing>,
    cluster: config::Cluster,
}

/// As whom the servers are asked: as the first address that names somebody says. The client itself passes over what
/// stands there.
fn login(addresses: &[ServerAddr]) -> ConnectOptions {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let named = addresses.iter().find_map(|address| Some((address.username()?, address.password())));
    match named {
        Some((user, Some(password))) => ConnectOptions::with_user_and_password(plain(user), plain(password)),
        // NATS takes a name alone for a token.
        Some((token, None)) => ConnectOptions::with_token(plain(token)),
        None => ConnectOptions::new(),
    }
}

/// Which of several servers a value is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The one that leads: what was written by anybody is read.
    Leader,
    /// Any: cheaper for large values, and it may not have come there yet.
    Anyone,
}

/// Which bucket it is: one that has its name later, because its servers lost what they kept, is another.
#[derive(Clone, Debug)]
pub struct Identity {
    context: Context,
    stream: String,
    created: String,
}

impl Identity {
    /// Told apart from others by this.
    pub fn created(&self) -> &str {
        &self.created
    }

    /// Whether it is gone for good, or its last changes are, of which one has this number; not, if nobody answers.
    pub async fn is_lost(&self, last: u64) -> bool {
        match self.context.get_stream(&self.stream).await {
            Ok(now) => {
                let info = now.cached_info();
                info.created.to_string() != self.created || info.state.last_sequence < last
            }
            Err(error) => matches!(error.kind(), GetStreamErrorKind::JetStream(error) if error.code() == 404),
        }
    }
}

/// How much there is in `JetStream`, and may be.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Room {
    /// Bytes on the disks of its servers.
    pub storage: u64,
    limits: RoomLimits,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct RoomLimits {
    max_storage: i64,
}

impl Room {
    /// The most bytes that there may be, if that is limited.
    pub fn most(&self) -> Option<u64> {
        u64::try_from(self.limits.max_storage).ok().filter(|most| *most > 0)
    }
}

impl Link {
    /// Begins to connect, and goes on trying for as long as there is somebody who holds it. The error: the file of
    /// credentials cannot be read, or is none.
    pub async fn open(cluster: &config::Cluster) -> Result<Arc<Self>, String> {
        let addresses: Result<Vec<ServerAddr>, _> =
            cluster.servers.iter().map(|server| server.parse()).collect();
        let addresses = addresses.map_err(|error| format!("[cluster] nats: {error}"))?;
        let options = match &cluster.credentials {
            Some(file) => ConnectOptions::with_credentials_file(file).await.map_err(|error| {
                format!("[cluster] credentials: could not read {}: {error}", file.display())
            })?,
            None => login(&addresses),
        };
        let standing = Arc::new(Standing::default());
        let client = options
            .name(format!("ishowtts {}", crate::VERSION))
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(|tries| {
                PAUSE.min(Duration::from_millis(50).saturating_mul(u32::try_from(tries).unwrap_or(u32::MAX)))
            })
            .connection_timeout(ANSWER)
            .request_timeout(Some(ANSWER))
            .ping_interval(PING)
            .event_callback({
                let standing = Arc::clone(&standing);
                move |event| {
                    standing.heard(&event);
                    ready(())
                }
            })
            .connect(addresses)
            .await
            .map_err(|error| format!("[cluster] nats: {error}"))?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(ANSWER);
        let link = Arc::new(Self { client, context, standing, cluster: cluster.clone() });
        tokio::spawn(tell_of_nobody(Arc::clone(&link)));
        Ok(link)
    }

    /// Whether a server answers at present, as far as that is known.
    pub fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Why nothing comes of it, if that is known: what the servers said, or what they lack.
    pub fn trouble(&self) -> Option<String> {
        self.standing.trouble()
    }

    /// The servers answer, and lack something.
    pub fn is_troubled(&self, why: &str) {
        self.standing.found(why);
    }

    /// They lack nothing any more.
    pub fn is_mended(&self) {
        self.standing.mended();
    }

    /// Where the machines meet.
    pub fn cluster(&self) -> &config::Cluster {
        &self.cluster
    }

    /// What everything there is done with.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The server that answers, without what it is asked with; `None` while there is none.
    pub fn server(&self) -> Option<String> {
        let info = self.client.server_info();
        self.is_up().then(|| format!("{}:{}", info.host, info.port))
    }

    /// What this is called there.
    pub fn named(&self, what: &str) -> String {
        format!("{}_{what}", self.cluster.name)
    }

    /// A bucket of keys and values, made unless it is there. `reads`: who is read from.
    pub async fn bucket(&self, what: &str, reads: Reads) -> Result<Bucket, async_nats::Error> {
        let name = self.named(what);
        // What the client's own function makes, which asks servers for something first that those of 2.9 do not tell.
        let config = Config {
            name: format!("KV_{name}"),
            subjects: vec![format!("$KV.{name}.>")],
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: reads == Reads::Anyone,
            num_replicas: self.cluster.replicas,
            ..Config::default()
        };
        self.context.get_or_create_stream(config).await?;
        Ok(self.context.get_key_value(name).await?)
    }

    /// Which bucket it is that has this name now.
    pub async fn identity(&self, what: &str) -> Result<Identity, async_nats::Error> {
        let stream = format!("KV_{}", self.named(what));
        let created = self.context.get_stream(&stream).await?.cached_info().created.to_string();
        Ok(Identity { context: self.context.clone(), stream, created })
    }

    /// A store of objects, made unless it is there.
    pub async fn objects(&self, what: &str) -> Result<Objects, async_nats::Error> {
        let name = self.named(what);
        let config = Config {
            name: format!("OBJ_{name}"),
            subjects: vec![format!("$O.{name}.C.>"), format!("$O.{name}.M.>")],
            discard: DiscardPolicy::New,
            allow_rollup: true,
            num_replicas: self.cluster.replicas,
            ..Config::default()
        };
        let stream = self.context.get_or_create_stream(config).await?;
        Ok(Objects::new(self.context.get_object_store(&name).await?, stream, name))
    }

    /// How much there is, and may be.
    pub async fn room(&self) -> Result<Room, async_nats::Error> {
        Ok(self.context.request("INFO", &serde_json::Map::new()).await?)
    }
}

/// All messages of a stream whose subjects fit go, without a trace.
pub async fn purge<T>(stream: &Stream<T>, subject: &str) -> Result<(), async_nats::Error>
where
    T: Send + Sync,
{
    stream.purge().filter(subject).await?;
    Ok(())
}

/// At a start nothing is lost that could be told of.
async fn tell_of_nobody(link: Arc<Link>) {
    tokio::time::sleep(TOLD).await;
    if !link.is_up() && !link.standing.is_told() {
        let servers = link.cluster.servers.len();
        tracing::warn!(
            servers,
            "No NATS server of [cluster] is reached so far: no job and no voice is taken in until one is; look whether \
             they run, whether this machine reaches them, and what they ask for"
        );
    }
}
