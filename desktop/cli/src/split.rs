//! `tornado split`: changes the list of networks that the helper has.

use crate::args::SplitCommand;
use crate::error::Failure;
use tornado_helper_api::{Helper as _, HelperClient, NoInput, Split, Status};

pub(crate) async fn run(helper: &HelperClient, command: Option<SplitCommand>) -> Result<Status, Failure> {
    let status = helper.status(NoInput {}).await?;
    let mut networks = status.split.networks.clone();
    match command {
        None => return Ok(status),
        Some(SplitCommand::Add { networks: more }) => networks.extend(more),
        Some(SplitCommand::Remove { networks: less }) => {
            for net in less {
                let before = networks.len();
                networks.retain(|kept| *kept != net.trunc());
                if networks.len() == before {
                    return Err(Failure::Usage(format!("{net} is not excluded from the tunnel; nothing was changed")));
                }
            }
        }
        Some(SplitCommand::Clear) => networks.clear(),
    }
    Ok(helper.set_split(Split { networks }).await?)
}

pub(crate) fn list(split: &Split) -> String {
    if split.networks.is_empty() {
        return "All networks are reached through the tunnel.\n".to_owned();
    }
    let lines: String = split.networks.iter().map(|net| format!("{net}\n")).collect();
    format!("Reached outside the tunnel, except for DNS:\n{lines}")
}
