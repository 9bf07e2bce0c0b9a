//! The interface that scripts rely on: exit codes and JSON output.
#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "helpers of tests may fail loudly")]

use async_trait::async_trait;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tornado_helper_api::{
    Access, AddProfile, ChooseExit, Connect, Devices, Enroll, ExcludeProgram, ExcludedPrograms, Export, Exported,
    FirstCode, Helper, HelperError, LeakReport, Login, NoInput, OpenPortal, PasswordAgain, Profiles, ReadmitProgram,
    RecoveryCodes, RemoveDevice, RenameProfile, Report, SelectProfile, ServiceError as _, SessionsQuery, SetLockdown,
    Split, Status, SwitchLane, TotpOffer,
};
use tornado_shared::api::{OwnSessions, OwnUsage, TorView};

/// A helper that records every call and answers it with the same error.
struct FakeHelper {
    error: Mutex<HelperError>,
    seen: Mutex<Vec<String>>,
    status: watch::Sender<Status>,
}

impl FakeHelper {
    fn answer(&self, seen: String) -> Result<Status, HelperError> {
        self.seen.lock().unwrap().push(seen);
        Err(self.error.lock().unwrap().clone())
    }
}

/// Serves a helper that answers every call with `error`.
fn serve(socket: &Path, error: HelperError) -> (Arc<FakeHelper>, JoinHandle<std::io::Result<()>>, CancellationToken) {
    let status = watch::Sender::new(idle());
    let fake = Arc::new(FakeHelper { error: Mutex::new(error), seen: Mutex::default(), status });
    let stop = CancellationToken::new();
    let listener = tornado_rpc::listen_alone(socket).unwrap();
    let callers = Access::of([nix::unistd::getuid().as_raw()]);
    let server = tornado_helper_api::serve(listener, callers, fake.clone(), fake.status.subscribe(), stop.clone());
    (fake, tokio::spawn(server), stop)
}

