//! What is due with time.

use super::Ways;
use crate::device::table::Output;
use crate::udp::Narrow;
use std::io;
use std::time::Duration;

/// How exact the timers of peers are; the shortest of theirs is 5 s.
const TICK: Duration = Duration::from_millis(250);
/// Places of the table that are gone through at once: some 0.1 ms of peers that are awake.
const SLICE: usize = 256;

pub(super) async fn run(ways: Ways) -> io::Result<()> {
    let (mut output, mut narrow) = (Output::default(), Narrow::default());
    loop {
        ways.shared.guard.tick();
        let mut next = Some(0);
        while let Some(from) = next {
            next = ways.shared.table().tick(from, SLICE, &mut output);
            ways.carry_out(&mut output, &mut narrow).await?;
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(TICK).await;
    }
}
