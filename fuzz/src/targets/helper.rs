//! The desktop helper: requests from any user of the machine, and responses to its clients.

use crate::runtime::wait;
use crate::{request, socket};
use async_trait::async_trait;
use futures::StreamExt as _;
use std::cell::OnceCell;
use std::sync::Arc;
use tokio::sync::watch;
use tornado_helper_api::{
    AddProfile, ChooseExit, Connect, Devices, Enroll, ExcludeProgram, ExcludedPrograms, Export, Exported, FirstCode,
    Helper, HelperError, LeakReport, Login, NoInput, OpenPortal, PasswordAgain, Profiles, ReadmitProgram,
    RecoveryCodes, RemoveDevice, RenameProfile, Report, SelectProfile, ServiceError as _, SessionsQuery, SetLockdown,
    Split, Status, SwitchLane, TotpOffer,
};
use tornado_shared::api::{OwnSessions, OwnUsage, TorView};
use tornado_shared::model::{Lane, Secret};
use tornado_shared::problem::Problem;

/// A helper without effects; a request that reaches it was parsed successfully.
struct Idle(watch::Sender<Status>);

const STATUS: &str = include_str!("../../corpus/helper_answer/status-idle");

impl Idle {
    fn new() -> Self {
        // The two bytes before the JSON select the response.
        match serde_json::from_str(STATUS.get(2..).unwrap_or_default()) {
            Ok(status) => Self(watch::channel(status).0),
            Err(error) => panic!("the example status is invalid: {error}"),
        }
    }
}

#[async_trait]
impl Helper for Idle {
    async fn enroll(&self, _: Enroll) -> Result<Status, HelperError> {
        Err(HelperError::BadInvitation("no invitation is valid here".into()))
    }
    async fn profiles(&self, _: NoInput) -> Result<Profiles, HelperError> {
        Ok(Profiles { profiles: Vec::new() })
    }
    async fn add_profile(&self, _: AddProfile) -> Result<Status, HelperError> {
        Err(HelperError::BadInvitation("no invitation is valid here".into()))
    }
    async fn use_profile(&self, _: SelectProfile) -> Result<Status, HelperError> {
        Err(HelperError::NotEnrolled)
    }
    async fn rename_profile(&self, _: RenameProfile) -> Result<Profiles, HelperError> {
        Err(HelperError::NotEnrolled)
    }
    async fn report(&self, _: NoInput) -> Result<Report, HelperError> {
        Ok(Report { parts: Vec::new() })
    }
    async fn remove_profile(&self, _: SelectProfile) -> Result<Profiles, HelperError> {
        Err(HelperError::NotEnrolled)
    }
    async fn login(&self, _: Login) -> Result<Status, HelperError> {
        Err(HelperError::NotEnrolled)
    }
    async fn connect(&self, _: Connect) -> Result<Status, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn switch_lane(&self, _: SwitchLane) -> Result<Status, HelperError> {
        Err(HelperError::NotConnected)
    }
    async fn new_identity(&self, _: NoInput) -> Result<Status, HelperError> {
        Err(HelperError::NotConnected)
    }
    async fn usage(&self, _: NoInput) -> Result<OwnUsage, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn sessions(&self, _: SessionsQuery) -> Result<OwnSessions, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn devices(&self, _: NoInput) -> Result<Devices, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn remove_device(&self, _: RemoveDevice) -> Result<Devices, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn tor(&self, _: NoInput) -> Result<TorView, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn choose_exit(&self, _: ChooseExit) -> Result<Status, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn export(&self, _: Export) -> Result<Exported, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn disconnect(&self, _: NoInput) -> Result<Status, HelperError> {
        self.status(NoInput {}).await
    }
    async fn set_lockdown(&self, _: SetLockdown) -> Result<Status, HelperError> {
        self.status(NoInput {}).await
    }
    async fn set_split(&self, _: Split) -> Result<Status, HelperError> {
        self.status(NoInput {}).await
    }
    async fn exclude_program(&self, _: ExcludeProgram) -> Result<ExcludedPrograms, HelperError> {
        Ok(ExcludedPrograms::default())
    }
    async fn excluded_programs(&self, _: NoInput) -> Result<ExcludedPrograms, HelperError> {
        Ok(ExcludedPrograms::default())
    }
    async fn readmit_program(&self, _: ReadmitProgram) -> Result<ExcludedPrograms, HelperError> {
        Ok(ExcludedPrograms::default())
    }
    async fn open_portal(&self, _: OpenPortal) -> Result<Status, HelperError> {
        self.status(NoInput {}).await
    }
    async fn begin_totp(&self, _: PasswordAgain) -> Result<TotpOffer, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn confirm_totp(&self, _: FirstCode) -> Result<RecoveryCodes, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn end_totp(&self, _: PasswordAgain) -> Result<Status, HelperError> {
        Err(HelperError::NotLoggedIn)
    }
    async fn check_leaks(&self, _: NoInput) -> Result<LeakReport, HelperError> {
        Err(HelperError::NotConnected)
    }
    async fn logout(&self, _: NoInput) -> Result<Status, HelperError> {
        self.status(NoInput {}).await
    }
    async fn status(&self, _: NoInput) -> Result<Status, HelperError> {
        Ok(self.0.borrow().clone())
    }
}

