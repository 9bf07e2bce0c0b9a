//! What the helper does.

use crate::{
    Connect, Devices, Enroll, Export, Exported, HelperCaller, HelperError, Login, RemoveDevice, Status, SwitchLane,
};
use tornado_rpc::NoInput;
use tornado_shared::api::{ChooseExit, OwnSessions, OwnUsage, SessionsQuery, TorView};

/// Largest request body, bytes: an enrolment has well under 2 kB.
const MAX_BODY: usize = 16 * 1024;

// 60 seconds are enough for a login over a slow line, or a connect with its handshake.
tornado_rpc::contract! {
    /// What the helper does. Every method is safe to repeat.
    trait Helper, client HelperClient, error HelperError, callers HelperCaller {
        /// Redeems an invitation: pins the server, makes or joins an account, registers this device.
        enroll(Enroll) -> Status = POST "/v1/enroll", within 60, up to MAX_BODY, for [User];
        /// Logs in to the enrolled server.
        login(Login) -> Status = POST "/v1/login", within 60, up to MAX_BODY, for [User];
        /// Brings the tunnel up, or switches its lane.
        connect(Connect) -> Status = POST "/v1/connect", within 60, up to MAX_BODY, for [User];
        /// Moves the tunnel that is up to another lane, make-before-break and within the same login and session. Fails with
        /// [`HelperError::NotConnected`] without a tunnel; on every failure to switch the old lane is kept.
        switch_lane(SwitchLane) -> Status = POST "/v1/lane", within 60, up to MAX_BODY, for [User];
        /// Has the server give this device's session new circuits on the tor lane, for what begins from then on.
        new_identity(NoInput) -> Status = POST "/v1/new-identity", within 60, up to MAX_BODY, for [User];
        /// This device's exit, circuit and the countries it may choose, as the server says now. Needs a login, no tunnel.
        tor(NoInput) -> TorView = GET "/v1/tor", within 60, up to 0, for [User];
        /// Chooses the country in which this device leaves Tor. Needs a login, no tunnel.
        choose_exit(ChooseExit) -> Status = PUT "/v1/tor/exit", within 60, up to MAX_BODY, for [User];
        /// Makes a device of the account that is an ordinary WireGuard app. Needs the password, no tunnel.
        export(Export) -> Exported = POST "/v1/export", within 60, up to MAX_BODY, for [User];
        /// What the account moved, and what is left of its quota. Needs a login, no tunnel; so do the three below.
        usage(NoInput) -> OwnUsage = GET "/v1/usage", within 60, up to 0, for [User];
        /// A page of the account's connections.
        sessions(SessionsQuery) -> OwnSessions = POST "/v1/sessions", within 60, up to MAX_BODY, for [User];
        /// The account's devices.
        devices(NoInput) -> Devices = GET "/v1/devices", within 60, up to 0, for [User];
        /// Removes a device of the account, also this one. Returns what is left.
        remove_device(RemoveDevice) -> Devices = DELETE "/v1/devices", within 60, up to MAX_BODY, for [User];
        /// Takes the tunnel down and tells the server.
        disconnect(NoInput) -> Status = POST "/v1/disconnect", within 60, up to MAX_BODY, for [User];
        /// Takes the tunnel down and ends the login.
        logout(NoInput) -> Status = POST "/v1/logout", within 60, up to MAX_BODY, for [User];
        /// The state now.
        status(NoInput) -> Status = GET "/v1/status", within 60, up to 0, for [User];
    }
    streams {
        /// The state now and each time it changes; counters once a second. Ends when the helper stops.
        events() -> Status = EVENTS "/v1/status/stream", for [User];
    }
}
