use super::*;

fn floor(devices: &[u32], pools: &[&[Seat]]) -> Floor {
    let pools = pools.iter().map(|pool| pool.to_vec()).collect();
    let mut floor = Floor::new(&Layout { devices: devices.to_vec(), pools });
    (0..floor.workers()).for_each(|worker| floor.add(worker));
    floor
}

fn on(device: usize, slots: u32) -> Seat {
    Seat { device: Some(device), slots }
}

#[test]
fn the_most_urgent_segment_with_a_free_worker_comes_first() {
    let mut floor = floor(&[], &[&[Seat::default()], &[Seat::default()]]);
    let head = |pool| Some([5, 3][pool]);
    assert_eq!(floor.pick(head), Some((1, 1)));
    floor.take(1);
    assert_eq!(floor.pick(head), Some((0, 0)), "the other pool's worker is not kept waiting");
    floor.take(0);
    assert_eq!(floor.pick(head), None);
    floor.vacate(1);
    floor.add(1);
    assert_eq!(floor.pick(head), Some((1, 1)));
}

#[test]
fn nothing_overtakes_a_segment_that_waits_for_room_on_its_device() {
    // Pool 0 needs two slots of the CPU, pool 1 has two workers that need one each, pool 2 needs none.
    let mut floor = floor(&[2], &[&[on(0, 2)], &[on(0, 1), on(0, 1)], &[Seat::default()]]);
    floor.take(1);
    let head = |pool| Some([1, 2, 3][pool]);
    assert_eq!(floor.pick(head), Some((2, 3)), "who takes no share of the device is not held up");
    floor.take(3);
    assert_eq!(floor.pick(head), None, "one slot is free, and it is claimed");
    floor.vacate(1);
    assert_eq!(floor.pick(head), Some((0, 0)));
}

#[test]
fn who_needs_more_than_there_is_takes_all() {
    let floor = floor(&[2], &[&[on(0, 8)]]);
    assert_eq!(floor.pick(|_| Some(0)), Some((0, 0)));
}

#[test]
fn a_seat_is_where_its_worker_is() {
    let mut floor = floor(&[1, 1], &[&[on(0, 1), on(1, 1)]]);
    assert!(floor.is_ample());
    floor.remove(0);
    floor.relocate(0, on(1, 1));
    floor.add(0);
    assert!(!floor.is_ample(), "two share the second device now");
    floor.take(0);
    assert_eq!(floor.pick(|_| Some(0)), None);
    assert_eq!(floor.rooms_of(0, |_| true), [(1, 0.5), (1, 0.5)]);
}

#[test]
fn one_of_two_devices_is_enough() {
    let mut floor = floor(&[1, 1], &[&[on(0, 1), on(1, 1)]]);
    floor.take(0);
    assert_eq!(floor.pick(|_| Some(0)), Some((0, 1)));
}
