//! Processes initiations of peers one by one, so that packets are processed in between.

use super::Ways;
use super::incoming::Initiation;
use crate::device::table::Output;
use crate::udp::Narrow;
use std::io;
use tokio::sync::mpsc::Receiver;

pub(super) async fn run(ways: Ways, mut queue: Receiver<Initiation>) -> io::Result<()> {
    let (mut output, mut narrow) = (Output::default(), Narrow::default());
    while let Some((message, from)) = queue.recv().await {
        if let Some(sender) = ways.shared.own.sender(&message) {
            ways.shared.table().incoming(sender, message, from, &mut output);
        }
        ways.carry_out(&mut output, &mut narrow).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}
