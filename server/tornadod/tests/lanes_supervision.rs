//! The supervisor with its real services.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test panics when its setup fails")]

#[expect(dead_code, reason = "other tests use the other items")]
mod support;

use std::os::unix::fs::MetadataExt as _;
use support::{Lab, SERVICES, is_alive, pid, proc_file, service, signal};

#[test]
fn each_service_comes_back_alone_after_kill_9() {
    let lab = Lab::ready();
    for name in SERVICES {
        let before = lab.status().unwrap();
        signal("KILL", pid(&before, name).unwrap());
        let after = lab.wait("it is back", |status| {
            status["ready"] == true && pid(status, name).is_some() && pid(status, name) != pid(&before, name)
        });
        assert_eq!(service(&after, name)["restarts"], 1, "{name}");
        for other in SERVICES.into_iter().filter(|other| *other != name) {
            assert_eq!(pid(&after, other), pid(&before, other), "{other} was restarted with {name}");
        }
    }
}

#[test]
fn services_drop_rights_and_environment_completely() {
    let lab = Lab::ready();
    for name in SERVICES {
        let pid = lab.pid(name);
        let status = proc_file(pid, "status");
        let field = |field: &str| {
            let line = status.lines().find(|line| line.starts_with(field)).unwrap();
            line[field.len()..].split_ascii_whitespace().map(String::from).collect::<Vec<_>>()
        };
        assert!(field("Uid:").iter().chain(&field("Gid:")).all(|id| id.starts_with("647")), "{name}: {status}");
        assert!(field("Groups:").is_empty(), "{name} kept groups of root");
        assert_eq!(field("NoNewPrivs:"), ["1"]);
        // CAP_NET_ADMIN for interfaces and rules, CAP_NET_BIND_SERVICE for port 53. The bounding set has nothing else,
        // so that no program that a service might start can gain further capabilities.
        let capabilities = match name {
            "wg" => "0000000000001000",
            "dns" => "0000000000000400",
            _ => "0000000000000000",
        };
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(field(set), [capabilities], "{name} {set}");
        }
        let limits = proc_file(pid, "limits");
        let soft = |name: &str| {
            let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
            line[name.len()..].split_ascii_whitespace().next().unwrap().to_owned()
        };
        assert_eq!(soft("Max core file size"), "0", "a core file of {name} could contain its keys");
        assert!(soft("Max open files").parse::<u64>().unwrap() >= 4096, "{name}: {limits}");
        let environment = proc_file(pid, "environ");
        assert!(!environment.contains("SECRET_OF_THE_PARENT"), "{name}: {environment}");
        let stat = proc_file(pid, "stat");
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
        assert_eq!(fields[2], pid.to_string(), "{name} leads its own process group");
        assert_eq!(fields[3], pid.to_string(), "{name} leads its own session");
    }
}

/// SIGHUP makes other servers reload their configuration, but its default action ends a process.
#[test]
fn a_closed_terminal_ends_no_service() {
    let lab = Lab::ready();
    let before = lab.status().unwrap();
    for name in SERVICES {
        signal("HUP", pid(&before, name).unwrap());
    }
    signal("HUP", lab.master_pid());
    let told = || lab.log().matches("SIGHUP ignored").count();
    let after =
        lab.wait("every process has noted the signal", |status| status["ready"] == true && told() > SERVICES.len());
    for name in SERVICES {
        assert_eq!(pid(&after, name), pid(&before, name), "{name} was ended by SIGHUP");
        assert_eq!(service(&after, name)["restarts"], 0, "{name}");
    }
}

