//! Security identifiers: users and groups.

use std::fmt;
use std::str::FromStr;

/// Maximum number of sub-authorities (`SID_MAX_SUB_AUTHORITIES`).
const MAX: usize = 15;

/// A security identifier (MS-DTYP §2.4.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid {
    /// Big-endian, 48 bits.
    authority: [u8; 6],
    count: u8,
    /// The first `count` are used, the others are zero.
    parts: [u32; MAX],
}

/// The text or the bytes are not a security identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a security identifier; it looks like S-1-5-21-1004336348-1177238915-682003330-1001 (`whoami /user`)")]
pub struct NotSid;

impl Sid {
    /// The null SID: no user. The identity of a caller that proved no other.
    pub const NULL: Self = Self::known(0, [0, 0], 1);
    /// Processes with a sign-in over the network.
    pub const NETWORK: Self = Self::known(5, [2, 0], 1);
    /// The account of services that belong to the system.
    pub const SYSTEM: Self = Self::known(5, [18, 0], 1);
    /// The group of administrators. A process has it only if it is elevated.
    pub const ADMINISTRATORS: Self = Self::known(5, [32, 544], 2);
    /// Every user.
    pub const EVERYONE: Self = Self::known(1, [0, 0], 1);

    const fn known(authority: u8, [first, second]: [u32; 2], count: u8) -> Self {
        let mut parts = [0; MAX];
        parts[0] = first;
        parts[1] = second;
        Self { authority: [0, 0, 0, 0, 0, authority], count, parts }
    }

    /// Reads the binary form. `bytes` may be longer than the identifier.
    ///
    /// # Errors
    /// If the revision is not 1, or bytes are missing.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotSid> {
        let ([1, count, authority @ ..], rest) = bytes.split_first_chunk::<8>().ok_or(NotSid)? else {
            return Err(NotSid);
        };
        let mut parts = [0; MAX];
        let used = parts.get_mut(..usize::from(*count)).ok_or(NotSid)?;
        let (values, _) = rest.as_chunks::<4>();
        if values.len() < used.len() {
            return Err(NotSid);
        }
        for (part, value) in used.iter_mut().zip(values) {
            *part = u32::from_le_bytes(*value);
        }
        Ok(Self { authority: *authority, count: *count, parts })
    }

    /// The binary form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![1, self.count];
        bytes.extend(self.authority);
        self.used().iter().for_each(|part| bytes.extend(part.to_le_bytes()));
        bytes
    }

    fn used(&self) -> &[u32] {
        self.parts.get(..usize::from(self.count)).unwrap_or_default()
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        write!(f, "S-1-{authority}")?;
        self.used().iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sid {
    type Err = NotSid;

    fn from_str(text: &str) -> Result<Self, NotSid> {
        // `u64` and `u32` also accept a plus sign.
        if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'S') {
            return Err(NotSid);
        }
        let mut numbers = text.strip_prefix("S-1-").ok_or(NotSid)?.split('-');
        let authority: u64 = numbers.next().and_then(|number| number.parse().ok()).ok_or(NotSid)?;
        let [0, 0, authority @ ..] = authority.to_be_bytes() else { return Err(NotSid) };
        let (mut parts, mut count) = ([0; MAX], 0_u8);
        for number in numbers {
            *parts.get_mut(usize::from(count)).ok_or(NotSid)? = number.parse().map_err(|_| NotSid)?;
            count += 1;
        }
        if count == 0 { Err(NotSid) } else { Ok(Self { authority, count, parts }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "S-1-5-21-1004336348-1177238915-682003330-1001";

    #[test]
    fn text_and_bytes_describe_the_same_identifier() {
        for text in [USER, "S-1-5-18", "S-1-0-0", "S-1-281474976710655-1-2-3-4-5-6-7-8-9-10-11-12-13-14-4294967295"] {
            let sid: Sid = text.parse().unwrap();
            assert_eq!(sid.to_string(), text);
            assert_eq!(Sid::from_bytes(&sid.to_bytes()), Ok(sid));
        }
        assert_eq!("S-1-5-18".parse(), Ok(Sid::SYSTEM));
        assert_eq!("S-1-5-32-544".parse(), Ok(Sid::ADMINISTRATORS));
        // The bytes of LocalSystem, as MS-DTYP shows them.
        assert_eq!(Sid::SYSTEM.to_bytes(), [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
    }

    #[test]
    fn invalid_text_and_bytes_are_refused() {
        let many = format!("S-1-5{}", "-1".repeat(16));
        for text in ["", "S-1-5", "S-1--18", "S-2-5-18", "S-1-5-+18", "S-1-5-18-", "S-1-5-4294967296", "SY", &many] {
            assert_eq!(text.parse::<Sid>(), Err(NotSid), "{text}");
        }
        assert_eq!("S-1-281474976710656-1".parse::<Sid>(), Err(NotSid), "49 bits");
        let bytes = USER.parse::<Sid>().unwrap().to_bytes();
        for length in 0..bytes.len() {
            assert_eq!(Sid::from_bytes(&bytes[..length]), Err(NotSid));
        }
        assert_eq!(Sid::from_bytes(&[[2, 1, 0, 0, 0, 0, 0, 5].as_slice(), &[0; 4]].concat()), Err(NotSid), "revision");
        assert_eq!(Sid::from_bytes(&[[1, 16, 0, 0, 0, 0, 0, 5].as_slice(), &[0; 64]].concat()), Err(NotSid), "length");
    }
}
