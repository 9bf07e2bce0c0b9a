//! A software authenticator (WebAuthn Level 2) with one ES256 key and attestation "none".

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

const USER_PRESENT: u8 = 0b0000_0001;
const USER_VERIFIED: u8 = 0b0000_0100;
/// The authenticator data contain a new credential.
const ATTESTED: u8 = 0b0100_0000;

/// The authenticator of one person.
pub struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    user: String,
    counter: u32,
    random: SystemRandom,
}

fn hash(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}

fn text(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn client_data(kind: &str, challenge: &Value, origin: &str) -> Vec<u8> {
    json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false }).to_string().into_bytes()
}

/// A byte string of CBOR (RFC 8949) of up to 65,535 bytes.
fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0x59, high, low], bytes].concat()
}

impl Authenticator {
    /// Creates a credential for these options of `navigator.credentials.create`.
    pub fn create(options: &Value, origin: &str) -> (Self, Value) {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let options = &options["publicKey"];
        let point = key.public_key().as_ref().to_vec();
        let id = hash(&point)[..16].to_vec();
        let (x, y) = (&point[1..33], &point[33..65]);
        // {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
        let cose = [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32], x, &[0x22, 0x58, 32], y].concat();
        let relying_party = hash(options["rp"]["id"].as_str().unwrap().as_bytes());
        let flags = [USER_PRESENT | USER_VERIFIED | ATTESTED];
        let data = [relying_party.as_slice(), &flags, &[0; 4], &[0; 16], &[0, 16], &id, &cose].concat();
        let attestation = [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData".as_slice(), &cbor_bytes(&data)].concat();
        let client = client_data("webauthn.create", &options["challenge"], origin);
        let credential = json!({
            "id": text(&id), "rawId": text(&id), "type": "public-key", "extensions": {},
            "response": { "attestationObject": text(&attestation), "clientDataJSON": text(&client) },
        });
        let user = options["user"]["id"].as_str().unwrap().to_owned();
        (Self { key, id, user, counter: 0, random }, credential)
    }

    /// Answers these options of `navigator.credentials.get` after it verified its user.
    pub fn get(&mut self, options: &Value, origin: &str) -> Value {
        self.sign(options, origin, USER_PRESENT | USER_VERIFIED)
    }

    /// The same, without a verification of its user.
    pub fn get_unverified(&mut self, options: &Value, origin: &str) -> Value {
        self.sign(options, origin, USER_PRESENT)
    }

    fn sign(&mut self, options: &Value, origin: &str, flags: u8) -> Value {
        let options = &options["publicKey"];
        self.counter += 1;
        let relying_party = hash(options["rpId"].as_str().unwrap().as_bytes());
        let data = [relying_party.as_slice(), &[flags], &self.counter.to_be_bytes()].concat();
        let client = client_data("webauthn.get", &options["challenge"], origin);
        let signature = self.key.sign(&self.random, &[data.as_slice(), &hash(&client)].concat()).unwrap();
        json!({
            "id": text(&self.id), "rawId": text(&self.id), "type": "public-key", "extensions": {},
            "response": {
                "authenticatorData": text(&data), "clientDataJSON": text(&client),
                "signature": text(signature.as_ref()), "userHandle": self.user,
            },
        })
    }
}
