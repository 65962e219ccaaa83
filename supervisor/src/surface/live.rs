//! What of the configuration may change while the server runs, in one place: whoever needs it looks at it anew for
//! each request or connection, and a reload puts a whole new one in its place.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use ipnet::IpNet;
use tokio_rustls::rustls::ServerConfig;

use crate::{
    auth::Keyring,
    config::{Config, Cors, Limits, OpenAi, Wyoming},
    voices::{Shelf, VoiceBook},
};

/// One state of it.
#[derive(Debug)]
pub struct Live {
    /// Who speaks under which name.
    pub voices: VoiceBook,
    /// What a request may ask for, and how long it may take.
    pub limits: Limits,
    /// What Wyoming allows for.
    pub wyoming: Wyoming,
    /// The keys that are let in; without, everybody may ask.
    pub keys: Option<Keyring>,
    /// Names under which browsers may reach us without a key, in lower case.
    pub hosts: Vec<String>,
    /// Pages of other origins that may ask.
    pub cors: Cors,
    /// Proxies that are believed when they tell for whom they ask.
    pub trusted_proxies: Vec<IpNet>,
    /// What connections are accepted with, where HTTPS is served.
    pub tls: Option<Arc<ServerConfig>>,
    /// Engines that `/readyz` waits for, unless they are switched off.
    pub required: Vec<String>,
    /// What `OpenAI`'s names of models and voices mean.
    pub openai: OpenAi,
}

impl Live {
    /// What a configuration says, and the voices that were sent to us.
    pub fn of(config: &Config, shelf: &Arc<Shelf>) -> Self {
        Self {
            voices: VoiceBook::new(config).with(shelf),
            limits: config.limits.clone(),
            wyoming: config.wyoming.clone(),
            keys: config.auth.keys.clone(),
            hosts: config.server.hosts.clone(),
            cors: config.cors.clone(),
            trusted_proxies: config.server.trusted_proxies.clone(),
            tls: config.tls.as_ref().map(|tls| Arc::clone(&tls.config)),
            required: required(config),
            openai: config.openai.clone(),
        }
    }
}

/// The engines that are waited for.
fn required(config: &Config) -> Vec<String> {
    let engines = config.enabled_engines().filter(|(_, engine)| engine.required);
    engines.map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
impl Live {
    /// No voice, no key, and the usual limits.
    pub(super) fn empty() -> Self {
        Self {
            voices: VoiceBook::empty(),
            limits: Limits::default(),
            wyoming: Wyoming::default(),
            keys: None,
            hosts: Vec::new(),
            cors: Cors::default(),
            trusted_proxies: Vec::new(),
            tls: None,
            required: Vec::new(),
            openai: OpenAi::default(),
        }
    }
}

/// The state in force; cheap to clone, and all clones are one.
#[derive(Clone, Debug)]
pub struct InForce(Arc<ArcSwap<Live>>);

impl InForce {
    /// Begins with this one.
    pub fn new(live: Live) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(live)))
    }

    /// What holds now. It stays the same for as long as it is held, which must not be across a wait.
    pub fn now(&self) -> Guard<Arc<Live>> {
        self.0.load()
    }

    /// What holds now, to be kept.
    pub fn kept(&self) -> Arc<Live> {
        self.0.load_full()
    }

    /// From now on this holds, for everything that begins.
    pub fn replace(&self, live: Live) {
        self.0.store(Arc::new(live));
    }
}