#[async_trait]
impl Helper for FakeHelper {
    async fn enroll(&self, input: Enroll) -> Result<Status, HelperError> {
        self.answer(format!("enroll {} {:?} {}", input.device_name, input.username, input.password.expose()))
    }
    async fn profiles(&self, _: NoInput) -> Result<Profiles, HelperError> {
        self.answer("profiles".into()).map(|_| unreachable!("every call fails"))
    }
    async fn add_profile(&self, input: AddProfile) -> Result<Status, HelperError> {
        self.answer(format!("add profile {} {}", input.name, input.enroll.password.expose()))
    }
    async fn use_profile(&self, input: SelectProfile) -> Result<Status, HelperError> {
        self.answer(format!("use profile {}", input.name))
    }
    async fn rename_profile(&self, input: RenameProfile) -> Result<Profiles, HelperError> {
        self.answer(format!("rename profile {} {}", input.name, input.new_name))
            .map(|_| unreachable!("every call fails"))
    }
    async fn remove_profile(&self, input: SelectProfile) -> Result<Profiles, HelperError> {
        self.answer(format!("remove profile {}", input.name)).map(|_| unreachable!("every call fails"))
    }
    async fn login(&self, input: Login) -> Result<Status, HelperError> {
        let code = input.totp.map_or_else(String::new, |code| format!(" code {}", code.expose()));
        self.answer(format!("login {:?} {}{code}", input.username, input.password.expose()))
    }
    async fn connect(&self, input: Connect) -> Result<Status, HelperError> {
        self.answer(format!("connect {}", input.lane))
    }
    async fn switch_lane(&self, input: SwitchLane) -> Result<Status, HelperError> {
        self.answer(format!("lane {}", input.lane))
    }
    async fn new_identity(&self, _: NoInput) -> Result<Status, HelperError> {
        self.answer("new identity".into())
    }
    async fn export(&self, input: Export) -> Result<Exported, HelperError> {
        self.answer(format!("export {} {}", input.lane, input.password.expose()))
            .map(|_| unreachable!("every call fails"))
    }
    async fn usage(&self, _: NoInput) -> Result<OwnUsage, HelperError> {
        self.answer("usage".into()).map(|_| unreachable!("every call fails"))
    }
    async fn sessions(&self, input: SessionsQuery) -> Result<OwnSessions, HelperError> {
        self.answer(format!("sessions {} {:?}", input.limit, input.before.is_some()))
            .map(|_| unreachable!("every call fails"))
    }
    async fn devices(&self, _: NoInput) -> Result<Devices, HelperError> {
        self.answer("devices".into()).map(|_| unreachable!("every call fails"))
    }
    async fn remove_device(&self, input: RemoveDevice) -> Result<Devices, HelperError> {
        self.answer(format!("remove {}", input.device_id)).map(|_| unreachable!("every call fails"))
    }
    async fn tor(&self, _: NoInput) -> Result<TorView, HelperError> {
        self.answer("tor".into()).map(|_| unreachable!("every call fails"))
    }
    async fn choose_exit(&self, input: ChooseExit) -> Result<Status, HelperError> {
        self.answer(format!("exit {:?}", input.country))
    }
    async fn disconnect(&self, _: NoInput) -> Result<Status, HelperError> {
        self.answer("disconnect".into())
    }
    async fn set_lockdown(&self, input: SetLockdown) -> Result<Status, HelperError> {
        self.answer(format!("lockdown {:?} {:?} {:?}", input.mode, input.lan, input.bridges))
    }
    async fn set_split(&self, input: Split) -> Result<Status, HelperError> {
        self.answer(format!("split {:?}", input.networks))
    }
    async fn exclude_program(&self, input: ExcludeProgram) -> Result<ExcludedPrograms, HelperError> {
        self.answer(format!("exclude {:?}", input.dns)).map(|_| unreachable!("every call fails"))
    }
    async fn excluded_programs(&self, _: NoInput) -> Result<ExcludedPrograms, HelperError> {
        self.answer("excluded".into()).map(|_| unreachable!("every call fails"))
    }
    async fn readmit_program(&self, input: ReadmitProgram) -> Result<ExcludedPrograms, HelperError> {
        self.answer(format!("readmit {}", input.pid)).map(|_| unreachable!("every call fails"))
    }
    async fn open_portal(&self, input: OpenPortal) -> Result<Status, HelperError> {
        self.answer(format!("portal {}", input.address))
    }
    async fn begin_totp(&self, input: PasswordAgain) -> Result<TotpOffer, HelperError> {
        self.answer(format!("begin totp {}", input.password.expose())).map(|_| unreachable!("every call fails"))
    }
    async fn confirm_totp(&self, input: FirstCode) -> Result<RecoveryCodes, HelperError> {
        self.answer(format!("confirm totp {}", input.code.expose())).map(|_| unreachable!("every call fails"))
    }
    async fn end_totp(&self, input: PasswordAgain) -> Result<Status, HelperError> {
        self.answer(format!("end totp {}", input.password.expose()))
    }
    async fn check_leaks(&self, _: NoInput) -> Result<LeakReport, HelperError> {
        self.answer("check leaks".into()).map(|_| unreachable!("every call fails"))
    }
    async fn report(&self, _: NoInput) -> Result<Report, HelperError> {
        Ok(Report { parts: Vec::new() })
    }
    async fn logout(&self, _: NoInput) -> Result<Status, HelperError> {
        self.answer("logout".into())
    }
    async fn status(&self, _: NoInput) -> Result<Status, HelperError> {
        Ok(idle())
    }
}

