//! Which of its engine's devices a worker is put on.

use std::{collections::BTreeMap, sync::Arc};

use ishowtts_workers::Room;

use crate::{
    config::{Engine, VISIBLE_GPUS},
    placement::{AMPLE, Cards, Site, choose, spread},
};

/// A device for each of so many more workers of an engine, beside those of its own and of other engines that are, or are
/// to be, where is told.
pub(super) fn place(
    engine: &Engine,
    cards: &Cards,
    (own, others): (&[String], &[String]),
    count: usize,
) -> Vec<String> {
    // Of one device nothing needs to be asked.
    let free = match &engine.devices[..] {
        [_] => vec![Some(AMPLE)],
        several => cards.free(several),
    };
    let on = |devices: &[String], device: &String| devices.iter().filter(|other| *other == device).count();
    let sites = engine.devices.iter().zip(free);
    let sites: Vec<Site> =
        sites.map(|(device, free)| Site { own: on(own, device), others: on(others, device), free }).collect();
    spread(&sites, count).into_iter().filter_map(|at| engine.devices.get(at).cloned()).collect()
}

/// Where workers are to be that are at `now`: where they are, if those are the engine's devices and it is evenly spread
/// over them; else as many as can stay, and the others where they are missing.
pub(super) fn replace(engine: &Engine, cards: &Cards, now: Vec<String>, others: &[String]) -> Vec<String> {
    let mut on: BTreeMap<&String, usize> = engine.devices.iter().map(|device| (device, 0)).collect();
    let is_known = now.iter().all(|device| on.get_mut(device).map(|count| *count += 1).is_some());
    let (fewest, most) = (on.values().min().copied(), on.values().max().copied());
    if is_known && fewest.zip(most).is_some_and(|(fewest, most)| most <= fewest + 1) {
        return now;
    }
    let mut missing = place(engine, cards, (&[], others), now.len());
    let stay: Vec<bool> = now
        .iter()
        .map(|device| {
            let at = missing.iter().position(|other| other == device);
            at.map(|at| missing.remove(at)).is_some()
        })
        .collect();
    let mut missing = missing.into_iter();
    let moved = now.into_iter().zip(stay);
    moved.map(|(device, stays)| if stays { device } else { missing.next().unwrap_or(device) }).collect()
}

/// Whether another worker may be warm before one goes, and on which device.
pub(super) fn room(engine: &Engine, cards: &Cards) -> Room {
    let (told, devices, cards) = (engine.warm_restart, engine.devices.clone(), cards.clone());
    let keeps = engine.env.contains_key(VISIBLE_GPUS);
    Arc::new(move |spec, status, others| {
        if told == Some(false) {
            return None;
        }
        let own = |device: &String| others.iter().filter(|other| *other == device).count();
        let free = if told == Some(true) { vec![Some(AMPLE); devices.len()] } else { cards.free(&devices) };
        let sites = devices.iter().zip(free).map(|(device, free)| Site { own: own(device), others: 0, free });
        let device = devices.get(choose(&sites.collect::<Vec<_>>(), status.memory.device_bytes)?)?;
        Some(cards.assign(spec, device, keeps))
    })
}
