//! WireGuard keys: 32 bytes, as text 44 characters of standard base64, as `wg(8)` prints them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Reasons for which a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not standard base64 of exactly 32 bytes.
    #[error("a WireGuard key must be 32 bytes in standard base64 (44 characters ending in '=')")]
    Encoding,
    /// The encoding is not the canonical one. The same point has other encodings, but only one identifies the key.
    #[error("the public key is not in canonical form")]
    NotCanonical,
    /// A point of small order: a shared secret computed with it would be public.
    #[error("the public key is a point of small order and provides no secrecy")]
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

/// All encodings of points of small order, least significant byte first: 0, 1, the two of order 8, p − 1, p and p + 1.
/// A list is used because a trial exchange for each of many thousand peers would take seconds.
const SMALL_ORDER: [[u8; 32]; 7] = [
    near_zero(0),
    near_zero(1),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
        0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    near_p(0xec),
    near_p(0xed),
    near_p(0xee),
];

const fn near_zero(low: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = low;
    bytes
}

const fn near_p(low: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = low;
    bytes[31] = 0x7f;
    bytes
}

/// The public key of a WireGuard key pair: a Curve25519 point (RFC 7748).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Parses 32 bytes, a little-endian u-coordinate.
    ///
    /// # Errors
    /// [`KeyError::SmallOrder`] for a point of small order, with which every shared secret is zero (RFC 7748 §6.1);
    /// [`KeyError::NotCanonical`] for every encoding of a point except the reduced one.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let mut coordinate = bytes;
        coordinate[31] &= 0x7f;
        if SMALL_ORDER.contains(&coordinate) {
            return Err(KeyError::SmallOrder);
        }
        // RFC 7748 §5 ignores the top bit and reduces modulo 2^255 - 19, so a point has several encodings. Here they
        // would be several keys, but a WireGuard implementation treats them as one.
        let is_reduced = bytes[31] != 0x7f || bytes[0] < 0xed || bytes[1..31].iter().any(|byte| *byte != 0xff);
        if bytes != coordinate || !is_reduced {
            return Err(KeyError::NotCanonical);
        }
        Ok(Self(bytes))
    }

    /// The 32 bytes of the key.
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

serde_as_text!(PublicKey);

macro_rules! secret_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Creates the key from 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 secret bytes.
            #[must_use]
            pub const fn expose(&self) -> &[u8; 32] {
                &self.0
            }

            /// The key in standard base64, for files and contracts that must carry the secret.
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
    /// The private key of a WireGuard key pair. Zeroised on drop; `Debug` does not print it.
    PrivateKey
);
secret_key!(
    /// A WireGuard preshared key. It is mixed into the handshake, so a recorded handshake stays secret even if X25519
    /// is broken later. Zeroised on drop; `Debug` does not print it.
    PresharedKey
);

impl PrivateKey {
    /// Generates a key from the operating system's random numbers.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The public key of the pair.
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
    fn public_keys_are_validated() {
        assert_eq!("".parse::<PublicKey>(), Err(KeyError::Encoding));
        assert_eq!("a".repeat(44).parse::<PublicKey>(), Err(KeyError::Encoding));
        let zero = STANDARD.encode([0u8; 32]);
        assert_eq!(zero.parse::<PublicKey>(), Err(KeyError::SmallOrder));
        let newline = format!("{}\n", &STANDARD.encode([9u8; 32])[..43]);
        assert_eq!(newline.parse::<PublicKey>(), Err(KeyError::Encoding));
    }

    #[test]
    fn the_list_of_weak_points_is_right() {
        let exchange = |bytes: [u8; 32]| {
            let probe = x25519_dalek::StaticSecret::from([0x55; 32]);
            probe.diffie_hellman(&x25519_dalek::PublicKey::from(bytes)).was_contributory()
        };
        for mut bytes in SMALL_ORDER {
            assert!(!exchange(bytes), "{bytes:02x?}");
            bytes[31] |= 0x80;
            assert_eq!(PublicKey::from_bytes(bytes), Err(KeyError::SmallOrder));
            bytes[0] ^= 0x40;
            bytes[31] &= 0x7f;
            assert!(exchange(bytes) && PublicKey::from_bytes(bytes) != Err(KeyError::SmallOrder), "{bytes:02x?}");
        }
    }

    #[test]
    fn another_spelling_of_a_key_is_the_same_key() {
        let key = *PrivateKey::random().public_key().as_bytes();
        assert!(PublicKey::from_bytes(key).is_ok());
        let mut high = key;
        high[31] |= 0x80;
        assert_eq!(PublicKey::from_bytes(high), Err(KeyError::NotCanonical));
        // 9 + p encodes the same point as 9.
        let (nine, mut unreduced) = (near_zero(9), near_p(0xed + 9));
        assert!(PublicKey::from_bytes(nine).is_ok());
        assert_eq!(PublicKey::from_bytes(unreduced), Err(KeyError::NotCanonical));
        unreduced[17] = 0xfe;
        assert!(PublicKey::from_bytes(unreduced).is_ok());
    }

    #[test]
    fn secrets_print_nothing() {
        let key = PresharedKey::from_bytes([7; 32]);
        assert_eq!(format!("{key:?}"), "PresharedKey(…)");
    }
}
