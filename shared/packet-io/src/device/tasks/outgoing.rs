//! Moves packets from the TUN device to peers.

use super::Ways;
use crate::device::table::Output;
use crate::tun::{Taken, is_final};
use crate::udp::Narrow;
use std::io;
use std::time::Duration;

/// Maximum number of messages that are sent together.
const BATCH: usize = 128;
/// Delay after an error of the device.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(ways: Ways) -> io::Result<()> {
    let (mut taken, mut output, mut narrow) = (Taken::default(), Output::default(), Narrow::default());
    loop {
        let is_more = read(&ways, &mut taken, &mut output)?;
        ways.carry_out(&mut output, &mut narrow).await?;
        match is_more {
            // Other tasks have packets too.
            More::Yes => tokio::task::yield_now().await,
            More::Later => ways.tun.readable().await?,
            More::Failed => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Whether the device has more packets to read.
enum More {
    Yes,
    Later,
    Failed,
}

/// Reads and encrypts packets, up to a limit of work.
fn read(ways: &Ways, taken: &mut Taken, output: &mut Output) -> io::Result<More> {
    // Reads that result in no message count too.
    for _ in 0..BATCH {
        match ways.tun.read(taken) {
            Ok(pieces) => ways.shared.table().outgoing(pieces.head(), pieces.packets(), output),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(More::Later),
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "cannot read from the TUN device; retrying");
                return Ok(More::Failed);
            }
        }
        if output.datagrams.len() >= BATCH {
            break;
        }
    }
    Ok(More::Yes)
}
