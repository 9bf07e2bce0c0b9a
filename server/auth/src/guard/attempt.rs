//! Sources and targets of attempts, and the axes on which they are counted.

use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use tornado_shared::model::{Origin, UserId, Username};

/// Identifies an account, or one of its devices, by a hash. Names that do not exist are counted like names that do.
pub type AccountTag = [u8; 16];

/// Source that proved an account's password earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Trust {
    /// A device; the tag identifies account and device.
    Device(AccountTag),
    Address(AccountTag, Origin),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Axis {
    Network(Origin),
    /// An owner who confirms the password with a valid token. Separate, so that a token holder does not slow down
    /// logins.
    Own(AccountTag),
    Account(AccountTag),
    /// An account, from a device or address that proved its password earlier.
    Trusted(Trust),
    /// Second factor codes of an account, from other sources.
    Codes(AccountTag),
    /// Second factor codes, from a device or address that proved the password earlier.
    TrustedCodes(Trust),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Address(IpAddr),
    Own(AccountTag),
}

/// The source and target of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    pub(super) source: Source,
    pub(super) account: Option<AccountTag>,
    /// Identifies the device, if it logged in to this account earlier.
    pub(super) device: Option<AccountTag>,
    /// Set when the attempt begins: the sources that proved the password earlier. Such an attempt is counted
    /// separately.
    pub(super) trusts: [Option<Trust>; 2],
}

impl Attempt {
    /// An attempt from an address, on an account if one is named.
    #[must_use]
    pub const fn new(address: IpAddr, account: Option<AccountTag>) -> Self {
        Self { source: Source::Address(address), account, device: None, trusts: [None, None] }
    }

    /// An attempt by a token holder to confirm the account's password.
    #[must_use]
    pub const fn own(account: AccountTag) -> Self {
        Self { source: Source::Own(account), account: None, device: None, trusts: [None, None] }
    }

    /// The same attempt from a device that logged in to the account earlier. The tag identifies account and device.
    #[must_use]
    pub const fn by_device(self, device: Option<AccountTag>) -> Self {
        Self { device, ..self }
    }

    pub(super) fn is_trusted(self) -> bool {
        self.trusts.iter().any(Option::is_some)
    }

    pub(super) fn trusts(self) -> impl Iterator<Item = Trust> {
        self.trusts.into_iter().flatten()
    }

    /// The networks around the address, each with the factor of its limit.
    pub(super) fn networks(self) -> impl Iterator<Item = (Axis, usize)> {
        let address = match self.source {
            Source::Address(address) => Some(address),
            Source::Own(_) => None,
        };
        address.into_iter().flat_map(Origin::steps).map(|(origin, factor)| (Axis::Network(origin), factor))
    }

    /// All axes on which the attempt runs, each with the factor of its limit.
    pub(super) fn axes(self) -> impl Iterator<Item = (Axis, usize)> {
        let own = match self.source {
            Source::Address(_) => None,
            Source::Own(account) => Some((Axis::Own(account), 1)),
        };
        let networks = self.networks().filter(move |_| !self.is_trusted());
        networks.chain(own).chain(self.trusts().map(|trust| (Axis::Trusted(trust), 1)))
    }

    /// The axis that counts failures of all untrusted sources at the account.
    pub(super) fn shared_account(self) -> Option<Axis> {
        self.account.filter(|_| !self.is_trusted()).map(Axis::Account)
    }

    pub(super) fn codes(self) -> impl Iterator<Item = Axis> {
        let shared = self.account.filter(|_| !self.is_trusted()).map(Axis::Codes);
        shared.into_iter().chain(self.trusts().map(Axis::TrustedCodes))
    }
}

/// Tag of an account's name or e-mail address in normal form. It does not depend on the account itself: counters, and
/// so the visible behaviour, are the same whether or not the account exists.
pub fn account_tag(normal: &str) -> AccountTag {
    cut(Sha256::new().chain_update(b"account\0").chain_update(normal))
}

/// Tag of a device of an account.
pub fn device_tag(user: UserId, key: &[u8; 32]) -> AccountTag {
    cut(Sha256::new().chain_update(b"device\0").chain_update(user.0).chain_update(key))
}

/// Tag of an operator, separate from the tags of users' names.
pub fn operator_tag(name: &Username) -> AccountTag {
    account_tag(&format!("operator\0{name}"))
}

fn cut(hash: Sha256) -> AccountTag {
    let digest: [u8; 32] = hash.finalize().into();
    let mut tag = AccountTag::default();
    tag.copy_from_slice(&digest[..16]);
    tag
}
