//! The set-up page with a scripted `auth` service.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tornado_admin::{Config, router};
use tornado_contracts::auth::operators::{
    CheckRight, ConfirmPassword, ConfirmTotp, OperatorRef, OperatorRole, Operators, PutOperatorRole, SignIn, SignInRef,
    SignInView, SignedIn, Standing,
};
use tornado_contracts::auth::{
    AccessToken, Acting, AttestTls, Auth, AuthError, Authorize, CreateInvitation, Grant, InvitationLink, OpenLogin,
    Operator, PutOperator, RedeemSetup, RefreshToken, SetupLink,
};
use tornado_contracts::token::VerifyingKey;
use tornado_rpc::{Done, Fault, NoInput};
use tornado_shared::api::{LoginReply, Profile, RecoveryCodes, ServerInfo, Tokens, TotpOffer};
use tornado_shared::model::{InvitationId, OperatorId, Secret};
use tower::ServiceExt as _;

const LINK: &str = "tornado://192.0.2.1:4605/?i=A&c=ABCDEFGHABCDEFGH";

/// Accepts one code, once.
#[derive(Default)]
struct FakeAuth {
    redeemed: Mutex<Option<RedeemSetup>>,
    no_invitations: bool,
    signed_out: AtomicBool,
}

fn unused<T>() -> Result<T, AuthError> {
    Err(Fault::Forbidden("not for the console".into()).into())
}

#[async_trait::async_trait]
impl Auth for FakeAuth {
    async fn redeem_setup(&self, input: RedeemSetup) -> Result<SignedIn, AuthError> {
        let mut redeemed = self.redeemed.lock().unwrap();
        if input.code.expose() == "<away>" {
            return Err(Fault::Unavailable("auth is <b>not</b> reachable".into()).into());
        }
        if input.code.expose() != "GOODCODE" || redeemed.is_some() {
            return Err(AuthError::InvalidSetupCode);
        }
        let operator = Operator {
            id: OperatorId::random(),
            name: input.name.clone(),
            role: OperatorRole::Owner,
            totp: false,
            created_at: 0,
        };
        *redeemed = Some(input);
        Ok(SignedIn { token: Secret::new("SIGN-IN"), expires_at: 0, operator })
    }
    async fn create_invitation(&self, input: Acting<CreateInvitation>) -> Result<InvitationLink, AuthError> {
        assert_eq!(input.operator.unwrap().expose(), "SIGN-IN", "authorised by the operator's sign-in");
        assert!(!self.signed_out.load(Ordering::Relaxed));
        if self.no_invitations {
            return unused();
        }
        Ok(InvitationLink { id: InvitationId::random(), link: Secret::new(LINK), expires_at: 0 })
    }
    async fn server_info(&self, _: NoInput) -> Result<ServerInfo, AuthError> {
        unused()
    }
    async fn open_login(&self, _: OpenLogin) -> Result<LoginReply, AuthError> {
        unused()
    }
    async fn refresh(&self, _: RefreshToken) -> Result<Tokens, AuthError> {
        unused()
    }
    async fn logout(&self, _: RefreshToken) -> Result<Done, AuthError> {
        unused()
    }
    async fn whoami(&self, _: AccessToken) -> Result<Profile, AuthError> {
        unused()
    }
    async fn authorize(&self, _: Authorize) -> Result<Grant, AuthError> {
        unused()
    }
    async fn traffic_policies(&self, _: NoInput) -> Result<Vec<tornado_contracts::UserTrafficPolicy>, AuthError> {
        unused()
    }
    async fn verifying_keys(&self, _: NoInput) -> Result<Vec<VerifyingKey>, AuthError> {
        unused()
    }
    async fn attest_tls(&self, _: AttestTls) -> Result<Done, AuthError> {
        unused()
    }
    async fn setup_link(&self, _: NoInput) -> Result<SetupLink, AuthError> {
        unused()
    }
    async fn put_operator(&self, _: PutOperator) -> Result<Operator, AuthError> {
        unused()
    }
}

