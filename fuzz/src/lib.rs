//! A server with everything but workers: its engine could not be set up. So a request comes as far as the scheduler,
//! and what would be spoken is answered with 503.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use axum::Router;
use ishowtts::{
    cache::Cache,
    config::{self, Config, Overrides},
    gpu::Gpus,
    metrics::Metrics,
    placement::Cards,
    pools::{Places, Pools},
    sandbox::Sandbox,
    schedule::Scheduler,
    stream::Studio,
    surface::{self, AppState, InForce, Live, Previews, Shared, Uploads},
    voices::Shelf,
};
use ishowtts_workers::process::{Launch, Launcher};

/// What the server of a test says, and what is in force of it.
pub struct Server {
    /// Its routes, with the edge around them.
    pub router: Router,
    /// What holds.
    pub live: InForce,
}

impl Server {
    /// Puts one together from the configuration's tables beside those of the engine. To be called within a runtime.
    pub async fn new(tables: &str, base: &Path) -> Self {
        let config = config(tables, base);
        let places = Places {
            code: base.to_owned(),
            runtime: base.to_owned(),
            kept: base.to_owned(),
            interpreters: BTreeMap::new(),
            launcher: base.to_owned(),
            log_level: "error".into(),
            sandbox: Sandbox::default(),
            cards: Cards::default(),
        };
        let launcher: Arc<dyn Launch> = Arc::new(Launcher::start().expect("a thread can be started"));
        let unavailable = BTreeMap::from([("tone".into(), "nobody has set it up".into())]);
        let pools = Arc::new(Pools::start(&config, &places, &launcher, unavailable));
        let metrics = Arc::new(Metrics::new().expect("their names are right"));
        let cache = Cache::open(&config.cache, base, Arc::clone(&metrics)).await;
        let shelf = Shelf::open(base);
        let live = InForce::new(Live::of(&config, &shelf));
        let studio = Studio::new(Scheduler::start(pools, &config), cache, Arc::clone(&shelf), &config);
        let state = AppState::new(Shared {
            studio,
            live: live.clone(),
            metrics,
            gpus: Gpus::default(),
            shelf,
            uploads: Uploads::default(),
            previews: Previews::default(),
            jobs: Err("nobody keeps them here".into()),
            cluster: None,
            started: Instant::now(),
        });
        Self { router: surface::router(state), live }
    }
}

fn config(tables: &str, base: &Path) -> Config {
    let source = format!(
        "[engines.tone]\nenabled = true\n\
         [voices.walter]\nengines = {{ en = \"tone\", zh = \"tone\" }}\n\
         [defaults]\nvoices = {{ en = \"walter\", zh = \"walter\" }}\n{tables}"
    );
    let overrides = Overrides { state_dir: Some(base.to_owned()), ..Overrides::default() };
    config::parse(Some(base.join("ishowtts.toml")), &source, &overrides).expect("it is right")
}
