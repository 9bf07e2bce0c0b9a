//! Requests that a hostile program or site sends: forged, with a stolen cookie, too large.

use crate::http::{FORM, HOST, JSON, LOCAL, ORIGIN, SignIn, connect, read, send, send_to};
use crate::site::{NAME, PASSWORD, add_operator, up_with};
use crate::slow;
use anyhow::{Context as _, ensure};
use leptos::server_fn::{Decodes as _, Encodes as _};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tornado_admin_ui::model::Fault;
use tornado_admin_ui::model::act::{Act, Outcome, Refusal, ServiceAction};
use tornado_admin_ui::packed::{Answer, Packing};
use tornado_admin_ui::source::Query;
use tornado_e2e_harness::{SERVER, ServerOptions, patient};

/// The console for other machines, too.
pub const CONFIG: &str = "[admin]\nlisten = \"0.0.0.0:8000\"\nhosts = [\"203.0.113.10\"]\n";
/// Media type of the pages' own requests.
const PACKED: (&str, &str) = ("Content-Type", "application/x-postcard");
/// Largest body, bytes.
const MAX_BODY: usize = 64 * 1024;

#[test]
fn forged_large_and_slow_requests_get_nowhere() -> anyhow::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most.min(8192), most)?;
    let world = up_with(ServerOptions { config: CONFIG.to_owned(), ..ServerOptions::default() })?;
    add_operator(&world, NAME, "owner")?;
    let host = world.lab.host("server")?;
    host.enter(|| {
        attempts_are_shown().context("attempts left")?;
        a_stolen_cookie_ends().context("a stolen cookie")?;
        forged_requests_change_nothing().context("forged requests")?;
        large_requests_are_refused().context("large requests")
    })??;
    slow::connections_are_bounded(&world).context("slow connections")?;
    slow::bodies_are_bounded(&world).context("slow bodies")
}

/// A reading of a page by its program.
fn data(headers: &[(&str, &str)], query: &Query) -> anyhow::Result<Answer> {
    let body = Packing::encode(query).map_err(|error| anyhow::anyhow!("{error}"))?;
    let headers: Vec<_> = headers.iter().copied().chain([PACKED]).collect();
    let reply = send("POST", "/data/read", &headers, &body)?;
    ensure!(reply.status == 200, "{} {}", reply.head, reply.text());
    Packing::decode(reply.body.into()).map_err(|error| anyhow::anyhow!("{error}"))
}

/// A change by the program of a page.
fn act(headers: &[(&str, &str)], csrf: &str, act: &Act) -> anyhow::Result<Result<Outcome, Refusal>> {
    let body = Packing::encode(&(csrf, act)).map_err(|error| anyhow::anyhow!("{error}"))?;
    let headers: Vec<_> = headers.iter().copied().chain([PACKED]).collect();
    let reply = send("POST", "/data/act", &headers, &body)?;
    ensure!(reply.status == 200, "{} {}", reply.head, reply.text());
    Packing::decode(reply.body.into()).map_err(|error| anyhow::anyhow!("{error}"))
}

