//! `tornadod device`

use super::export;
use crate::commands::args::Device;
use crate::commands::{Server, say_json};
use crate::failure::Failure;
use crate::output::{say, span, table};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::users::{DeviceInfo, DeviceRef, UserRef, Users as _, UsersClient};
use tornado_runtime::clock::unix_now;

pub async fn run(server: &Server, command: Device) -> Result<(), Failure> {
    let users = UsersClient::new(server.channel(ServiceName::Auth));
    match command {
        Device::List { user, json } => {
            let devices = users.list_devices(Acting::root(UserRef { user })).await;
            let devices = devices.map_err(|e| Failure::of_call("list devices", &e))?;
            if json {
                return say_json(&devices);
            }
            print(&devices);
            Ok(())
        }
        Device::Export { user, name, lane, conf: _, qr, json } => {
            export::run(server, export::Wish { user, name, lane }, qr, json).await
        }
        Device::Remove { device_id } => {
            let removed = users.remove_device(Acting::root(DeviceRef { device_id })).await;
            removed.map_err(|e| Failure::of_call("remove the device", &e))?;
            say(&format!("removed device {device_id}; its login and session have ended"));
            Ok(())
        }
    }
}

pub fn print(devices: &[DeviceInfo]) {
    let now = unix_now();
    let heading = ["DEVICE", "NAME", "KIND", "LOGGED IN", "FIRST SEEN", "LAST LOGIN"].map(String::from).to_vec();
    let line = |device: &DeviceInfo| {
        vec![
            device.id.to_string(),
            device.name.to_string(),
            if device.has_key { "v2" } else { "v1" }.into(),
            if device.logged_in { "yes" } else { "no" }.into(),
            format!("{} ago", span(now - device.created_at)),
            format!("{} ago", span(now - device.last_login_at)),
        ]
    };
    table(&std::iter::once(heading).chain(devices.iter().map(line)).collect::<Vec<_>>());
}
