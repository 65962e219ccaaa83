use proptest::prelude::*;

use super::*;

const GIB: u64 = 1 << 30;

fn site(own: usize, others: usize, free: u64) -> Site {
    Site { own, others, free: Some(free * GIB) }
}

#[test]
fn workers_are_spread_and_begin_where_most_is_free() {
    let sites = [site(0, 0, 8), site(0, 0, 20), site(0, 0, 8)];
    assert_eq!(spread(&sites, 1), [1]);
    assert_eq!(spread(&sites, 5), [1, 0, 2, 1, 0]);
    assert_eq!(spread(&[site(0, 1, 20), site(0, 0, 8)], 1), [1], "another engine's worker is there");
    assert!(spread(&[], 3).is_empty());
}

#[test]
fn a_successor_goes_where_its_predecessor_was_or_where_there_is_room_but_never_doubles_up() {
    assert_eq!(choose(&[site(0, 0, 8), site(1, 0, 20)], 4 * GIB), Some(0));
    assert_eq!(choose(&[site(0, 0, 4), site(1, 0, 20)], 4 * GIB), None, "the first card would do nothing");
    assert_eq!(choose(&[site(0, 0, 4), site(0, 0, 20)], 4 * GIB), Some(1));
    assert_eq!(choose(&[Site { free: None, ..site(0, 0, 0) }], 0), None, "nobody knows");
}

fn sites() -> impl Strategy<Value = Vec<Site>> {
    let site = (0_usize..4, 0_usize..3, prop::option::of(0_u64..40));
    let site = site.prop_map(|(own, others, free)| Site { own, others, free: free.map(|free| free * GIB) });
    prop::collection::vec(site, 1..6)
}

proptest! {
    #[test]
    fn whoever_is_chosen_has_room_and_none_that_has_room_is_better(sites in sites(), held in 0_u64..40) {
        let held = held * GIB;
        let fewest = sites.iter().map(|site| site.own).min().unwrap();
        match choose(&sites, held) {
            Some(at) => {
                prop_assert!(sites[at].fits(held) && sites[at].own == fewest);
                for other in sites.iter().filter(|site| site.own == fewest && site.fits(held)) {
                    prop_assert!((sites[at].others, other.free) <= (other.others, sites[at].free)
                        || sites[at].others < other.others);
                }
            }
            None => prop_assert!(!sites.iter().any(|site| site.own == fewest && site.fits(held))),
        }
    }

    #[test]
    fn more_free_memory_never_makes_a_device_worse(sites in sites(), held in 0_u64..20, more in 1_u64..40) {
        if let Some(at) = choose(&sites, held * GIB) {
            let mut roomier = sites.clone();
            roomier[at].free = roomier[at].free.map(|free| free + more * GIB);
            prop_assert_eq!(choose(&roomier, held * GIB), Some(at));
        }
    }

    #[test]
    fn workers_are_spread_as_evenly_as_those_that_are_there_allow(sites in sites(), count in 0_usize..12) {
        let chosen = spread(&sites, count);
        prop_assert_eq!(chosen.len(), count);
        let mut counts: Vec<usize> = sites.iter().map(|site| site.own).collect();
        for at in &chosen {
            prop_assert_eq!(counts[*at], *counts.iter().min().unwrap());
            counts[*at] += 1;
        }
    }
}