/// Known and unknown names have the same answers, on the page and in the API.
fn attempts_are_shown() -> anyhow::Result<()> {
    for (name, left) in
        [(NAME, "4 attempts are left"), ("unknown", "3 attempts are left"), (NAME, "2 attempts are left")]
    {
        let form = format!("name={name}&password=a+wrong+password&back=%2Fkeys");
        let reply = send("POST", "/sign-in", &[ORIGIN, FORM], form.as_bytes())?;
        let place = reply.header("location").context("a redirect")?.to_owned();
        ensure!(reply.status == 303 && !place.contains(name), "{} {place}", reply.status);
        let page = send("GET", &place, &[], b"")?.text();
        ensure!(page.contains("The name or the password is wrong.") && page.contains(left), "{name}: {page}");
        ensure!(page.contains("value=\"/keys\""), "the page to return to is kept");
    }
    let api = |name: &str| -> anyhow::Result<(u16, Value)> {
        let body = json!({ "name": name, "password": "a wrong password" }).to_string();
        let reply = send("POST", "/api/v1/sign-in", &[ORIGIN, JSON], body.as_bytes())?;
        let mut problem = reply.json();
        problem["request_id"].take();
        Ok((reply.status, problem))
    };
    let (unknown, known) = (api("unknown")?, api(NAME)?);
    ensure!(unknown.1["attempts_left"] == 1 && known.1["attempts_left"] == 0, "{unknown:?} {known:?}");
    let (blocked, known) = (api("unknown")?, api(NAME)?);
    ensure!(blocked.0 == 429 && known.0 == 429, "{blocked:?} {known:?}");
    let words = |problem: &Value| problem["detail"].as_str().unwrap_or_default().replace(char::is_numeric, "");
    ensure!(words(&blocked.1) == words(&known.1), "{blocked:?} {known:?}");
    let page = send("POST", "/sign-in", &[ORIGIN, FORM], format!("name={NAME}&password=x").as_bytes())?;
    let page = send("GET", page.header("location").context("a redirect")?, &[], b"")?.text();
    ensure!(page.contains("Too many attempts") && !page.contains("attempts are left"), "{page}");
    for forged in ["9999999999999999999999", "-1", "%3Cb%3E", "x", ""] {
        let page = send("GET", &format!("/sign-in?problem=invalid_credentials&left={forged}"), &[], b"")?.text();
        ensure!(page.contains("The name or the password is wrong.") && !page.contains(" left."), "{forged}: {page}");
    }
    Ok(())
}

/// The owner revokes a sign-in whose cookie was stolen.
fn a_stolen_cookie_ends() -> anyhow::Result<()> {
    // The attempts before have blocked this address; a sign-in of the owner comes from another one.
    let from = SocketAddr::new(SERVER.v4.into(), 8000);
    let sign_in = || -> anyhow::Result<SignIn> { SignIn::at(from, "203.0.113.10:8000", NAME) };
    let (thief, owner) = (sign_in()?, sign_in()?);
    let cookie = [("Cookie", thief.cookie.as_str()), ORIGIN];
    ensure!(thief.get("/keys")?.status == 200, "the cookie opens a page");
    ensure!(data(&cookie, &Query::Keys)?.is_ok(), "the cookie reads a page");
    let mut events = connect(LOCAL)?;
    write!(events, "GET /api/v1/events HTTP/1.1\r\nHost: {HOST}\r\nCookie: {}\r\n\r\n", thief.cookie)?;
    let mut part = [0; 4096];
    let length = events.read(&mut part)?;
    ensure!(part[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&part[..length]));

    let sign_ins = owner.get("/api/v1/sign-ins")?.json();
    let others = sign_ins["items"].as_array().context("sign-ins")?.iter().filter(|one| one["is_own"] == false);
    for id in others.filter_map(|one| one["id"].as_str()) {
        let reply = owner.change("DELETE", &format!("/api/v1/sign-ins/{id}"), "")?;
        ensure!(reply.status == 200, "{} {}", reply.head, reply.text());
    }
    let revoked = Instant::now();
    let page = thief.get("/keys")?;
    ensure!(page.header("location").is_some_and(|place| place.starts_with("/sign-in")), "{}", page.head);
    ensure!(!page.text().contains(NAME) && !page.text().contains("Access tokens"), "{}", page.text());
    ensure!(data(&cookie, &Query::Keys)? == Err(Fault::SignedOut), "a reading");
    let change = Act::ControlService { service: "dns".to_owned(), action: ServiceAction::Restart };
    let refused = act(&cookie, &thief.csrf, &change)?.err().context("a change")?;
    ensure!(refused.code == "signed_out", "{refused:?}");
    ensure!(thief.get("/api/v1/users")?.status == 401, "the API");
    events.set_read_timeout(Some(patient(Duration::from_secs(10))))?;
    while events.read(&mut part).context("the event stream goes on")? > 0 {}
    ensure!(
        revoked.elapsed() < patient(Duration::from_secs(7)),
        "the event stream ended after {:?}",
        revoked.elapsed()
    );
    ensure!(owner.get("/keys")?.status == 200, "the other sign-in continues");
    Ok(())
}

