//! The methods of the helper.

use crate::access::HelperCaller;
use crate::error::HelperError;
use crate::exclude::{ExcludeProgram, ExcludedPrograms, ReadmitProgram};
use crate::leaks::LeakReport;
use crate::model::{Connect, Devices, Enroll, Export, Exported, Login, RemoveDevice, SetLockdown, Status, SwitchLane};
use crate::profile::{AddProfile, Profiles, RenameProfile, SelectProfile};
use crate::split::{OpenPortal, Split};
use crate::support::Report;
use tornado_rpc::NoInput;
use tornado_shared::api::{
    ChooseExit, FirstCode, OwnSessions, OwnUsage, PasswordAgain, RecoveryCodes, SessionsQuery, TorView, TotpOffer,
};

/// Maximum size of a request body, bytes. The largest request, an enrolment, stays well below 2 kB.
const MAX_BODY: usize = 16 * 1024;

// 60 seconds suffice for a login over a slow link, and for a connect including its handshake.
tornado_rpc::contract! {
    /// The methods of the helper. All of them are idempotent.
    trait Helper, client HelperClient, error HelperError, callers HelperCaller {
        /// Redeems an invitation: pins the server's identity, creates or joins an account and registers this device.
        enroll(Enroll) -> Status = POST "/v1/enroll", within 60, up to MAX_BODY, for [User];
        /// Returns the profiles of this device. It contains no secrets.
        profiles(NoInput) -> Profiles = GET "/v1/profiles", within 60, up to 0, for [User];
        /// Enrols with another server and uses it. The profile in use before is kept, with its login.
        add_profile(AddProfile) -> Status = POST "/v1/profiles", within 60, up to MAX_BODY, for [User];
        /// Disconnects, then uses another profile.
        use_profile(SelectProfile) -> Status = PUT "/v1/profiles", within 60, up to MAX_BODY, for [User];
        /// Renames a profile, which may be in use.
        rename_profile(RenameProfile) -> Profiles = PATCH "/v1/profiles", within 60, up to MAX_BODY, for [User];
        /// Removes a profile that is not in use, and ends its login on the server if the server responds.
        remove_profile(SelectProfile) -> Profiles = DELETE "/v1/profiles", within 60, up to MAX_BODY, for [User];
        /// Logs in to the enrolled server.
        login(Login) -> Status = POST "/v1/login", within 60, up to MAX_BODY, for [User];
        /// Connects the tunnel. If it is already up, switches its lane.
        connect(Connect) -> Status = POST "/v1/connect", within 60, up to MAX_BODY, for [User];
        /// Switches the tunnel to another lane, make-before-break, within the same login and session. Fails with
        /// [`HelperError::NotConnected`] if there is no tunnel. If the switch fails, the tunnel stays on the old lane.
        switch_lane(SwitchLane) -> Status = POST "/v1/lane", within 60, up to MAX_BODY, for [User];
        /// Requests new circuits on the tor lane for this device's session. New connections use them.
        new_identity(NoInput) -> Status = POST "/v1/new-identity", within 60, up to MAX_BODY, for [User];
        /// Returns this device's exit, its circuit and the countries it may choose, as the server reports them now.
        /// Requires a login, but no tunnel.
        tor(NoInput) -> TorView = GET "/v1/tor", within 60, up to 0, for [User];
        /// Sets the country of this device's Tor exits. Requires a login, but no tunnel.
        choose_exit(ChooseExit) -> Status = PUT "/v1/tor/exit", within 60, up to MAX_BODY, for [User];
        /// Creates an exported device for the account. Requires the password, but no tunnel.
        export(Export) -> Exported = POST "/v1/export", within 60, up to MAX_BODY, for [User];
        /// Returns the account's usage and what is left of its quota. Requires a login, but no tunnel. The same holds
        /// for `sessions`, `devices` and `remove_device`.
        usage(NoInput) -> OwnUsage = GET "/v1/usage", within 60, up to 0, for [User];
        /// Returns a page of the account's sessions.
        sessions(SessionsQuery) -> OwnSessions = POST "/v1/sessions", within 60, up to MAX_BODY, for [User];
        /// Returns the account's devices.
        devices(NoInput) -> Devices = GET "/v1/devices", within 60, up to 0, for [User];
        /// Removes a device of the account, which may be this one. Returns the remaining devices.
        remove_device(RemoveDevice) -> Devices = DELETE "/v1/devices", within 60, up to MAX_BODY, for [User];
        /// Creates a secret for an authenticator app of the account. Requires a login, but no tunnel. Codes are
        /// required once the secret is confirmed.
        begin_totp(PasswordAgain) -> TotpOffer = POST "/v1/totp", within 60, up to MAX_BODY, for [User];
        /// Confirms the secret with its first code. Returns the recovery codes, once.
        confirm_totp(FirstCode) -> RecoveryCodes = PUT "/v1/totp", within 60, up to MAX_BODY, for [User];
        /// Removes the second factor of the account.
        end_totp(PasswordAgain) -> Status = DELETE "/v1/totp", within 60, up to MAX_BODY, for [User];
        /// Disconnects the tunnel and closes its session on the server.
        disconnect(NoInput) -> Status = POST "/v1/disconnect", within 60, up to MAX_BODY, for [User];
        /// Sets the lockdown policy. It is stored before traffic is blocked. `off` releases traffic even if it cannot
        /// be stored, and needs neither server nor login. The change applies to a tunnel that is up, too.
        set_lockdown(SetLockdown) -> Status = PUT "/v1/lockdown", within 60, up to MAX_BODY, for [User];
        /// Sets the networks that are reached outside the tunnel, in every state. DNS to them is rejected.
        set_split(Split) -> Status = PUT "/v1/split", within 60, up to MAX_BODY, for [User];
        /// Moves a process of the caller's user outside the tunnel, with the children that it starts later. Connections
        /// that it already has stay where they are. Fails with [`HelperError::Unsupported`] on a machine without
        /// control groups of version 2. The list is not stored: a process is excluded until it ends.
        exclude_program(ExcludeProgram) -> ExcludedPrograms = POST "/v1/excluded",
            within 60, up to MAX_BODY, for [User];
        /// Returns the excluded processes of the caller's user.
        excluded_programs(NoInput) -> ExcludedPrograms = GET "/v1/excluded", within 60, up to 0, for [User];
        /// Moves an excluded process of the caller's user back, as `exclude_program` does.
        readmit_program(ReadmitProgram) -> ExcludedPrograms = DELETE "/v1/excluded",
            within 60, up to MAX_BODY, for [User];
        /// Lets TCP to ports 80 and 443 of one address leave for 60 s, for the login page of a captive portal. A second
        /// call replaces the address and starts the time again.
        open_portal(OpenPortal) -> Status = PUT "/v1/portal", within 60, up to MAX_BODY, for [User];
        /// Checks, from the side of an ordinary program, whether traffic leaves outside the tunnel. It asks the
        /// enrolled server for the addresses that it sees, and no other host. Fails with
        /// [`HelperError::NotConnected`] if there is no tunnel.
        check_leaks(NoInput) -> LeakReport = POST "/v1/leaks", within 60, up to MAX_BODY, for [User];
        /// Disconnects the tunnel and ends the login.
        logout(NoInput) -> Status = POST "/v1/logout", within 60, up to MAX_BODY, for [User];
        /// Returns what the helper configured and the end of its log, for a person who helps. The caller redacts it.
        report(NoInput) -> Report = GET "/v1/report", within 60, up to 0, for [User];
        /// Returns the current state.
        status(NoInput) -> Status = GET "/v1/status", within 60, up to 0, for [User];
    }
    streams {
        /// Yields the current state and each later change; counters change at most once a second. Ends when the helper
        /// stops.
        events() -> Status = EVENTS "/v1/status/stream", for [User];
    }
}