thread_local! {
    static ROUTER: OnceCell<axum::Router> = const { OnceCell::new() };
}

fn idle() -> axum::Router {
    let helper = Arc::new(Idle::new());
    let status = helper.0.subscribe();
    tornado_helper_api::fuzzing::router(helper, status)
}

/// A request to the helper. The response must be complete and must not be an internal error.
pub fn request(bytes: &[u8]) {
    let Some(request) = request::read(bytes) else { return };
    // This stream never ends.
    if request.uri().path() == "/v1/status/stream" {
        return;
    }
    let is_head = request.method() == http::Method::HEAD;
    let router = ROUTER.with(|cell| cell.get_or_init(idle).clone());
    let answer = wait(request::answer(router, request));
    assert_ne!(answer.status().as_u16(), 500, "{}", String::from_utf8_lossy(answer.body()));
    if !answer.status().is_success() && !is_head {
        let problem: Result<Problem, _> = serde_json::from_slice(answer.body());
        assert!(problem.is_ok_and(|problem| problem.status == answer.status().as_u16()), "{}", answer.status());
    }
}

/// The first byte selects the request, the second the kind of response.
pub fn answer(bytes: &[u8]) {
    let [what, how, rest @ ..] = bytes else { return };
    wait(async {
        let served = socket::answered(*how, rest);
        let client = tornado_helper_api::client(served.path());
        let Ok(device_name) = "a phone".parse() else { return };
        let export = Export { lane: Lane::Direct, device_name, password: Secret::new("hunter22"), totp: None };
        let call = async {
            match what % 8 {
                0 => again(client.status(NoInput {}).await),
                1 => again(client.tor(NoInput {}).await),
                2 => drop(client.disconnect(NoInput {}).await),
                4 => again(client.usage(NoInput {}).await),
                5 => again(client.sessions(SessionsQuery { before: None, limit: 20 }).await),
                6 => again(client.devices(NoInput {}).await),
                7 => again(client.export(export).await),
                _ => {
                    let Ok(events) = client.events().await else { return };
                    let events: Vec<Status> = events.collect().await;
                    assert!(events.len() <= rest.len());
                }
            }
        };
        served.during(call).await;
    });
}

/// An accepted response must be stable.
fn again<T: serde::Serialize + serde::de::DeserializeOwned>(answer: Result<T, HelperError>) {
    match answer {
        Ok(answer) => {
            let text = serde_json::to_vec(&answer).unwrap_or_default();
            assert!(crate::json::stable::<T>(&text).is_some());
        }
        Err(error) => assert!(
            !error.code().is_empty() || matches!(error, HelperError::Refused { .. } | HelperError::Unreachable { .. })
        ),
    }
}
