//! One-time codes: 128 random bits, shown once, stored as a hash.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};
use tornado_shared::model::Secret;
use tornado_store::identity::Hash;

/// Purpose of a code. It is part of the hash, so a code of one kind is never accepted as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// Enrols a device.
    Invitation,
    /// Creates the first operator.
    Setup,
    /// Replaces one authenticator code, once.
    Recovery,
    /// Identifies an operator's sign-in.
    SignIn,
    /// Lets a program act on behalf of an operator.
    ApiToken,
}

impl CodeKind {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Invitation => b"tornado-vpn invitation\0",
            Self::Setup => b"tornado-vpn setup\0",
            Self::Recovery => b"tornado-vpn recovery\0",
            Self::SignIn => b"tornado-vpn sign-in\0",
            Self::ApiToken => b"tornado-vpn api token\0",
        }
    }
}

/// Encodes 16 random bytes as a code of 26 letters and digits (Base32).
pub fn write(random: &[u8; 16]) -> Secret {
    Secret::new(BASE32_NOPAD.encode(random))
}

/// Hash of a code as typed: case, spaces and hyphens are ignored.
pub fn hash(kind: CodeKind, code: &Secret) -> Hash {
    let mut hash = Sha256::new();
    hash.update(kind.label());
    for byte in code.expose().bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'-') {
        hash.update([byte.to_ascii_uppercase()]);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_matter_but_the_kind_does() {
        let code = write(&[7; 16]);
        assert_eq!(code.expose().len(), 26);
        let typed = Secret::new(format!(" {}-{} ", code.expose()[..10].to_lowercase(), &code.expose()[10..]));
        assert_eq!(hash(CodeKind::Setup, &code), hash(CodeKind::Setup, &typed));
        assert_ne!(hash(CodeKind::Setup, &code), hash(CodeKind::Invitation, &code));
    }
}