/// The supervisor runs only this program, which the services' users cannot change. An order contains a compiled-in
/// service and one of three actions, and must come from root.
#[test]
fn no_input_selects_a_program_for_the_supervisor() {
    let lab = Lab::ready();
    let order = |uid: u32, body: &str| {
        let mut curl = std::process::Command::new("curl");
        curl.args(["--silent", "--max-time", "5", "--output", "/dev/null", "--write-out", "%{http_code}", "--json"]);
        curl.arg(body).arg("--unix-socket").arg(lab.path("run/master.sock")).arg("http://m/v1/control");
        std::os::unix::process::CommandExt::uid(&mut curl, uid);
        String::from_utf8(curl.output().unwrap().stdout).unwrap()
    };
    let before = lab.status().unwrap();
    for body in [
        r#"{"service":"sh","action":"start"}"#,
        r#"{"service":"auth","action":"start","command":"/bin/sh"}"#,
        r#"{"service":"auth","action":"reload_config"}"#,
        r#"{"service":"../auth","action":"start"}"#,
        r#"{"action":"exec"}"#,
    ] {
        assert_eq!(order(0, body), "400", "{body}");
    }
    let good = r#"{"service":"admin","action":"stop"}"#;
    for name in SERVICES {
        let status = proc_file(pid(&before, name).unwrap(), "status");
        let uid =
            status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_ascii_whitespace().next()?.parse().ok());
        assert_eq!(order(uid.unwrap(), good), "403", "{name} stopped the console");
    }
    for name in SERVICES {
        let file = if name == "admin" { "tornado-admind" } else { "tornadod" };
        let program = std::fs::metadata(lab.path(file)).unwrap();
        assert_eq!((program.uid(), program.mode() & 0o022), (0, 0), "users other than root can change {file}");
        let running = std::fs::metadata(format!("/proc/{}/exe", pid(&before, name).unwrap())).unwrap();
        assert_eq!((running.dev(), running.ino()), (program.dev(), program.ino()), "{name} runs another program");
    }
    let after = lab.status().unwrap();
    for name in SERVICES {
        let facts = |status| {
            (pid(status, name), service(status, name)["state"].clone(), service(status, name)["wanted"].clone())
        };
        assert_eq!(facts(&after), facts(&before), "{name} changed");
    }
}

/// An order is carried out, and the reported state is the actual state.
#[test]
fn commands_take_effect_and_the_status_is_accurate() {
    let lab = Lab::ready();
    for name in ["wg", "tor", "client-api"] {
        let before = lab.pid(name);
        assert!(lab.tornadod(&["restart", name]).status.success());
        let after = lab.wait("another process is ready", |status| {
            status["ready"] == true && pid(status, name).is_some_and(|pid| pid != before)
        });
        assert!(!is_alive(before), "the former {name} still runs");
        assert_eq!(service(&after, name)["state"], "ready", "{name}");
        assert!(lab.tornadod(&["stop", name]).status.success());
        let stopped = lab.wait("it is stopped", |status| service(status, name)["state"] == "stopped");
        assert_eq!(
            (pid(&stopped, name), &stopped["ready"]),
            (None, &serde_json::json!(true)),
            "{name}: a stopped service does not make the server unready"
        );
        assert!(lab.tornadod(&["start", name]).status.success());
        lab.wait("it is back", |status| status["ready"] == true && pid(status, name).is_some());
    }
    assert_ne!(lab.tornadod(&["restart", "wg0"]).status.code(), Some(0), "the service does not exist");
}

#[test]
fn services_outlive_the_supervisor_and_are_taken_over() {
    let mut lab = Lab::ready();
    assert!(lab.tornadod(&["stop", "admin"]).status.success());
    let before = lab.wait("admin is stopped", |status| service(status, "admin")["state"] == "stopped");
    lab.kill_master();
    assert_eq!(lab.tornadod(&["status"]).status.code(), Some(3), "exit code 3 means unreachable");
    assert!(lab.tornadod(&["session", "list"]).status.success(), "services respond without their supervisor");
    let living = ["auth", "session", "wg", "tor", "client-api"];
    assert!(living.iter().all(|name| is_alive(pid(&before, name).unwrap())));

    lab.start_master();
    let after = lab.wait("it took over", |status| status["ready"] == true);
    for name in living {
        assert_eq!(pid(&after, name), pid(&before, name), "{name} was restarted");
    }
    assert_eq!(service(&after, "admin")["wanted"], "stopped", "the desired state is kept");

    signal("KILL", pid(&after, "auth").unwrap());
    let again =
        lab.wait("auth is back", |status| status["ready"] == true && pid(status, "auth") != pid(&after, "auth"));
    assert_eq!(pid(&again, "wg"), pid(&before, "wg"));
    assert_eq!(lab.stop_master(), Some(0));
    assert!(living.iter().all(|name| !is_alive(pid(&again, name).unwrap())));
}