#[async_trait::async_trait]
impl Operators for FakeAuth {
    async fn sign_out(&self, input: Acting<NoInput>) -> Result<Done, AuthError> {
        assert_eq!(input.operator.unwrap().expose(), "SIGN-IN");
        self.signed_out.store(true, Ordering::Relaxed);
        Ok(Done {})
    }
    async fn sign_in(&self, _: SignIn) -> Result<SignedIn, AuthError> {
        unused()
    }
    async fn confirm_sign_in(&self, _: Acting<ConfirmPassword>) -> Result<Done, AuthError> {
        unused()
    }
    async fn whoami(&self, _: Acting<NoInput>) -> Result<Standing, AuthError> {
        unused()
    }
    async fn check(&self, _: Acting<CheckRight>) -> Result<Operator, AuthError> {
        unused()
    }
    async fn list_operators(&self, _: Acting<NoInput>) -> Result<Vec<Operator>, AuthError> {
        unused()
    }
    async fn put_operator_role(&self, _: Acting<PutOperatorRole>) -> Result<Operator, AuthError> {
        unused()
    }
    async fn remove_operator(&self, _: Acting<OperatorRef>) -> Result<Done, AuthError> {
        unused()
    }
    async fn list_sign_ins(&self, _: Acting<NoInput>) -> Result<Vec<SignInView>, AuthError> {
        unused()
    }
    async fn revoke_sign_in(&self, _: Acting<SignInRef>) -> Result<Done, AuthError> {
        unused()
    }
    async fn begin_totp(&self, _: Acting<ConfirmPassword>) -> Result<TotpOffer, AuthError> {
        unused()
    }
    async fn confirm_totp(&self, _: Acting<ConfirmTotp>) -> Result<RecoveryCodes, AuthError> {
        unused()
    }
    async fn end_totp(&self, _: Acting<ConfirmPassword>) -> Result<Done, AuthError> {
        unused()
    }
}

struct Page {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    text: String,
}

async fn ask(router: &Router, request: Request<Body>) -> Page {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    Page { status: parts.status, headers: parts.headers, text }
}

async fn get(router: &Router, path: &str) -> Page {
    ask(router, Request::get(path).header("host", "localhost:8000").body(Body::empty()).unwrap()).await
}

async fn post(router: &Router, origin: &str, form: &str) -> Page {
    let request = Request::post("/setup")
        .header("host", "localhost:8000")
        .header("origin", origin)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap();
    ask(router, request).await
}

const OURS: &str = "http://localhost:8000";
const GOOD: &str = "code=GOODCODE&name=Alice&password=correct-horse&again=correct-horse";

fn console() -> (Router, Arc<FakeAuth>) {
    let auth = Arc::new(FakeAuth::default());
    (router(auth.clone(), auth.clone(), Config::default()), auth)
}

#[tokio::test]
async fn the_first_operator_is_made_and_the_first_invitation_shown() {
    let (router, auth) = console();
    let form = get(&router, "/setup?code=GOODCODE").await;
    assert_eq!(form.status, 200);
    assert!(form.text.contains("name=\"code\" value=\"GOODCODE\""));
    for id in ["name", "password", "again"] {
        assert!(form.text.contains(&format!("<label for=\"{id}\">")), "{id} has no label");
    }
    let done = post(&router, OURS, GOOD).await;
    assert_eq!(done.status, 200);
    assert!(done.text.contains("tornadod invite create") && done.text.contains("<svg"));
    assert!(done.text.contains("tornado://192.0.2.1:4605/?i=A&amp;c=ABCDEFGHABCDEFGH"));
    {
        let redeemed = auth.redeemed.lock().unwrap();
        let redeemed = redeemed.as_ref().unwrap();
        assert_eq!((redeemed.name.as_str(), redeemed.password.expose()), ("alice", "correct-horse"));
    }
    assert!(auth.signed_out.load(Ordering::Relaxed), "the sign-in has ended");
    let again = post(&router, OURS, GOOD).await;
    assert_eq!(again.status, StatusCode::GONE);
    assert!(again.text.contains("tornadod setup-link"), "the page says what to do");
}