fn tornado(socket: &Path, words: &[&str], typed: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tornado"))
        .args(words)
        .env("TORNADO_HELPER_SOCKET", socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may already have exited.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}

fn idle() -> Status {
    let text = r#"{"state":"disconnected","reason":null,"lane":null,"target":null,"server":null,"user":null,
        "device":null,"logged_in":false,"session":null,"addresses":[],"since":null,"handshake_seen":false,
        "handshake_stale":false,"latest_handshake_age":null,"transfer":{"rx_bytes":0,"tx_bytes":0},"backend":null,
        "preshared":false,"control":"unknown","notice":null,"version":"0"}"#;
    serde_json::from_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_has_its_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("h.sock");
    let run = |words: &[&str], typed: &str| tokio::task::block_in_place(|| tornado(&socket, words, typed));
    assert_eq!(run(&["status"], "").status.code(), Some(3));
    assert_eq!(run(&["dance"], "").status.code(), Some(2));
    assert_eq!(run(&["connect", "--lane", "wg0"], "").status.code(), Some(2));
    assert_eq!(run(&[], "").status.code(), Some(2));
    assert_eq!(run(&["lane"], "").status.code(), Some(2));
    assert_eq!(run(&["lane", "wg0"], "").status.code(), Some(2));
    assert_eq!(run(&["lane", "direct", "--exit-country", "de"], "").status.code(), Some(2));
    assert_eq!(run(&["lane", "tor", "--exit-country", "germany"], "").status.code(), Some(2));
    assert_eq!(run(&["lockdown", "on"], "").status.code(), Some(2));
    assert_eq!(run(&["lockdown", "auto", "--lan", "yes"], "").status.code(), Some(2));
    assert_eq!(run(&["lockdown"], "").status.code(), Some(3));
    assert_eq!(run(&["lockdown", "always"], "").status.code(), Some(3));
    assert_eq!(run(&["watch"], "").status.code(), Some(3));
    assert_eq!(run(&["export"], "").status.code(), Some(2), "one of --conf and --qr is required");
    let help = String::from_utf8(run(&["--help"], "").stdout).unwrap();
    assert!(help.contains("Exit codes:") && help.contains("6  no handshake"), "{help}");

    let (fake, serving, stop) = serve(&socket, HelperError::NotLoggedIn);

    let text = String::from_utf8(run(&["status"], "").stdout).unwrap();
    assert!(text.starts_with("Disconnected: traffic from this device is not protected."), "{text}");
    let json: Status = serde_json::from_slice(&run(&["--json", "status"], "").stdout).unwrap();
    assert_eq!(json, idle());

    let text = String::from_utf8(run(&["lockdown"], "").stdout).unwrap();
    assert!(text.starts_with("Lockdown is auto: blocks traffic if"), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&run(&["lockdown", "--json"], "").stdout).unwrap();
    let policy = serde_json::json!({"mode": "auto", "lan": true, "bridges": false});
    assert_eq!((&json["policy"], &json["active"]), (&policy, &false.into()), "{json}");

    let file = directory.path().join("bundle.txt");
    let name = file.display().to_string();
    assert_eq!(run(&["support-bundle", "--save", &name], "").status.code(), Some(2), "not confirmed");
    assert!(!file.exists());
    let shown = run(&["support-bundle", "--save", &name, "--yes"], "");
    assert!(shown.status.success(), "{shown:?}");
    let saved = std::fs::read_to_string(&file).unwrap();
    assert!(saved.contains("== status") && saved.contains("\"disconnected\""), "{saved}");
    assert_eq!(run(&["support-bundle", "--save", &name, "--yes"], "").status.code(), Some(2), "not replaced");

    let refused =
        HelperError::Refused { code: "invalid_credentials".into(), detail: "wrong".into(), retry_after: None };
    let busy = "data_plane_unavailable".to_owned();
    let away = HelperError::Unreachable { code: busy, detail: "cannot set up the lanes".into(), retry_after: Some(7) };
    for (error, code) in [
        (HelperError::NotLoggedIn, 1),
        (HelperError::NotConnected, 1),
        (HelperError::Blocked("x".into()), 1),
        (HelperError::Untrusted("x".into()), 1),
        (HelperError::BadInvitation("x".into()), 2),
        (refused, 4),
        (away, 5),
        (HelperError::NoHandshake("x".into()), 6),
        (HelperError::Unsupported("x".into()), 1),
    ] {
        *fake.error.lock().unwrap() = error.clone();
        let out = run(&["connect", "--lane", "tor", "--json"], "");
        assert_eq!(out.status.code(), Some(code), "{error:?}");
        assert!(out.stdout.is_empty());
        let problem: serde_json::Value = serde_json::from_slice(&out.stderr).unwrap();
        assert_eq!(problem["code"], error.code());
        assert_eq!(run(&["lane", "tor"], "").status.code(), Some(code), "{error:?}");
        assert_eq!(run(&["new-identity"], "").status.code(), Some(code), "{error:?}");
        assert_eq!(run(&["lockdown", "always"], "").status.code(), Some(code), "{error:?}");
        let plain = String::from_utf8(run(&["disconnect"], "").stderr).unwrap();
        assert!(plain.starts_with("tornado: ") && plain.lines().count() == 1, "{plain}");
    }

    fake.seen.lock().unwrap().clear();
    run(&["lane", "tor"], "");
    run(&["new-identity"], "");
    run(&["lane", "tor", "--exit-country", "DE"], "");
    run(&["lane", "tor", "--exit-country", "any"], "");
    run(&["export", "--qr", "--lane", "tor", "--password-stdin"], "secret\n");
    let before = "00000000-0000-4000-8000-000000000001";
    assert_eq!(run(&["sessions", "--limit", "101"], "").status.code(), Some(2));
    run(&["usage"], "");
    run(&["lockdown", "always", "--lan", "block"], "");
    run(&["lockdown", "--bridges", "allow"], "");
    run(&["totp", "begin", "--password-stdin"], "secret\n");
    run(&["totp", "confirm"], "123456\n");
    run(&["totp", "end", "--password-stdin"], "secret\n");
    assert_eq!(run(&["totp", "confirm"], "\n").status.code(), Some(2), "an empty code is not sent");
    run(&["profile", "list"], "");
    run(&["split", "add", "203.0.113.0/24"], "");
    run(&["portal", "192.0.2.1"], "");
    let started = run(&["exclude", "--", "true"], "");
    assert_eq!(started.status.code(), Some(1), "a program that the helper does not exclude is not started");
    run(&["exclude", "--own-dns", "--", "true"], "");
    run(&["exclude", "list"], "");
    run(&["exclude", "remove", "7"], "");
    for wrong in [
        &["split", "add"][..],
        &["split", "add", "203.0.113.0/33"],
        &["split", "remove", "203.0.113.0/24"],
        &["portal", "x"],
        &["exclude", "true"],
        &["exclude", "--own-dns"],
        &["exclude", "add", "x"],
    ] {
        assert_eq!(run(wrong, "").status.code(), Some(2), "{wrong:?}");
    }
    run(&["profile", "use", "work"], "");
    run(
        &["profile", "add", "home", "tornado://x", "--username", "Ann", "--device-name", "l", "--password-stdin"],
        "p\n",
    );
    run(&["profile", "remove", "home"], "");
    assert_eq!(run(&["profile", "use", "../x"], "").status.code(), Some(2));
    run(&["sessions", "--before", before], "");
    run(&["devices"], "");
    run(&["devices", "--remove", before], "");
    run(&["login", "--username", "ann", "--password-stdin"], "pass word \r\n");
    run(&["enroll", "tornado://x", "--username", "Ann", "--device-name", "lap", "--password-stdin"], "p\n");
    assert_eq!(run(&["login", "--password-stdin"], "\n").status.code(), Some(2), "an empty password is not sent");
    assert_eq!(run(&["login", "--password-stdin"], &"x".repeat(5000)).status.code(), Some(2));
    let seen = fake.seen.lock().unwrap().clone();
    assert_eq!(seen[..2], ["lane tor", "new identity"]);
    assert_eq!(seen[2..5], ["exit Some(de)", "exit None", "export tor secret"]);
    assert_eq!(seen[5..8], ["usage", "lockdown Some(Always) Some(false) None", "lockdown None None Some(true)"]);
    assert_eq!(seen[8..11], ["begin totp secret", "confirm totp 123456", "end totp secret"]);
    let seen = &seen[3..];
    assert_eq!(seen[8..11], ["profiles", "split [203.0.113.0/24]", "portal 192.0.2.1"]);
    assert_eq!(seen[11..15], ["exclude Tunnel", "exclude Own", "excluded", "readmit 7"]);
    let seen = &seen[6..];
    assert_eq!(seen[9..12], ["use profile work", "add profile home p", "remove profile home"]);
    assert_eq!(seen[12..14], ["sessions 20 true", "devices"]);
    assert_eq!(seen[14], format!("remove {before}"));
    assert_eq!(seen[15..], ["login Some(\"ann\") pass word ", "enroll lap Some(\"ann\") p"]);
    stop.cancel();
    serving.await.unwrap().unwrap();
}

