//! Fakes of services: a test implements the calls that it expects, every other call fails.

use async_trait::async_trait;
use std::sync::Arc;
use tornado_contracts::UserTrafficPolicy;
use tornado_contracts::auth::operators::*;
use tornado_contracts::auth::users::*;
use tornado_contracts::auth::*;
use tornado_contracts::session::*;
use tornado_contracts::token::VerifyingKey;
use tornado_contracts::tor::*;
use tornado_contracts::wg::*;
use tornado_rpc::{Done, Fault, NoInput};
use tornado_shared::api::{LoginReply, OwnUsage, Profile, RecoveryCodes, ServerInfo, Tokens, TorView, TotpOffer};

/// A service of which a test implements only some calls.
#[derive(Debug)]
pub struct Scripted<T>(pub Arc<T>);

macro_rules! calls {
    ($calls:ident of $contract:ident, error $error:ty { $($method:ident($input:ty) -> $output:ty,)+ }) => {
        #[doc = concat!("The calls of [`", stringify!($contract), "`]; those that a test does not implement fail.")]
        #[async_trait]
        pub trait $calls: Send + Sync + 'static {
            $(
                #[doc = concat!("See [`", stringify!($contract), "::", stringify!($method), "`].")]
                ///
                /// # Errors
                ///
                /// Fails unless a test implements it.
                async fn $method(&self, _: $input) -> Result<$output, $error> {
                    Err(Fault::Forbidden(concat!("no test expects ", stringify!($method)).into()).into())
                }
            )+
        }

        #[async_trait]
        impl<T: $calls> $contract for Scripted<T> {
            $(
                async fn $method(&self, input: $input) -> Result<$output, $error> {
                    $calls::$method(&*self.0, input).await
                }
            )+
        }
    };
}

calls! {
    AuthCalls of Auth, error AuthError {
        server_info(NoInput) -> ServerInfo,
        open_login(OpenLogin) -> LoginReply,
        refresh(RefreshToken) -> Tokens,
        logout(RefreshToken) -> Done,
        whoami(AccessToken) -> Profile,
        authorize(Authorize) -> Grant,
        verifying_keys(NoInput) -> Vec<VerifyingKey>,
        traffic_policies(NoInput) -> Vec<UserTrafficPolicy>,
        attest_tls(AttestTls) -> Done,
        create_invitation(Acting<CreateInvitation>) -> InvitationLink,
        setup_link(NoInput) -> SetupLink,
        redeem_setup(RedeemSetup) -> SignedIn,
        put_operator(PutOperator) -> Operator,
    }
}

calls! {
    OperatorsCalls of Operators, error AuthError {
        sign_in(SignIn) -> SignedIn,
        sign_out(Acting<NoInput>) -> Done,
        confirm_sign_in(Acting<ConfirmPassword>) -> Done,
        whoami(Acting<NoInput>) -> Standing,
        check(Acting<CheckRight>) -> Operator,
        list_operators(Acting<NoInput>) -> Vec<Operator>,
        put_operator_role(Acting<PutOperatorRole>) -> Operator,
        remove_operator(Acting<OperatorRef>) -> Done,
        list_sign_ins(Acting<NoInput>) -> Vec<SignInView>,
        revoke_sign_in(Acting<SignInRef>) -> Done,
        begin_totp(Acting<ConfirmPassword>) -> TotpOffer,
        confirm_totp(Acting<ConfirmTotp>) -> RecoveryCodes,
        end_totp(Acting<ConfirmPassword>) -> Done,
    }
}

calls! {
    UsersCalls of Users, error AuthError {
        create_user(Acting<CreateUser>) -> UserInfo,
        update_user(Acting<UpdateUser>) -> UserInfo,
        delete_user(Acting<UserRef>) -> Done,
        show_user(Acting<UserRef>) -> UserInfo,
        list_users(Acting<UserQuery>) -> UserPage,
        list_devices(Acting<UserRef>) -> Vec<DeviceInfo>,
        remove_device(Acting<DeviceRef>) -> Done,
        export_device(Acting<ExportDevice>) -> ExportedDevice,
        revoke_user(Acting<UserRef>) -> Done,
        update_own(OwnAct<UpdateOwn>) -> Done,
        change_own_password(OwnAct<ChangePassword>) -> Done,
        own_devices(OwnAct<Nothing>) -> Vec<DeviceInfo>,
        remove_own_device(OwnAct<DeviceRef>) -> Done,
        begin_own_totp(OwnAct<OwnPassword>) -> TotpOffer,
        confirm_own_totp(OwnAct<TotpCode>) -> RecoveryCodes,
        end_own_totp(OwnAct<OwnPassword>) -> Done,
    }
}

calls! {
    SessionsCalls of Sessions, error SessionError {
        connect(Connect) -> Connected,
        heartbeat(AccessToken) -> HeartbeatReply,
        disconnect(AccessToken) -> Closed,
        mine(AccessToken) -> Option<LiveSession>,
        new_identity(AccessToken) -> Done,
        renew_identity(RenewIdentity) -> Done,
        tor_view(AccessToken) -> TorView,
        choose_exit(ChooseExit) -> Done,
        close_device(CloseDevice) -> Closed,
        live(LiveQuery) -> Vec<LiveSession>,
        history(HistoryQuery) -> Vec<HistoryRow>,
        usage(UsageQuery) -> UserUsage,
        own_usage(AccessToken) -> OwnUsage,
        own_history(OwnHistory) -> Vec<HistoryRow>,
        status(NoInput) -> SessionsStatus,
        pool(NoInput) -> PoolStatus,
    }
}

calls! {
    WgCalls of Wg, error WgError {
        put_peer(PeerSpec) -> Done,
        remove_peer(RemovePeer) -> Removed,
        sync_peers(SyncPeers) -> SyncReport,
        set_groups(SetGroups) -> Done,
        peers(NoInput) -> Vec<PeerStatus>,
        set_tor_lane(SetTorLane) -> Done,
        next_status(KnownStatus) -> WgStatus,
        status(NoInput) -> WgStatus,
    }
}

calls! {
    TorCalls of Tor, error TorError {
        status(NoInput) -> TorStatus,
        control(TorControl) -> TorStatus,
        circuits(NoInput) -> Circuits,
        new_identity(NoInput) -> Done,
        health(NoInput) -> ProbeReport,
        exits(NoInput) -> Exits,
        sync_countries(SyncCountries) -> CountriesReport,
        countries(NoInput) -> Vec<CountryTor>,
        path(PathQuery) -> Option<DevicePath>,
        log(TorLogQuery) -> TorLog,
    }
}
