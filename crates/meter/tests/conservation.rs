//! Nothing is lost and nothing is made: whatever happens in which order, receipts and idle add up to what was
//! measured.

use std::collections::BTreeMap;

use whit_meter::{Attribution, Balance, Charge, Energy, Idle, Interval, Item, Joules, Phase, Share, Work};

/// Numbers that look random and are the same every time (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn plus(sum: Share, more: Share) -> Share {
    let mut sum = sum;
    sum += more;
    sum
}

fn ordered(energy: Energy) -> bool {
    energy.low <= energy.joules && energy.joules <= energy.high
}

/// A batch as an engine would run it: some of the running requests, each with its work in one phase.
fn batch(random: &mut Random, running: &[u64]) -> Vec<Item> {
    let mut items = vec![];
    for &owner in running {
        let phase = match random.below(10) {
            0 => Phase::Load,
            1..=3 => Phase::Prefill,
            4..=8 => Phase::Decode,
            _ => continue,
        };
        let work = Work { bytes: random.below(4 << 30), operations: random.below(1 << 40) };
        items.push(Item { owner, phase, work });
    }
    items
}

#[test]
fn ten_thousand_random_interleavings_add_up_to_the_microjoule() {
    let mut random = Random(5);
    for round in 0..10_000 {
        let idle = if round % 2 == 0 { Idle::Separate } else { Idle::Share };
        let balance = Balance { operations_per_byte: 1 + random.below(200) as u32 };
        let mut attribution = Attribution::new(balance, idle);
        let most = 1 + random.below(16) as usize;
        let (mut running, mut next): (Vec<u64>, u64) = (vec![], 0);
        let mut finished = Share::default();
        // What the source has said, kept beside.
        let mut truth = Share::default();
        for _ in 0..20 + random.below(20) {
            if running.len() < most && random.below(3) == 0 {
                running.push(next);
                next += 1;
            }
            let items = batch(&mut random, &running);
            let joules = random.below(30_000_000);
            let below = random.below(joules + 1);
            let energy = Energy {
                joules: Joules::from_micro(joules),
                low: Joules::from_micro(joules - below),
                high: Joules::from_micro(joules + random.below(5_000_000)),
            };
            let micros = random.below(500_000);
            let busy_micros = if random.below(2) == 0 { micros } else { random.below(micros + 1) };
            truth += Share { energy, machine_micros: micros };
            attribution.interval(Interval { energy, micros, busy_micros }, &items);
            if !running.is_empty() && random.below(4) == 0 {
                let gone = running.swap_remove(random.below(running.len() as u64) as usize);
                let Charge { account, work } = attribution.finish(gone);
                for share in [account.load, account.prefill, account.decode, work.load, work.prefill, work.decode] {
                    assert!(ordered(share.energy), "{share:?}");
                }
                assert!(work.total().energy.joules <= account.total().energy.joules);
                assert!(idle == Idle::Share || work == account);
                finished = plus(finished, account.total());
            }
        }
        let open = running.iter().map(|&owner| attribution.finish(owner).account.total()).fold(Share::default(), plus);
        let all = plus(plus(finished, open), attribution.idle());
        assert_eq!(all, truth, "round {round}");
        assert_eq!(attribution.measured(), truth, "round {round}");
        assert!(ordered(attribution.idle().energy), "round {round}");
    }
}

#[test]
fn every_request_gets_what_it_caused() {
    // The machine draws exactly so much for a byte and for an operation; whoever did what is known.
    const MICROJOULES_PER_OPERATION: u64 = 3;
    let balance = Balance { operations_per_byte: 40 };
    let mut random = Random(7);
    for _ in 0..200 {
        let mut attribution = Attribution::new(balance, Idle::Separate);
        let mut truth: BTreeMap<u64, u64> = BTreeMap::new();
        let steps = 50;
        for _ in 0..steps {
            let running: Vec<u64> = (0..16).filter(|_| random.below(3) == 0).collect();
            let items: Vec<Item> = running
                .iter()
                .map(|&owner| {
                    let work = Work { bytes: random.below(1000), operations: random.below(100_000) };
                    Item { owner, phase: Phase::Decode, work }
                })
                .collect();
            let mut drawn = 0;
            for item in &items {
                let own = (item.work.bytes * 40 + item.work.operations) * MICROJOULES_PER_OPERATION;
                *truth.entry(item.owner).or_default() += own;
                drawn += own;
            }
            let energy = Energy::exact(Joules::from_micro(drawn));
            attribution.interval(Interval { energy, micros: 1000, busy_micros: 1000 }, &items);
        }
        for (owner, caused) in truth {
            let got = attribution.finish(owner).account.decode.energy.joules.micro();
            // A microjoule of rounding for each step at most.
            assert!(got.abs_diff(caused) <= steps, "{owner}: {got} instead of {caused}");
        }
    }
}

#[test]
fn idle_is_all_of_it_when_nothing_runs() {
    for idle in [Idle::Separate, Idle::Share] {
        let mut attribution = Attribution::new(Balance::default(), idle);
        let energy = Energy::exact(Joules::from_f64(5.0));
        attribution.interval(Interval { energy, micros: 1_000_000, busy_micros: 0 }, &[]);
        assert_eq!(attribution.idle().energy, energy);
        assert_eq!(attribution.idle(), attribution.measured());
    }
}
