//! Reports changes of the machine under a running server.

use super::alarms;
use crate::config::Config;
use std::collections::BTreeSet;
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);

/// Logs what comes up and what is over, and a change of the address that devices use, until it is dropped.
pub async fn watch(config: Config) {
    let (mut known, mut host) = (BTreeSet::new(), config.public_host());
    loop {
        let now: BTreeSet<String> = alarms(&config).into_iter().collect();
        now.difference(&known).for_each(|alarm| tracing::error!("{alarm}"));
        known.difference(&now).for_each(|alarm| tracing::info!(alarm, "this is over"));
        known = now;
        let found = config.public_host();
        if found != host {
            let hint = "new invitations have the new one; devices that enrolled before look for the old one";
            tracing::warn!(
                before = host,
                now = found,
                "the address of this machine changed: {hint}; set [server] host"
            );
            host = found;
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_machine_is_looked_at_at_a_steady_pace_for_sixty_days() {
        tornado_endurance::sixty_days(360, watch(Config::default())).await;
    }
}
