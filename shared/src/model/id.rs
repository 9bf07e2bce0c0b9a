//! Identifiers: UUIDs that cannot be confused with each other.

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
            /// A new random identifier (UUID version 4, RFC 9562).
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
    /// A machine of a user; stable over logins.
    DeviceId
);
id!(
    /// One tunnel's life from connect to close.
    SessionId
);
impl SessionId {
    /// An identifier that sorts after every one this process made before (UUID version 7, RFC 9562). Sessions
    /// start in whole seconds; among those of one second the later is told by its identifier.
    #[must_use]
    pub fn next() -> Self {
        Self(Uuid::now_v7())
    }
}

id!(
    /// A chain of refresh tokens that came from one login.
    FamilyId
);
id!(
    /// An invitation.
    InvitationId
);
id!(
    /// A person who administers the server.
    OperatorId
);