#[test]
fn services_that_the_record_does_not_name_are_replaced() {
    let mut lab = Lab::ready();
    let before = lab.status().unwrap();
    lab.kill_master();
    std::fs::remove_file(lab.path("run/master.json")).unwrap();
    lab.start_master();
    let after = lab.wait("a fresh server", |status| status["ready"] == true);
    for name in SERVICES {
        assert!(!is_alive(pid(&before, name).unwrap()), "{name} of the former supervisor still runs");
        assert_eq!(service(&after, name)["restarts"], 0, "{name} was restarted");
    }
}

#[test]
fn a_second_supervisor_is_refused() {
    let lab = Lab::ready();
    let second = lab.tornadod(&["master"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another supervisor"));
    assert!(lab.tornadod(&["status"]).status.success());
}

#[test]
fn services_stop_in_reverse_order_and_leave_nothing() {
    let mut lab = Lab::ready();
    let status = lab.status().unwrap();
    // A service that does not react to SIGTERM delays the shutdown only for a limited time.
    signal("STOP", pid(&status, "admin").unwrap());
    assert_eq!(lab.stop_master(), Some(0));
    assert!(lab.log().contains("did not end in time; killed"));
    for name in SERVICES {
        assert!(!is_alive(pid(&status, name).unwrap()), "{name} still runs");
        assert!(!lab.path(&format!("run/{name}.sock")).exists(), "the socket of {name} still exists");
    }
    let log = lab.log();
    let place = |name: &str| {
        let end = |line: &&str| line.contains("\"stopped\"") && line.contains(&format!("\"service\":\"{name}\""));
        log.lines().position(|line| end(&line)).unwrap_or_else(|| panic!("{name} never stopped\n{log}"))
    };
    assert!(
        place("client-api") < place("wg")
            && place("tor") < place("wg")
            && place("wg") < place("session")
            && place("session") < place("auth")
    );
}

#[test]
fn callers_wait_over_a_restart_and_fail_fast_when_stopped() {
    let lab = Lab::ready();
    let before = lab.pid("session");
    signal("KILL", before);
    // Called at once, while the service is down: the call waits in the backlog of the socket.
    assert!(lab.tornadod(&["session", "list"]).status.success());
    assert!(lab.tornadod(&["stop", "session"]).status.success());
    lab.wait("session is stopped", |status| service(status, "session")["state"] == "stopped");
    let refused = lab.tornadod(&["session", "list"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        said.contains("not reachable") && !said.contains("did not respond"),
        "the call waited for its deadline: {said}"
    );
    assert!(lab.tornadod(&["start", "session"]).status.success());
    lab.wait("session is back", |status| status["ready"] == true);
}

#[test]
fn a_crash_loop_ends_without_effect_on_other_services() {
    // 192.0.2.7 is not an address of the namespace, so the console cannot listen on it.
    let mut lab = Lab::new("[server]\nhost = '192.0.2.1'\n[admin]\nlisten = '192.0.2.7:8000'\n");
    lab.start_master();
    let looping = lab.wait("a crash loop", |status| service(status, "admin")["state"] == "crash_loop");
    assert_eq!(looping["ready"], false);
    for name in ["auth", "session", "wg", "tor", "client-api"] {
        assert_eq!(service(&looping, name)["state"], "ready", "{name}");
        assert_eq!(service(&looping, name)["restarts"], 0, "{name}");
    }
    assert!(!lab.path("run/admin.sock").exists(), "callers must fail fast");
    assert!(lab.log().contains("cannot listen on 192.0.2.7:8000"));
    assert!(lab.tornadod(&["start", "admin"]).status.success());
    lab.wait("it was tried again", |status| service(status, "admin")["restarts"].as_u64() > Some(9));
    assert!(lab.tornadod(&["stop", "admin"]).status.success());
    lab.wait("the rest is a ready server", |status| status["ready"] == true);
}

/// The console's service has no privileges: the first invitation is created in the name of the first
/// operator.
#[test]
fn the_first_operator_comes_by_the_page_and_has_an_invitation() {
    let lab = Lab::ready();
    let link = String::from_utf8(lab.tornadod(&["setup-link"]).stdout).unwrap();
    let code = link.trim().rsplit_once('=').unwrap().1;
    let curl = |path: &str, words: &[&str]| {
        let mut curl = lab.beside("curl");
        curl.args(["--silent", "--include", "--max-time", "20", "--header", "origin: http://localhost:8000"])
            .args(words);
        String::from_utf8(curl.arg(format!("http://localhost:8000{path}")).output().unwrap().stdout).unwrap()
    };
    assert!(curl(&format!("/setup?code={code}"), &[]).contains("name=\"token\""), "the form of the first operator");
    let form = format!("token={code}&name=olga&password=correct-horse");
    let created = curl("/setup", &["--data", &form]);
    assert!(created.starts_with("HTTP/1.1 303") && created.contains("location: /setup/host"), "{created}");
    let after = |page: &str, text: &str, end: char| {
        page.split_once(text).unwrap_or_else(|| panic!("no {text} in {page}")).1.split(end).next().unwrap().to_owned()
    };
    let cookie = format!("cookie: __Host-tornado={}", after(&created, "__Host-tornado=", ';'));
    let page = curl("/setup/host", &["--header", &cookie]);
    let csrf = after(&page, "name=\"csrf\" value=\"", '"');
    let form = format!("csrf={csrf}&host=192.0.2.1");
    let named = curl("/setup/host", &["--header", &cookie, "--data", &form]);
    assert!(named.starts_with("HTTP/1.1 303") && named.contains("location: /setup/invite"), "{named}");
    let foreign = curl("/setup/invite", &["--header", &cookie, "--data", "csrf=other"]);
    assert!(!foreign.contains("tornado://"), "{foreign}");
    let invited = curl("/setup/invite", &["--header", &cookie, "--data", &format!("csrf={csrf}")]);
    assert!(invited.contains("tornado://192.0.2.1:4605/?i="), "{invited}");
    let trail = String::from_utf8(lab.tornadod(&["audit", "list", "--json"]).stdout).unwrap();
    let rows: serde_json::Value = serde_json::from_str(&trail).unwrap();
    let made = rows.as_array().unwrap().iter().find(|row| row["action"] == "invitation.create").unwrap();
    assert_eq!(made["actor"], "operator:olga", "{trail}");
}

#[test]
fn operators_commands() {
    let lab = Lab::ready();
    let text = |arguments: &[&str]| {
        let output = lab.tornadod(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(text(&["setup-link"]).starts_with("http://localhost:8000/setup?code="));
    assert!(text(&["invite", "create"]).starts_with("tornado://192.0.2.1:4605/?i="));
    assert!(text(&["invite", "create", "--qr"]).contains('█'));
    let made: serde_json::Value = serde_json::from_str(&text(&["invite", "create", "--json"])).unwrap();
    assert!(made["link"].as_str().unwrap().contains("&t="), "an invitation pins the certificate");
    assert_eq!(text(&["session", "list", "--json"]).trim(), "[]");
    assert!(text(&["status"]).contains("client-api  running  ready"));
    assert!(text(&["check-config"]).contains("The configuration is valid"));
    let bad = lab.tornadod(&["invite", "create", "--host", "a b"]);
    assert_eq!(bad.status.code(), Some(4), "{}", String::from_utf8_lossy(&bad.stderr));
    assert_eq!(lab.tornadod(&["invite", "create", "--devices", "11"]).status.code(), Some(2));
}
