//! Runs the timers of the peers.

use super::Ways;
use crate::device::table::Output;
use crate::udp::Narrow;
use std::io;
use std::time::Duration;

/// Resolution of the peers' timers, of which the shortest is 5 s. An idle interface wakes up at this interval.
const TICK: Duration = Duration::from_secs(1);
/// Number of table slots that are processed at once, about 0.1 ms for active peers.
const SLICE: usize = 256;

pub(super) async fn run(ways: Ways) -> io::Result<()> {
    let (mut output, mut narrow) = (Output::default(), Narrow::default());
    let mut from = 0;
    loop {
        if from == 0 {
            ways.shared.guard.tick();
        }
        let next = ways.shared.table().tick(from, SLICE, &mut output);
        ways.carry_out(&mut output, &mut narrow).await?;
        from = rest(next).await;
    }
}

/// Waits between two slices: until other tasks had a turn, or after the last slice until the next round. Returns the
/// start of the next slice.
async fn rest(next: Option<usize>) -> usize {
    match next {
        Some(from) => {
            tokio::task::yield_now().await;
            from
        }
        None => {
            tokio::time::sleep(TICK).await;
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn timers_are_looked_at_at_a_steady_pace_for_sixty_days() {
        // A table with three slices.
        let slices = Cell::new(0_u64);
        let rounds = async {
            let mut from = 0;
            loop {
                slices.set(slices.get() + 1);
                from = rest((from < 2 * SLICE).then_some(from + SLICE)).await;
            }
        };
        tornado_endurance::sixty_days(3 * 3_600, rounds).await;
        // Two full hours, one minute of each day, and what becomes due at each leap.
        let expected = 3 * (2 * 3_600 + 60 * 60);
        assert!((expected - 300..=expected + 300).contains(&slices.get()), "{}", slices.get());
    }
}
