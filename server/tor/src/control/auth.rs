//! SAFECOOKIE authentication (control-spec §3.24): each side proves that it knows the cookie without sending it.

use super::error::ControlError;
use super::words::Words;
use data_encoding::HEXUPPER_PERMISSIVE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const SERVER: &[u8] = b"Tor safe cookie authentication server-to-controller hash";
const CONTROLLER: &[u8] = b"Tor safe cookie authentication controller-to-server hash";

/// Length in bytes of the cookie and of each nonce.
pub(crate) const LENGTH: usize = 32;

/// The shared cookie and our nonce.
pub(crate) struct Challenge {
    pub(crate) cookie: [u8; LENGTH],
    pub(crate) nonce: [u8; LENGTH],
}

impl Challenge {
    /// The command that requests Tor's proof.
    pub(crate) fn command(&self) -> String {
        format!("AUTHCHALLENGE SAFECOOKIE {}", HEXUPPER_PERMISSIVE.encode(&self.nonce))
    }

    /// Verifies Tor's proof and returns the command with our proof.
    pub(crate) fn respond(&self, reply: &str) -> Result<String, ControlError> {
        let words = Words::of(reply);
        let bytes = |key: &str| words.get(key).and_then(|hex| HEXUPPER_PERMISSIVE.decode(hex.as_bytes()).ok());
        let (Some(hash), Some(nonce)) = (bytes("SERVERHASH"), bytes("SERVERNONCE")) else {
            return Err(ControlError::Protocol("the response to the challenge has no hash or no nonce"));
        };
        if nonce.len() != LENGTH {
            return Err(ControlError::Protocol("the server nonce has the wrong length"));
        }
        self.mac(SERVER, &nonce)?.verify_slice(&hash).map_err(|_| ControlError::NotTor)?;
        let proof = self.mac(CONTROLLER, &nonce)?.finalize().into_bytes();
        Ok(format!("AUTHENTICATE {}", HEXUPPER_PERMISSIVE.encode(&proof)))
    }

    fn mac(&self, key: &[u8], server_nonce: &[u8]) -> Result<Hmac<Sha256>, ControlError> {
        let mac = Hmac::<Sha256>::new_from_slice(key);
        let mut mac = mac.map_err(|_| ControlError::Protocol("a key has the wrong length"))?;
        mac.update(&self.cookie);
        mac.update(&self.nonce);
        mac.update(server_nonce);
        Ok(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn challenge() -> Challenge {
        Challenge { cookie: [1; LENGTH], nonce: [2; LENGTH] }
    }

    fn reply(challenge: &Challenge, nonce: &[u8]) -> String {
        let hash = challenge.mac(SERVER, nonce).unwrap().finalize().into_bytes();
        let hex = |bytes: &[u8]| HEXUPPER_PERMISSIVE.encode(bytes);
        format!("AUTHCHALLENGE SERVERHASH={} SERVERNONCE={}", hex(&hash), hex(nonce))
    }

    #[test]
    fn both_sides_prove_the_cookie() {
        let good = reply(&challenge(), &[3; LENGTH]);
        assert!(challenge().respond(&good).unwrap().starts_with("AUTHENTICATE "));
        let other = Challenge { cookie: [9; LENGTH], nonce: [2; LENGTH] };
        assert!(matches!(other.respond(&good), Err(ControlError::NotTor)));
        assert!(challenge().respond(&reply(&challenge(), &[3; 8])).is_err());
        assert!(challenge().respond("AUTHCHALLENGE").is_err());
    }

    proptest! {
        #[test]
        fn only_a_valid_proof_is_accepted(text in any::<String>(), hash in "[0-9A-F]{64}", nonce in "[0-9A-F]{64}") {
            prop_assert!(challenge().respond(&text).is_err());
            let forged = format!("AUTHCHALLENGE SERVERHASH={hash} SERVERNONCE={nonce}");
            prop_assert!(challenge().respond(&forged).is_err());
        }
    }
}
