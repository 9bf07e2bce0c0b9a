//! From the TUN device to peers.

use super::Ways;
use crate::device::table::Output;
use crate::tun::{Taken, is_final};
use crate::udp::Narrow;
use std::io;
use std::time::Duration;

/// Messages that are sent together.
const BATCH: usize = 128;
/// Rest after an error of the device.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(ways: Ways) -> io::Result<()> {
    let (mut taken, mut output, mut narrow) = (Taken::default(), Output::default(), Narrow::default());
    loop {
        let is_more = read(&ways, &mut taken, &mut output)?;
        ways.carry_out(&mut output, &mut narrow).await?;
        match is_more {
            // Others have packets, too.
            More::Yes => tokio::task::yield_now().await,
            More::Later => ways.tun.readable().await?,
            More::Failed => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Whether the device has more to read.
enum More {
    Yes,
    Later,
    Failed,
}

/// Reads and seals, up to a bound.
fn read(ways: &Ways, taken: &mut Taken, output: &mut Output) -> io::Result<More> {
    // Also what makes no message is work.
    for _ in 0..BATCH {
        match ways.tun.read(taken) {
            Ok(pieces) => ways.shared.table().outgoing(pieces.head(), pieces.packets(), output),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(More::Later),
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "nothing was read from the TUN device");
                return Ok(More::Failed);
            }
        }
        if output.datagrams.len() >= BATCH {
            break;
        }
    }
    Ok(More::Yes)
}
