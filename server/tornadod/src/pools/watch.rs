//! Reports changes of the machine while the server runs.

use super::alarms;
use crate::config::Config;
use std::collections::BTreeSet;
use std::time::Duration;

/// Interval between two checks.
const LOOK: Duration = Duration::from_secs(10);

/// Logs new and resolved alarms, and changes of the server's address, until it is dropped.
pub async fn watch(config: Config) {
    let (mut known, mut host) = (BTreeSet::new(), config.public_host());
    loop {
        let now: BTreeSet<String> = alarms(&config).into_iter().collect();
        now.difference(&known).for_each(|alarm| tracing::error!("{alarm}"));
        known.difference(&now).for_each(|alarm| tracing::info!(alarm, "resolved an alarm"));
        known = now;
        let found = config.public_host();
        if found != host {
            let hint = "new invitations use the new one, but enrolled devices use the old one";
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
