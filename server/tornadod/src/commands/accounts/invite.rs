//! `tornadod invite create`

use crate::commands::{Server, say_json};
use crate::failure::Failure;
use crate::output::{is_terminal, say, span};
use qrcode::render::unicode::Dense1x2;
use std::time::Duration;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::{Acting, Auth as _, AuthClient, CreateInvitation};
use tornado_shared::model::Username;

/// The requested invitation.
pub struct Wish {
    pub user: Option<Username>,
    pub devices: u32,
    pub expires: Duration,
    pub host: Option<String>,
}

pub async fn create(server: &Server, wish: Wish, json: bool, qr: bool) -> Result<(), Failure> {
    let lifetime = i64::try_from(wish.expires.as_secs()).unwrap_or(i64::MAX);
    let input = CreateInvitation { username: wish.user, max_devices: wish.devices, lifetime, host: wish.host };
    let auth = AuthClient::new(server.channel(ServiceName::Auth));
    let made =
        auth.create_invitation(Acting::root(input)).await.map_err(|e| Failure::of_call("create an invitation", &e))?;
    if json {
        return say_json(&made);
    }
    let for_people = is_terminal();
    if qr || for_people {
        say(&picture(made.link.expose())?);
    }
    say(made.link.expose());
    if for_people {
        say(&format!(
            "The link works once and expires in {}. On the device, run: tornado enroll 'LINK'",
            span(lifetime)
        ));
    }
    Ok(())
}

/// Renders a QR code with half-block characters, light on dark, as most terminals are dark.
fn picture(text: &str) -> Result<String, Failure> {
    let code = qrcode::QrCode::new(text).map_err(|e| Failure::failed(format!("cannot create a QR code: {e}")))?;
    Ok(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}
