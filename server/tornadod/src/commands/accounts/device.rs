//! `tornadod device`

use super::export;
use crate::commands::args::Device;
use crate::commands::{Server, show};
use crate::failure::{Failure, Outcome as _};
use crate::output::{ago, say, table};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::users::{DeviceInfo, DeviceRef, UserRef, Users as _, UsersClient};

pub async fn run(server: &Server, command: Device) -> Result<(), Failure> {
    let users = UsersClient::new(server.channel(ServiceName::Auth));
    match command {
        Device::List { user, json } => {
            let devices = users.list_devices(Acting::root(UserRef { user })).await.or_cannot("list devices")?;
            show(json, &devices, |devices| print(devices))
        }
        Device::Export(wish) => export::run(server, &wish).await,
        Device::Remove { device_id } => {
            users.remove_device(Acting::root(DeviceRef { device_id })).await.or_cannot("remove the device")?;
            say(&format!("removed device {device_id}; its login and session have ended"));
            Ok(())
        }
    }
}

pub fn print(devices: &[DeviceInfo]) {
    let line = |device: &DeviceInfo| {
        [
            device.id.to_string(),
            device.name.to_string(),
            if device.has_key { "v2" } else { "v1" }.into(),
            if device.logged_in { "yes" } else { "no" }.into(),
            ago(device.created_at),
            ago(device.last_login_at),
        ]
    };
    table(["DEVICE", "NAME", "KIND", "LOGGED IN", "FIRST SEEN", "LAST LOGIN"], devices.iter().map(line));
}