/// Path, media type and body of a request.
type Door = (&'static str, (&'static str, &'static str), Vec<u8>);

/// Forms and requests of the pages, each with a body that would succeed.
fn doors(csrf: &str) -> anyhow::Result<Vec<Door>> {
    let change = Act::PutHost { host: Some("evil.example".to_owned()) };
    let packed = |bytes: Result<_, _>| bytes.map(|bytes: leptos::server_fn::Bytes| bytes.to_vec());
    let failed = |error| anyhow::anyhow!("{error}");
    Ok(vec![
        ("/sign-in", FORM, format!("name={NAME}&password={}", PASSWORD.replace(' ', "+")).into_bytes()),
        ("/sign-in/code", FORM, b"code=123456".to_vec()),
        ("/setup", FORM, format!("token=ABC&name=eve&password={}", PASSWORD.replace(' ', "+")).into_bytes()),
        ("/setup/host", FORM, format!("csrf={csrf}&host=evil.example").into_bytes()),
        ("/setup/invite", FORM, format!("csrf={csrf}").into_bytes()),
        ("/sign-out", FORM, format!("csrf={csrf}").into_bytes()),
        ("/look", FORM, b"theme=dark".to_vec()),
        ("/data/read", PACKED, packed(Packing::encode(&Query::Users(Default::default()))).map_err(failed)?),
        ("/data/act", PACKED, packed(Packing::encode(&(csrf, change))).map_err(failed)?),
    ])
}

fn forged_requests_change_nothing() -> anyhow::Result<()> {
    let at = SocketAddr::new(SERVER.v4.into(), 8000);
    let (ann, other) = (SignIn::at(at, "203.0.113.10:8000", NAME)?, SignIn::at(at, "203.0.113.10:8000", NAME)?);
    let cookie = ("Cookie", ann.cookie.as_str());
    let before = state(&ann)?;
    let foreign: [&[(&str, &str)]; 9] = [
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
        &[("Origin", "http://localhost:8001")],
        &[("Origin", "http://localhost:8000.evil.example")],
        &[("Origin", "http://evil@localhost:8000")],
        &[ORIGIN, ("Origin", "https://evil.example")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Sec-Fetch-Site", "none")],
    ];
    for (path, media_type, body) in doors(&ann.csrf)? {
        for origin in foreign {
            let headers: Vec<_> = origin.iter().copied().chain([cookie, media_type]).collect();
            let reply = send("POST", path, &headers, &body)?;
            ensure!(reply.status == 403, "{path} from {origin:?}: {} {}", reply.head, reply.text());
            ensure!(reply.header("set-cookie").is_none(), "{path} from {origin:?}: {}", reply.head);
        }
        // A name that resolves to this server (DNS rebinding).
        let rebound = [cookie, media_type, ("Origin", "http://evil.example:8000")];
        let reply = send_to(LOCAL, "evil.example:8000", "POST", path, &rebound, &body)?;
        ensure!(reply.status == 403, "{path} for another host: {}", reply.head);
        // What a link or a picture can send.
        let reply = send("GET", path, &[cookie], b"")?;
        ensure!(reply.header("set-cookie").is_none() && reply.status < 500, "GET {path}: {}", reply.head);
    }
    for wrong in ["", "x", &other.csrf, &ann.csrf.to_uppercase()] {
        for (path, media_type, body) in doors(wrong)?.into_iter().filter(|(path, ..)| !path.starts_with("/sign-in")) {
            let reply = send("POST", path, &[cookie, media_type, ORIGIN], &body)?;
            ensure!(reply.status < 500, "{path} with {wrong:?}: {}", reply.head);
            ensure!(!reply.text().contains("tornado://"), "{path} with {wrong:?} creates an invitation");
        }
        let refused = act(&[cookie, ORIGIN], wrong, &Act::RotateKeys)?.err().context("a change without its token")?;
        ensure!(refused.code == "csrf", "{refused:?}");
    }
    let twice = format!("{0}; {0}", ann.cookie);
    ensure!(data(&[("Cookie", &twice), ORIGIN], &Query::Keys)? == Err(Fault::SignedOut), "two cookies are none");
    let after = state(&ann)?;
    ensure!(before == after, "{before} was changed to {after}");
    ensure!(other.get("/api/v1/me")?.status == 200, "no sign-in has ended");
    Ok(())
}

/// What forged requests would change.
fn state(ann: &SignIn) -> anyhow::Result<Value> {
    let server = ann.get("/api/v1/server")?.json();
    let keys = ann.get("/api/v1/keys")?.json();
    let changes = ann.get("/api/v1/audit?action=invitation.create")?.json();
    ensure!(server["port"] == 4605 && keys["keys"].is_array(), "{server} {keys}");
    Ok(json!([server["host"], keys["keys"], changes["items"]]))
}

fn large_requests_are_refused() -> anyhow::Result<()> {
    let at = SocketAddr::new(SERVER.v4.into(), 8000);
    let ann = SignIn::at(at, "203.0.113.10:8000", NAME)?;
    let cookie = ("Cookie", ann.cookie.as_str());
    let large = vec![b'x'; MAX_BODY + 1];
    for (path, media_type, _) in doors(&ann.csrf)? {
        let reply = send("POST", path, &[cookie, media_type, ORIGIN], &large)?;
        ensure!(reply.status == 413, "{path}: {}", reply.head);
    }
    for (verb, path) in [("POST", "/sign-in"), ("POST", "/setup"), ("POST", "/me/confirm"), ("PATCH", "/users/user1")] {
        let reply = ann.change(verb, &format!("/api/v1{path}"), &"x".repeat(MAX_BODY + 1))?;
        ensure!((reply.status, reply.json()["code"].as_str()) == (413, Some("too_large")), "{path}: {}", reply.head);
    }
    // Without a length, in chunks.
    let mut stream = connect(LOCAL)?;
    let head = format!("POST /sign-in HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nOrigin: http://{HOST}\r\n");
    write!(stream, "{head}Content-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n", FORM.1)?;
    for _ in 0..100 {
        if write!(stream, "1000\r\n{}\r\n", "x".repeat(0x1000)).is_err() {
            break;
        }
    }
    ensure!(read(&mut stream, Instant::now())?.status == 413, "chunks");

    let long = "y".repeat(20_000);
    for (what, path, headers) in [
        ("a long header", "/", vec![("X-Long", long.as_str())]),
        ("many headers", "/", vec![("X-Many", "y"); 2000]),
        ("a long cookie", "/", vec![("Cookie", &long)]),
    ] {
        let reply = send("GET", path, &headers, b"")?;
        ensure!(reply.status == 431, "{what}: {}", reply.head);
    }
    let reply = send("GET", &format!("/?x={}", "y".repeat(100_000)), &[], b"")?;
    ensure!([414, 431].contains(&reply.status), "a long address: {}", reply.head);

    for depth in [1000, 30_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let reply = ann.change("POST", "/api/v1/me/confirm", &nested)?;
        ensure!(reply.status == 400, "{depth} nested lists: {}", reply.head);
    }
    // Bytes that are no content of the pages' program.
    for body in [&b""[..], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", &[0x80; 5000], &[2; 60_000]] {
        for path in ["/data/read", "/data/act"] {
            let reply = send("POST", path, &[cookie, PACKED, ORIGIN], body)?;
            ensure!((400..500).contains(&reply.status), "{path} with {} bytes: {}", body.len(), reply.head);
        }
    }
    // Long and strange words in addresses.
    let word = "%F0%9F%A5%B0%E2%80%AE".repeat(400);
    for path in ["/sessions?text=", "/users?text=", "/users/", "/logs?text=", "/audit?text=", "/sessions/", "/?range="]
    {
        let reply = ann.get(&format!("{path}{word}"))?;
        ensure!(reply.status < 500, "{path}: {}", reply.head);
    }
    Ok(())
}
