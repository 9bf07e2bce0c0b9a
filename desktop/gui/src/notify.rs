//! Notifications over the session bus (freedesktop.org, Desktop Notifications Specification).

use std::collections::HashMap;
use tokio::sync::Mutex;
use zbus::zvariant::Value;

/// Longest title or text that is shown, characters.
const LONGEST: usize = 500;
/// The service that shows notifications, its object and its interface.
const SERVICE: &str = "org.freedesktop.Notifications";
const OBJECT: &str = "/org/freedesktop/Notifications";

/// The latest notification, which the next one replaces.
#[derive(Debug, Default)]
pub struct Notifier(Mutex<u32>);

impl Notifier {
    /// Shows a notification. It replaces the one before, so that they do not pile up.
    ///
    /// # Errors
    ///
    /// The desktop has no session bus, or no service for notifications.
    pub async fn show(&self, title: &str, text: &str) -> zbus::Result<()> {
        let mut latest = self.0.lock().await;
        let bus = zbus::Connection::session().await?;
        let (title, text) = (cut(title), escaped(&cut(text)));
        let hints: HashMap<&str, Value<'_>> = HashMap::from([("urgency", Value::U8(1))]);
        let actions: [&str; 0] = [];
        // -1: the service decides how long it stays.
        let body = ("Tornado VPN", *latest, "org.tornado.client", title, text, actions.as_slice(), hints, -1_i32);
        let reply = bus.call_method(Some(SERVICE), OBJECT, Some(SERVICE), "Notify", &body).await?;
        *latest = reply.body().deserialize()?;
        Ok(())
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// The text of a notification may contain markup, which ours does not.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_as_they_are() {
        assert_eq!(escaped("<b>a & b"), "&lt;b&gt;a &amp; b");
        assert_eq!(cut(&"ä".repeat(900)).chars().count(), LONGEST);
    }
}
