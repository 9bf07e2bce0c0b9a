//! WireGuard keys: 32 bytes, standard base64 of 44 characters, as `wg(8)` prints them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not standard base64 of exactly 32 bytes.
    #[error("a WireGuard key is 32 bytes in standard base64 (44 characters ending in '=')")]
    Encoding,
    /// A point of small order: a shared secret made with it would be known to everybody.
    #[error("this public key is a point of small order and would give no secrecy")]
    SmallOrder,
}

fn decode(text: &str) -> Result<[u8; 32], KeyError> {
    if text.len() != 44 {
        return Err(KeyError::Encoding);
    }
    let mut bytes = STANDARD.decode(text).map_err(|_| KeyError::Encoding)?;
    let out = bytes.as_slice().try_into().map_err(|_| KeyError::Encoding);
    bytes.zeroize();
    out
}

/// The public half of a WireGuard key pair: a Curve25519 point (RFC 7748).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Takes 32 bytes, little-endian u-coordinate. Refuses points of small order
    /// ([`KeyError::SmallOrder`]), with which every shared secret is zero (RFC 7748 §6.1).
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let probe = x25519_dalek::StaticSecret::from([0x55; 32]);
        let shared = probe.diffie_hellman(&x25519_dalek::PublicKey::from(bytes));
        if shared.was_contributory() { Ok(Self(bytes)) } else { Err(KeyError::SmallOrder) }
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(decode(s)?)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}…)", &STANDARD.encode(self.0)[..8])
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! secret_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 secret bytes.
            #[must_use]
            pub const fn expose(&self) -> &[u8; 32] {
                &self.0
            }

            /// Standard base64, for files and contracts that must carry the secret.
            #[must_use]
            pub fn expose_base64(&self) -> String {
                STANDARD.encode(self.0)
            }
        }

        impl FromStr for $name {
            type Err = KeyError;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                decode(s).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.expose_base64())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

secret_key!(
    /// The secret half of a WireGuard key pair. Wiped when dropped; prints nothing.
    PrivateKey
);
secret_key!(
    /// A WireGuard preshared key: mixed into the handshake, so a recorded handshake stays safe
    /// should X25519 fall one day. Wiped when dropped; prints nothing.
    PresharedKey
);

impl PrivateKey {
    /// A new key from the operating system's random numbers.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        let secret = x25519_dalek::StaticSecret::from(self.0);
        PublicKey(*x25519_dalek::PublicKey::from(&secret).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let private = PrivateKey::random();
        let public = private.public_key();
        assert_eq!(public.to_string().parse(), Ok(public));
        assert_eq!(private.expose_base64().parse(), Ok(private));
    }

    #[test]
    fn defect_012_public_keys_are_checked() {
        assert_eq!("".parse::<PublicKey>(), Err(KeyError::Encoding));
        assert_eq!("a".repeat(44).parse::<PublicKey>(), Err(KeyError::Encoding));
        let zero = STANDARD.encode([0u8; 32]);
        assert_eq!(zero.parse::<PublicKey>(), Err(KeyError::SmallOrder));
        let newline = format!("{}\n", &STANDARD.encode([9u8; 32])[..43]);
        assert_eq!(newline.parse::<PublicKey>(), Err(KeyError::Encoding));
    }

    #[test]
    fn secrets_print_nothing() {
        let key = PresharedKey::from_bytes([7; 32]);
        assert_eq!(format!("{key:?}"), "PresharedKey(…)");
    }
}
