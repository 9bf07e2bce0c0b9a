//! The window as a screen reader has it: objects of AT-SPI 2 on the accessibility bus.

use anyhow::Context as _;
use zbus::Connection;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};

const BUS: &str = "org.a11y.Bus";
const REGISTRY: &str = "org.a11y.atspi.Registry";
const ROOT: &str = "/org/a11y/atspi/accessible/root";
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// The largest number of objects that are read.
const MOST: usize = 4000;

/// An object: what it is, and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its role, a number of `atspi-constants.h`: WebKit does not report the name.
    pub role: u32,
    /// What a screen reader says for it.
    pub name: String,
}

/// Switches accessibility on, as a screen reader does, before the program starts. Returns the bus.
///
/// # Errors
///
/// The session has no accessibility bus.
pub async fn bus(session: &Connection) -> anyhow::Result<Connection> {
    let enabled = ("org.a11y.Status", "IsEnabled", zbus::zvariant::Value::Bool(true));
    session.call_method(Some(BUS), "/org/a11y/bus", Some(PROPERTIES), "Set", &enabled).await?;
    let reply = session.call_method(Some(BUS), "/org/a11y/bus", Some(BUS), "GetAddress", &()).await?;
    let address: String = reply.body().deserialize()?;
    Ok(zbus::connection::Builder::address(address.as_str())?.build().await?)
}

/// All objects of all programs, each after its parent.
///
/// # Errors
///
/// The registry does not respond.
pub async fn objects(bus: &Connection) -> anyhow::Result<Vec<Object>> {
    let mut left = children(bus, REGISTRY, ROOT).await.context("the registry")?;
    left.reverse();
    let mut found = Vec::new();
    while let Some((owner, path)) = left.pop() {
        // An object can end while it is read.
        let Ok(object) = read(bus, &owner, path.as_str()).await else { continue };
        found.push(object);
        let mut more = children(bus, &owner, path.as_str()).await.unwrap_or_default();
        more.reverse();
        left.extend(more);
        if found.len() >= MOST {
            break;
        }
    }
    Ok(found)
}

/// The children of an object. One by one: `GetChildren` of GTK leaves out the web view, which is in another process.
async fn children(bus: &Connection, owner: &str, path: &str) -> anyhow::Result<Vec<(String, OwnedObjectPath)>> {
    let count: i32 = property(bus, owner, path, "ChildCount").await?.try_into()?;
    let mut found = Vec::new();
    for index in 0..count {
        let reply = bus.call_method(Some(owner), path, Some(ACCESSIBLE), "GetChildAtIndex", &index).await?;
        found.push(reply.body().deserialize()?);
    }
    Ok(found)
}

async fn property(bus: &Connection, owner: &str, path: &str, name: &str) -> anyhow::Result<OwnedValue> {
    let reply = bus.call_method(Some(owner), path, Some(PROPERTIES), "Get", &(ACCESSIBLE, name)).await?;
    Ok(reply.body().deserialize()?)
}

async fn read(bus: &Connection, owner: &str, path: &str) -> anyhow::Result<Object> {
    let name: String = property(bus, owner, path, "Name").await?.try_into()?;
    let reply = bus.call_method(Some(owner), path, Some(ACCESSIBLE), "GetRole", &()).await?;
    Ok(Object { role: reply.body().deserialize()?, name })
}
