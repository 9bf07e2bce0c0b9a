//! Identifiers: UUIDs of distinct types, which cannot be confused.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Generates a random identifier (UUID version 4, RFC 9562).
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map(Self)
            }
        }
    };
}

id!(
    /// A person with an account.
    UserId
);
id!(
    /// A device of a user; stable across logins.
    DeviceId
);
id!(
    /// A session: one tunnel's life from connect to close.
    SessionId
);
impl SessionId {
    /// Generates an identifier that sorts after all identifiers this process generated before (UUID version 7, RFC
    /// 9562). Sessions start in whole seconds; the identifier orders those of the same second.
    #[must_use]
    pub fn next() -> Self {
        Self(Uuid::now_v7())
    }
}

id!(
    /// A chain of refresh tokens that began with one login.
    FamilyId
);
id!(
    /// An invitation.
    InvitationId
);
id!(
    /// An operator of the server.
    OperatorId
);