#[tokio::test]
async fn an_operator_without_an_invitation_is_no_failure() {
    let auth = Arc::new(FakeAuth { no_invitations: true, ..FakeAuth::default() });
    let done = post(&router(auth.clone(), auth.clone(), Config::default()), OURS, GOOD).await;
    assert_eq!(done.status, 200);
    assert!(auth.signed_out.load(Ordering::Relaxed));
    assert!(done.text.contains("The operator was created") && done.text.contains("tornadod invite create"));
}

#[tokio::test]
async fn input_never_becomes_markup() {
    let (router, _) = console();
    let page = get(&router, "/setup?code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(!page.text.contains("<script") && page.text.contains("&quot;&gt;&lt;script&gt;"), "{}", page.text);
    let form = "code=GOODCODE&name=%3Cimg+src%3Dx+onerror%3Dy%3E&password=correct-horse&again=correct-horse";
    let page = post(&router, OURS, form).await;
    assert_eq!(page.status, 400);
    assert!(!page.text.contains("<img") && page.text.contains("&lt;img src=x"), "{}", page.text);
    let page = post(&router, OURS, "code=%3Caway%3E&name=alice&password=correct-horse&again=correct-horse").await;
    assert_eq!(page.status, 503);
    assert!(!page.text.contains("<b>not") && page.text.contains("value=\"&lt;away&gt;\""), "{}", page.text);
}

#[tokio::test]
async fn every_response_has_strict_headers() {
    let (router, _) = console();
    for path in ["/setup?code=X", "/setup", "/style.css", "/nowhere", "/health"] {
        let page = get(&router, path).await;
        let header = |name: &str| page.headers.get(name).unwrap().to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert!(!page.text.contains("http://") && !page.text.contains("<script"), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn unauthenticated_callers_see_only_that_the_service_runs() {
    let (router, _) = console();
    let health = get(&router, "/health").await;
    assert_eq!((health.status.as_u16(), health.text.as_str()), (200, r#"{"status":"ok"}"#));
    for path in ["/ready", "/status/log", "/status", "/metrics", "/metrics-summary", "/v1/sessions", "/v1/ready"] {
        let page = get(&router, path).await;
        assert_eq!(page.status, 404, "{path}: {}", page.text);
        assert!(!page.text.contains("session") && !page.text.contains("tornado_"), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn mistakes_are_explained_and_nothing_is_made() {
    let (router, auth) = console();
    for (form, word) in [
        ("code=GOODCODE&name=a&password=correct-horse&again=correct-horse", "3 to 50"),
        ("code=GOODCODE&name=alice&password=short&again=short", "at least 10"),
        ("code=GOODCODE&name=alice&password=correct-horse&again=correct-house", "differ"),
    ] {
        let page = post(&router, OURS, form).await;
        assert_eq!(page.status, 400, "{form}");
        assert!(page.text.contains(word) && page.text.contains("role=\"alert\""), "{}", page.text);
        assert!(!page.text.contains("correct-horse"), "the page contains the password");
    }
    assert_eq!(get(&router, "/setup").await.status, 400);
    assert_eq!(post(&router, OURS, "name=alice").await.status, 422);
    let large = format!("{GOOD}&more={}", "x".repeat(20_000));
    assert_eq!(post(&router, OURS, &large).await.status, 413);
    assert!(auth.redeemed.lock().unwrap().is_none());
}

#[tokio::test]
async fn requests_of_other_origins_and_host_names_are_rejected() {
    let (router, auth) = console();
    for origin in ["http://evil.example", "null", "https://localhost:8001"] {
        assert_eq!(post(&router, origin, GOOD).await.status, 403, "{origin}");
    }
    let rebound = Request::get("/setup?code=GOODCODE").header("host", "evil.example:8000").body(Body::empty()).unwrap();
    assert_eq!(ask(&router, rebound).await.status, 403);
    assert!(auth.redeemed.lock().unwrap().is_none());
}
