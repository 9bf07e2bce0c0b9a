//! Profiles and the second factor of an account.

use serde::{Deserialize, Serialize};

/// A server profile of this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The server's name or address, without the port.
    pub server: String,
    /// Name of the account.
    pub user: String,
    /// The sign-in is valid as far as the helper knows.
    pub is_signed_in: bool,
    /// It is the one that the tunnel uses.
    pub is_in_use: bool,
}

/// A QR code: dark modules as the data of an SVG path, on a square with a quiet zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qr {
    /// Width and height of the square, modules.
    pub size: usize,
    /// The path.
    pub path: String,
}

/// A new secret for an authenticator app. The account has no second factor until its first code has confirmed it.
#[derive(Clone, Serialize, Deserialize)]
pub struct FactorOffer {
    /// The secret in Base32, for manual entry.
    pub secret: String,
    /// The same for the camera; `None` if it is too long for a code.
    pub qr: Option<Qr>,
}

/// Level of redaction of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redaction {
    /// Names, identifiers and addresses are replaced.
    #[default]
    All,
    /// Addresses are replaced.
    Addresses,
    /// Nothing is replaced.
    None,
}
