//! schemathesis derives requests from the OpenAPI document of a whole server, valid and invalid ones: no answer is a
//! failure of the server, has a status that the document does not list, or a body that differs from it, and what the
//! document excludes is refused.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use anyhow::ensure;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tornado_e2e_harness::{patient, skip};
use tornado_e2e_lanes::world::World;

/// The version from PyPI.
const VERSION: &str = "4.32.5";
const CONSOLE: &str = "http://127.0.0.1:8000";
const PASSWORD: &str = "correct horse battery";
/// Passwords that cost little: a good part of the requests has one.
const CONFIG: &str = "[auth.argon2]\nmemory_kib = 8192\npasses = 1\nlanes = 1\n";
/// Operators, each with a rate of 200 requests a minute, of which 30 costly ones.
const OPERATORS: usize = 8;
/// Streams have no end, and are described in words only.
const STREAMS: [&str; 3] = ["/api/v1/events", "/api/v1/logs/tail", "/api/v1/metrics/live"];
/// What every answer is checked for.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance";

/// The program, installed once; otherwise the reason why PyPI cannot be reached.
///
/// # Errors
///
/// It cannot be installed for another reason.
fn tool() -> anyhow::Result<Result<PathBuf, String>> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let folder = std::path::absolute(target.join(format!("schemathesis-{VERSION}")))?;
    let (program, ready) = (folder.join("bin/schemathesis"), folder.join("ready"));
    if ready.exists() {
        return Ok(Ok(program));
    }
    let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).status()?;
    ensure!(made.success(), "python3 cannot create {}; install python3-venv", folder.display());
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"]);
    let installed = pip.arg(format!("schemathesis=={VERSION}")).output()?;
    let words = String::from_utf8_lossy(&installed.stderr).into_owned();
    if installed.status.success() {
        std::fs::write(ready, "")?;
        return Ok(Ok(program));
    }
    // pip's words if it has received no list of versions at all.
    let is_unreachable = words.contains("(from versions: none)");
    ensure!(is_unreachable, "cannot install schemathesis {VERSION}: {words}");
    let last = words.lines().last().unwrap_or_default();
    Ok(Err(format!("PyPI cannot be reached to install schemathesis {VERSION}: {last}")))
}

/// Calls the API. Returns the head and the body of the response.
fn call(world: &World, verb: &str, path: &str, headers: &[String], body: &Value) -> (String, Value) {
    let url = format!("{CONSOLE}/api/v1{path}");
    let origin = format!("Origin: {CONSOLE}");
    let mut words = vec!["curl", "-sS", "-D", "/dev/stderr", "-X", verb, "-H", &origin];
    words.extend(headers.iter().flat_map(|header| ["-H", header.as_str()]));
    let body = body.to_string();
    if verb != "GET" {
        words.extend(["-H", "Content-Type: application/json", "-d", &body]);
    }
    words.push(&url);
    let output = world.lab.host("server").unwrap().exec(&words).unwrap();
    (output.stderr, serde_json::from_str(&output.stdout).unwrap())
}

/// Operators with a sign-in and an API token each: the headers of their requests.
fn callers(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for number in 0..OPERATORS {
        let name = format!("owner{number}");
        let mut command = world.server.command().unwrap();
        command.args(["operator", "add", &name, "--role", "owner", "--password-stdin"]).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        let (head, signed_in) = call(world, "POST", "/sign-in", &[], &json!({ "name": name, "password": PASSWORD }));
        let cookie = head.lines().find_map(|line| line.to_lowercase().starts_with("set-cookie: ").then(|| &line[12..]));
        let cookie = cookie.unwrap().split(';').next().unwrap().to_owned();
        let csrf = signed_in["csrf_token"].as_str().unwrap().to_owned();
        let headers = [format!("Cookie: {cookie}"), format!("X-CSRF-Token: {csrf}")];
        let rights = call(world, "GET", "/me", &headers, &Value::Null).1["rights"].clone();
        let is_scope = |right: &&Value| {
            let right = right.as_str().unwrap();
            let never = ["own.", "tokens.", "operators.", "backup.", "logs.write"];
            !never.iter().any(|start| right.starts_with(start))
        };
        let scopes: Vec<&Value> = rights.as_array().unwrap().iter().filter(is_scope).collect();
        let token = call(world, "POST", "/api-tokens", &headers, &json!({ "name": "st", "scopes": scopes })).1;
        all.push(json!({ "Authorization": format!("Bearer {}", token["token"].as_str().unwrap()) }));
        all.push(json!({ "Cookie": cookie, "X-CSRF-Token": csrf, "Origin": CONSOLE }));
    }
    all
}

