//! Settings that operators change while the server runs.

use crate::actor::Actor;
use crate::core::Core;
use crate::fault;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::settings::{HOST, Setting};
use tornado_rpc::Done;
use tornado_shared::invitation::{DEFAULT_PORT, ServerAddress};

pub async fn list_settings(core: &Core) -> Result<Vec<Setting>, AuthError> {
    let value = core.store.setting(HOST).await.map_err(fault::store)?;
    Ok(vec![Setting { name: HOST.to_owned(), value }])
}

pub async fn put_setting(core: &Core, actor: &Actor, what: Setting) -> Result<Done, AuthError> {
    let value = match (what.name.as_str(), what.value) {
        (HOST, Some(value)) => Some(host(&value)?),
        (HOST, None) => None,
        (name, _) => {
            let text = format!("'{name}' can be changed in the configuration file only");
            return Err(AuthError::InvalidFields(text));
        }
    };
    // The name of a server is public; addresses are not written to the trail.
    let set = if value.is_some() { "set" } else { "removed" };
    let audit = core.trail.detailed(actor, "settings.put", HOST, &[("value", set.to_owned())]);
    core.trail.signed(core.store.put_setting(HOST, value.as_deref(), &audit)).await?;
    Ok(Done {})
}

fn host(text: &str) -> Result<String, AuthError> {
    let address: ServerAddress = text.parse().map_err(|error| AuthError::InvalidFields(format!("{HOST}: {error}")))?;
    if address.port != DEFAULT_PORT {
        let text = format!("{HOST}: write it without a port; ports are in the configuration file");
        return Err(AuthError::InvalidFields(text));
    }
    Ok(address.host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_without_a_port() {
        for good in ["vpn.example.org", "203.0.113.5", "2001:db8::1"] {
            assert_eq!(host(good).unwrap(), good);
        }
        for bad in ["", "a b", "vpn.example.org:443", "https://vpn.example.org", "vpn.example.org/x"] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }
}
