//! What may leave this device outside the tunnel.

use super::{Helper, done};
use crate::convert::to_api_mode;
use std::net::IpAddr;
use tornado_gui_api::{Failure, LockdownChange};
use tornado_helper_api::{Helper as _, OpenPortal, SetLockdown, Split};

/// Changes the choices about lockdown.
#[tauri::command]
pub async fn set_lockdown(helper: Helper<'_>, change: LockdownChange) -> Result<(), Failure> {
    let LockdownChange { mode, lan, bridges } = change;
    done(helper.set_lockdown(SetLockdown { mode: mode.map(to_api_mode), lan, bridges }).await)
}

/// Sets the networks that are reached outside the tunnel. An address without a length is one address.
#[tauri::command]
pub async fn set_networks(helper: Helper<'_>, networks: Vec<String>) -> Result<(), Failure> {
    let networks = networks.iter().map(|text| network(text)).collect::<Result<_, _>>()?;
    // The helper checks the same; this failure has a code for the window.
    let split = Split { networks }.checked();
    let split = split.map_err(|error| Failure::invalid("invalid_network", error.to_string()))?;
    done(helper.set_split(split).await)
}

fn network(text: &str) -> Result<ipnet::IpNet, Failure> {
    let text = text.trim();
    let found = text.parse().or_else(|error| text.parse::<IpAddr>().map(ipnet::IpNet::from).map_err(|_| error));
    found.map_err(|error| Failure::invalid("invalid_network", format!("'{text}' is not a network: {error}")))
}

/// Opens the captive portal at an address for 60 s.
#[tauri::command]
pub async fn open_portal(helper: Helper<'_>, address: String) -> Result<(), Failure> {
    let address: Result<IpAddr, _> = address.trim().parse();
    let address = address.map_err(|error| Failure::invalid("invalid_address", error.to_string()))?;
    done(helper.open_portal(OpenPortal { address }).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one() {
        let text = |text: &str| network(text).map(|net| net.to_string()).map_err(|failure| failure.code);
        assert_eq!(text(" 203.0.113.0/24 ").as_deref(), Ok("203.0.113.0/24"));
        assert_eq!(text("203.0.113.7").as_deref(), Ok("203.0.113.7/32"));
        assert_eq!(text("2001:db8::1").as_deref(), Ok("2001:db8::1/128"));
        assert_eq!(text("example.net"), Err("invalid_network".to_owned()));
    }
}
