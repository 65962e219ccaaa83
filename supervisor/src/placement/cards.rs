//! The GPUs of this machine by what their driver knows them by, and a worker that sees one of them.
//!
//! A worker that sees its own GPU alone cannot take memory of another one by mistake, and needs not be told which one it
//! is: inside, it is `cuda:0`. `CUDA_VISIBLE_DEVICES` names it by its UUID, since numbers count only GPUs that a process
//! may open, and a worker in the sandbox may open no other.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use ishowtts_workers::WorkerSpec;
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    config::VISIBLE_GPUS,
    gpu::{Identity, Sensors},
};

/// How long NVIDIA's driver may take to tell which GPUs there are.
const DRIVER: Duration = Duration::from_secs(20);

/// The GPUs of this machine.
#[derive(Clone, Debug, Default)]
pub struct Cards {
    /// By the device's name, as `nvidia-smi` numbers them; none if there is only one, or nobody knows.
    known: BTreeMap<String, Identity>,
    /// What the server itself may see, if somebody restricts it.
    allowed: Option<String>,
    /// Where the machine's `/sys`, `/proc` and `/etc` are found.
    root: PathBuf,
}

impl Cards {
    /// Asks the driver, which may take its time.
    pub fn look(root: &Path) -> Self {
        let cards = Sensors::open(root).identities();
        let allowed = std::env::var(VISIBLE_GPUS).ok();
        Self { known: if cards.len() > 1 { cards } else { BTreeMap::new() }, allowed, root: root.to_owned() }
    }

    /// The same without waiting for a driver that does not answer.
    pub async fn find(root: &Path) -> Self {
        let root = root.to_owned();
        let looked = timeout(DRIVER, spawn_blocking(move || Self::look(&root))).await;
        looked.map_or_else(
            |_| {
                tracing::warn!("NVIDIA's driver does not answer: workers are told their GPUs by number");
                Self::default()
            },
            Result::unwrap_or_default,
        )
    }

    /// Whether anybody looked for them.
    pub fn are_known(&self) -> bool {
        !self.root.as_os_str().is_empty()
    }

    /// Bytes of a device's memory that are free; a driver is asked if it is a GPU.
    pub fn free(&self, devices: &[String]) -> Vec<Option<u64>> {
        let is_gpu = |device: &String| device.starts_with("cuda:");
        let readings =
            if devices.iter().any(is_gpu) { Sensors::open(&self.root).read() } else { BTreeMap::new() };
        let free = |device: &String| match readings.get(device) {
            _ if !is_gpu(device) => Some(super::AMPLE),
            Some(reading) => reading.memory_total?.checked_sub(reading.memory_used?),
            None => None,
        };
        devices.iter().map(free).collect()
    }

    /// Has a worker compute on a device and see no other GPU. What the configuration itself says of what its workers see
    /// (`keeps`) stays.
    pub fn assign(&self, mut spec: WorkerSpec, device: &str, keeps: bool) -> WorkerSpec {
        device.clone_into(&mut spec.device);
        device.clone_into(&mut spec.seen_as);
        if keeps {
            return spec;
        }
        let Some(number) = device.strip_prefix("cuda:").and_then(|number| number.parse().ok()) else {
            // What computes on the CPU takes no memory of a GPU.
            spec.env.insert(VISIBLE_GPUS.into(), String::new());
            return spec;
        };
        let (told, card) = self.visible(number);
        if let (Some(card), Some(policy)) = (card, &mut spec.confinement.policy) {
            policy.narrow_to_gpu(card.minor);
        }
        spec.env.insert(VISIBLE_GPUS.into(), told);
        "cuda:0".clone_into(&mut spec.seen_as);
        spec
    }

    /// What CUDA is told for it to see that GPU alone, and which one that is. A server that may see some of them alone
    /// counts those: `cuda:1` is then the second of them.
    fn visible(&self, number: usize) -> (String, Option<&Identity>) {
        let told = match &self.allowed {
            // One that is not there shows as a worker that finds no GPU.
            Some(allowed) => allowed.split(',').nth(number).unwrap_or_default().trim().to_owned(),
            None => number.to_string(),
        };
        let card = match told.parse::<u8>() {
            Ok(number) => self.known.get(&format!("cuda:{number}")),
            Err(_) => self.known.values().find(|card| card.uuid == told),
        };
        (card.map_or(told, |card| card.uuid.clone()), card)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cards(count: u32, allowed: Option<&str>) -> Cards {
        // Files are not numbered as the driver numbers GPUs.
        let card = |number: u32| {
            (format!("cuda:{number}"), Identity { uuid: format!("GPU-{number}"), minor: count - 1 - number })
        };
        let cards = (0..count).map(card).collect();
        Cards { known: cards, allowed: allowed.map(str::to_owned), root: "/".into() }
    }

    #[test]
    fn a_worker_is_told_its_gpu_by_what_does_not_change() {
        let both = cards(2, None);
        let (told, card) = both.visible(1);
        assert_eq!((told.as_str(), card.map(|card| card.minor)), ("GPU-1", Some(0)));
        assert_eq!(cards(0, None).visible(1), ("1".into(), None), "nobody knows more than its number");
        assert_eq!(both.visible(5), ("5".into(), None), "there is none such, as the worker will find");
    }

    #[test]
    fn a_server_that_may_see_some_gpus_counts_those() {
        let third = cards(4, Some("2, GPU-3"));
        assert_eq!(third.visible(0).0, "GPU-2");
        assert_eq!(third.visible(1).0, "GPU-3");
        assert_eq!(third.visible(2), (String::new(), None));
        assert_eq!(cards(0, Some("MIG-7")).visible(0).0, "MIG-7");
    }
}