/// Runs the command in a terminal created by script(1). Returns the exit code and the output.
fn on_a_terminal(socket: &Path, words: &str, typed: &str) -> (Option<i32>, String) {
    let line = format!("{} {words}", env!("CARGO_BIN_EXE_tornado"));
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--flush", "--echo", "never", "--command", &line, "/dev/null"])
        .env("TORNADO_HELPER_SOCKET", socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(keyboard);
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_prompted_for_only_on_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("h.sock");
    let wanted =
        HelperError::Refused { code: "totp_required".into(), detail: "a code is needed".into(), retry_after: None };
    let (fake, serving, stop) = serve(&socket, wanted);
    let run = |words: &[&str], typed: &str| tokio::task::block_in_place(|| tornado(&socket, words, typed));

    let alone = run(&["login", "--password-stdin", "--json"], "secret\n");
    assert_eq!(alone.status.code(), Some(4));
    let problem: serde_json::Value = serde_json::from_slice(&alone.stderr).unwrap();
    assert_eq!(problem["code"], "totp_required");
    assert!(problem["detail"].as_str().unwrap().contains("--totp-stdin"), "{problem}");
    assert_eq!(run(&["login", "--password-stdin", "--totp-stdin"], "secret\n123456\n").status.code(), Some(4));
    assert_eq!(
        run(&["login", "--password-stdin", "--totp-stdin"], "secret\n").status.code(),
        Some(2),
        "no second line"
    );
    let typed = "secret\n654321\n";
    let (code, shown) = tokio::task::block_in_place(|| on_a_terminal(&socket, "login", typed));
    assert_eq!(code, Some(4), "the fake helper rejects every call: {shown}");
    assert!(shown.contains("Password: ") && shown.contains("Authenticator code"), "{shown}");
    assert!(!shown.contains("secret") && !shown.contains("654321"), "{shown}");
    let seen = fake.seen.lock().unwrap().clone();
    let expected = ["secret", "secret code 123456", "secret", "secret code 654321"];
    assert_eq!(seen, expected.map(|words| format!("login None {words}")));
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[test]
fn completions_and_manual_pages_list_every_command() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("h.sock");
    for shell in ["bash", "zsh", "fish"] {
        let text = String::from_utf8(tornado(&nowhere, &["completions", shell], "").stdout).unwrap();
        assert!(text.contains("new-identity") && text.contains("exit-country"), "{shell}");
    }
    let made = tornado(&nowhere, &["man", &directory.path().display().to_string()], "");
    assert!(made.status.success(), "{made:?}");
    for page in ["tornado.1", "tornado-lane.1", "tornado-export.1"] {
        assert!(directory.path().join(page).is_file(), "{page}");
    }
}
