//! `tornadod device export`: creates an exported device for an account.

use crate::commands::args::Export;
use crate::commands::{Server, json_text};
use crate::failure::{Failure, Outcome as _};
use crate::output::{qr_code, say};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::users::{DeviceRef, ExportDevice, ExportedDevice, Users as _, UsersClient};
use tornado_contracts::session::{Connect, Sessions as _, SessionsClient};
use tornado_shared::crypto::v2::ExportSecret;
use tornado_shared::model::{DeviceName, Lane, PrivateKey, Secret};
use tornado_shared::offer::Connection;
use tornado_shared::wg_quick::wg_quick;

pub async fn run(server: &Server, wish: &Export) -> Result<(), Failure> {
    let users = UsersClient::new(server.channel(ServiceName::Auth));
    let input = ExportDevice { user: wish.user.clone(), name: wish.name.clone() };
    let issued = users.export_device(Acting::root(input)).await.or_cannot("create the device")?;
    let connected = connect(server, &issued, &wish.name, wish.lane).await;
    match connected.and_then(|config| shown(&config, &issued, wish)) {
        Ok(text) => {
            say(text.trim_end());
            Ok(())
        }
        Err(failure) => {
            // An incomplete device is useless; left in place, it would be a login without an owner.
            let half = Acting::root(DeviceRef { device_id: issued.device_id });
            drop(users.remove_device(half).await);
            Err(failure)
        }
    }
}

/// The text to print. It contains the only copy of the private key.
fn shown(config: &Secret, issued: &ExportedDevice, wish: &Export) -> Result<String, Failure> {
    if wish.json {
        return json_text(&json!({
            "device_id": issued.device_id,
            "device_name": wish.name,
            "lane": wish.lane,
            "config": config.expose(),
        }));
    }
    if wish.qr { qr_code(config.expose()) } else { Ok(config.expose().to_owned()) }
}

/// Connects the device with a new key pair. Its private half exists only in the returned configuration.
async fn connect(server: &Server, issued: &ExportedDevice, name: &DeviceName, lane: Lane) -> Result<Secret, Failure> {
    let key = PrivateKey::random();
    let input = Connect {
        access_token: issued.access_token.clone(),
        public_key: key.public_key(),
        client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        exported: true,
    };
    let sessions = SessionsClient::new(server.channel(ServiceName::Session));
    let connected = sessions.connect(input).await.or_cannot("connect the device")?;
    let unusable = |why: String| Failure::failed(format!("cannot write the configuration of the lane: {why}"));
    let host = server.config.public_host();
    let host = host.ok_or_else(|| unusable("this machine has no address; set [server] host".into()))?;
    let initiated = connected.initiated(&host);
    let initiated = initiated.ok_or_else(|| unusable("a lane is missing".into()))?;
    let connection = Connection::try_from(initiated).map_err(|e| unusable(e.to_string()))?;
    let export = BASE64URL_NOPAD.decode(issued.export.expose().as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    let export = ExportSecret::from_bytes(export.ok_or_else(|| unusable("the export secret is damaged".into()))?);
    let preshared = export.preshared_key(lane, &key.public_key());
    if !connection.preshared {
        return Err(unusable("the session has no preshared keys".into()));
    }
    Ok(wg_quick(name, connection.on(lane), &key, Some(&preshared)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_shared::model::DeviceId;

    #[test]
    fn what_cannot_be_shown_is_said_before_anything_is_printed() {
        let issued = ExportedDevice {
            username: "ann".parse().unwrap(),
            device_id: DeviceId::random(),
            access_token: Secret::new("t"),
            export: Secret::new("e"),
        };
        let show = |config: &str, qr: bool| {
            let (user, name) = ("ann".into(), "phone".parse::<DeviceName>().unwrap());
            let wish = Export { user, name, lane: Lane::Direct, conf: !qr, qr, json: false };
            shown(&Secret::new(config), &issued, &wish)
        };
        assert_eq!(show("[Interface]", false).unwrap(), "[Interface]");
        assert!(show("[Interface]", true).unwrap().lines().count() > 10);
        assert!(show(&"x".repeat(4_000), true).is_err(), "the text exceeds a QR code: the device is removed again");
    }
}