/// The document as it is served, without the streams, and without `default`, which would permit every status.
fn document(world: &World, caller: &Value) -> Value {
    let authorization = format!("Authorization: {}", caller["Authorization"].as_str().unwrap());
    let mut document = call(world, "GET", "/openapi.json", &[authorization], &Value::Null).1;
    let paths = document["paths"].as_object_mut().unwrap();
    assert!(paths.len() > 50, "{}", paths.len());
    paths.retain(|path, _| !STREAMS.contains(&path.as_str()));
    for operation in paths.values_mut().flat_map(|item| item.as_object_mut().unwrap().values_mut()) {
        operation["responses"].as_object_mut().unwrap().remove("default");
    }
    document
}

/// What `hooks.py` needs: who calls, values that exist, what must stay, and values to use instead.
fn known(world: &World, callers: &[Value]) -> Value {
    let cookie = |caller: &Value, name: &str| format!("{name}: {}", caller[name].as_str().unwrap());
    let headers = ["Cookie", "X-CSRF-Token"].map(|name| cookie(&callers[1], name));
    let mut kept = vec![json!("user1")];
    for (path, field) in
        [("/operators", "name"), ("/sign-ins", "id"), ("/api-tokens", "id"), ("/users/user1/devices", "id")]
    {
        let list = call(world, "GET", path, &headers, &Value::Null).1;
        let items = list["items"].as_array().unwrap().iter().map(|item| item[field].clone());
        kept.extend(items);
    }
    let services = call(world, "GET", "/services", &headers, &Value::Null).1;
    kept.extend(services["services"].as_array().unwrap().iter().map(|service| service["name"].clone()));
    assert!(kept.len() > 3 * OPERATORS && kept.iter().all(Value::is_string), "{kept:?}");
    let none = "00000000-0000-4000-8000-000000000000";
    // The service `dns` does nothing for this test.
    json!({
        "callers": callers,
        "kept": kept,
        "values": { "user": "user1", "service": "dns", "name": "errors" },
        "instead": { "user": "unknown", "service": "dns", "name": "unknown", "id": none, "device_id": none, "unit": "none" },
    })
}

#[test]
fn every_answer_is_as_the_document_says() {
    let tool = match tool().unwrap() {
        Ok(tool) => tool,
        Err(reason) => return skip(&reason),
    };
    let is_long = std::env::var_os("TORNADO_TEST_ALL").is_some();
    let (seconds, seed) = if is_long { (600, rand::random::<u32>()) } else { (60, 7) };
    let world = World::up(1, CONFIG).unwrap();
    let callers = callers(&world);
    let device = world.enrolled(1).unwrap();
    device.json(&["connect"]).unwrap();
    world.wait_sessions(1, Duration::from_secs(60)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, value: &Value| std::fs::write(path(name), value.to_string()).unwrap();
    write("schema.json", &document(&world, &callers[0]));
    write("known.json", &known(&world, &callers));
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis");

    let host = world.lab.host("server").unwrap();
    let mut command = host.command(tool);
    command.args(["run", &path("schema.json").display().to_string(), "--url", CONSOLE, "--checks", CHECKS]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--continue-on-failure"]);
    // Python 3.11 counts the recursion of its parser for all threads together, and hypothesis parses source code.
    command.args(["--max-time", &seconds.to_string(), "--request-timeout", "20", "--workers", "1", "--no-color"]);
    command.args(["--seed", &seed.to_string(), "--generation-database", "none", "--output-truncate", "false"]);
    command.current_dir(folder.path()).env("PYTHONPATH", hooks).env("SCHEMATHESIS_HOOKS", "hooks");
    command.env("TORNADO_KNOWN", path("known.json")).env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "*");
    let output = host.run(command, patient(Duration::from_secs(seconds + 120))).unwrap();
    let report = format!("{}{}", output.stdout, output.stderr);
    assert!(output.ok(), "{report}");
    let generated = report.lines().find(|line| line.contains(" generated, ")).unwrap_or_default();
    println!("schemathesis, seed {seed}: {}", generated.trim());
    let count: u32 = generated.split_whitespace().next().and_then(|count| count.parse().ok()).unwrap_or(0);
    // About a thousand on two free cores.
    assert!(count > 40, "{report}");
    // Of the requests that were generated, some restart `dns`, the only service that they may name.
    let status = world.server.status().unwrap();
    let has_ended = |one: &Value| one["name"] != "dns" && one["restarts"] != 0;
    assert!(!status["services"].as_array().unwrap().iter().any(has_ended), "{status}");
}
