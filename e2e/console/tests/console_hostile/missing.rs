//! Services and databases that are missing: every page is served in time, and says what it cannot show.

use crate::http::{Reply, SignIn};
use crate::site::{CONSOLE, NAME, add_operator, drive, signed_in, up_with};
use anyhow::{Context as _, anyhow, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;
use tornado_e2e_console::browser::Browser;
use tornado_e2e_harness::{DeviceProc, ServerOptions, patient, wait_for};
use tornado_e2e_lanes::world::World;

const WITHIN: Duration = Duration::from_secs(60);
/// Longest time for a page.
const PAGE: Duration = Duration::from_secs(2);

/// Each page, with `ID` for that of the session, words that it always has, and the services that it cannot do without
/// a word about them. All of them need `auth`, which knows the sign-in.
const PAGES: &[(&str, &str, &[&str])] = &[
    ("/", "Overview", &["session", "tor", "telemetry", "wg"]),
    ("/sessions", "Sessions", &["session"]),
    ("/sessions/ID", "Session", &["session"]),
    ("/users", "Users", &["session"]),
    ("/users/user1", "user1", &["session"]),
    ("/tor", "Tor", &["session", "tor", "wg"]),
    ("/services", "Services", &["telemetry"]),
    ("/logs", "Logs", &["telemetry"]),
    ("/keys", "Keys", &[]),
    ("/audit", "Audit", &[]),
    ("/settings", "Settings", &[]),
    ("/about", "About", &[]),
    ("/setup/host", "address", &["tor"]),
];

/// A server with a connected device, a sign-in, and the id of the session.
fn world(options: ServerOptions) -> anyhow::Result<(World, DeviceProc, SignIn, String)> {
    let world = up_with(options)?;
    add_operator(&world, NAME, "owner")?;
    let device = world.enrolled(1)?;
    device.json(&["connect"])?;
    world.wait_sessions(1, WITHIN)?;
    let host = world.lab.host("server")?;
    let signed_in = host.enter(SignIn::new)??;
    let sessions = host.enter(|| signed_in.get("/api/v1/sessions"))??.json();
    let id = sessions["items"][0]["id"].as_str().context("the session")?.to_owned();
    Ok((world, device, signed_in, id))
}

/// Opens all pages at the same time.
fn pages(world: &World, signed_in: &SignIn, id: &str) -> anyhow::Result<Vec<Reply>> {
    let open = |path: &str| world.lab.host("server")?.enter(|| signed_in.get(&path.replace("ID", id)))?;
    std::thread::scope(|scope| {
        let opened: Vec<_> = PAGES.iter().map(|(path, ..)| scope.spawn(|| open(path))).collect();
        let joined =
            |page: std::thread::ScopedJoinHandle<'_, _>| page.join().map_err(|_| anyhow!("a page panicked"))?;
        opened.into_iter().map(joined).collect()
    })
}

/// The faults of all pages while `missing` is missing. Empty: nothing is. A busy machine gets several attempts, because
/// a page has 2 s of real time.
fn faults(world: &World, signed_in: &SignIn, id: &str, missing: &str, how: &str) -> anyhow::Result<Vec<String>> {
    let mut last = Vec::new();
    for _ in 0..4 {
        last = faults_now(world, signed_in, id, missing, how)?;
        if last.is_empty() {
            break;
        }
    }
    Ok(last)
}

fn faults_now(world: &World, signed_in: &SignIn, id: &str, missing: &str, how: &str) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for ((path, words, needed), page) in PAGES.iter().zip(pages(world, signed_in, id)?) {
        let mut fault = |what: String| faults.push(format!("{path} without {missing} ({how}): {what}"));
        let text = page.text();
        if page.status != 200 || !text.contains(words) {
            fault(format!("{} {}", page.status, text.chars().take(300).collect::<String>()));
        }
        if page.took > patient(PAGE) {
            fault(format!("took {:?}", page.took));
        }
        let absent = format!("{missing} did not respond");
        if (missing == "auth" || needed.contains(&missing)) && !text.contains(&absent) {
            fault("does not say so".to_owned());
        }
        // The lines on the page of the logs contain such words, too.
        let others =
            text.match_indices(" did not respond").filter_map(|(end, _)| text[..end].rsplit(['>', ' ']).next());
        let other = others.filter(|_| *path != "/logs").find(|other| *other != missing);
        if let Some(other) = other {
            fault(format!("says that {other} did not respond"));
        }
    }
    Ok(faults)
}

fn signal(pid: u32, signal: Signal) -> anyhow::Result<()> {
    Ok(kill(Pid::from_raw(pid.cast_signed()), signal)?)
}

#[test]
fn every_page_is_served_while_a_service_is_missing() -> anyhow::Result<()> {
    let (mut world, _device, signed_in, id) = world(ServerOptions::default())?;
    let mut all = faults(&world, &signed_in, &id, "", "everything runs")?;
    for service in ["auth", "session", "tor", "telemetry", "wg"] {
        let pid = world.server.pid_of(service)?;
        signal(pid, Signal::SIGSTOP)?;
        let frozen = faults(&world, &signed_in, &id, service, "it hangs");
        // The supervisor may have replaced it in between.
        drop(signal(pid, Signal::SIGCONT));
        all.extend(frozen?);
        world.server.cli(&["stop", service])?.success()?;
        wait_for("the end of the service", WITHIN, || Ok(world.server.running(service)?.is_none().then_some(())))?;
        all.extend(faults(&world, &signed_in, &id, service, "it is stopped")?);
        world.server.cli(&["start", service])?.success()?;
        world.server.wait_ready(WITHIN)?;
    }
    wait_for("all pages without a word of a missing service", WITHIN, || {
        Ok(faults(&world, &signed_in, &id, "", "everything runs again").is_ok_and(|all| all.is_empty()).then_some(()))
    })?;
    ensure!(all.is_empty(), "{}", all.join("\n"));
    open_pages(&world)
}

/// Waits until the page has a text or no longer has it.
async fn shows(browser: &Browser, text: &str, is_shown: bool) -> anyhow::Result<()> {
    let find = "return document.querySelector('main').innerText.includes(arguments[0])";
    for _ in 0..300 {
        if browser.client().execute(find, vec![text.into()]).await? == serde_json::Value::Bool(is_shown) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("{}: {text:?} is shown: {}", browser.client().current_url().await?, !is_shown)
}

/// Pages that are open while services stop.
fn open_pages(world: &World) -> anyhow::Result<()> {
    let order = |verb: &str, service: &str| -> anyhow::Result<()> {
        world.server.cli(&[verb, service])?.success()?;
        Ok(())
    };
    drive(world, || async {
        let browser = signed_in().await?;
        for (path, content, service) in
            [("/sessions", "user1", "session"), ("/tor", "Tor", "tor"), ("/services", "client-api", "auth")]
        {
            browser.open(&format!("{CONSOLE}{path}")).await?;
            shows(&browser, content, true).await?;
            let absent = format!("{service} did not respond");
            order("stop", service)?;
            shows(&browser, &absent, true).await?;
            shows(&browser, content, true).await?;
            order("start", service)?;
            shows(&browser, &absent, false).await?;
            shows(&browser, content, true).await?;
        }
        browser.finish().await
    })
}

#[test]
fn every_page_is_served_while_a_database_is_missing() -> anyhow::Result<()> {
    let options = ServerOptions { cluster: true, ..ServerOptions::default() };
    let (mut world, _device, signed_in, id) = world(options)?;
    let mut all = faults(&world, &signed_in, &id, "", "everything runs")?;
    for (database, is_frozen) in [("PostgreSQL", true), ("PostgreSQL", false), ("Redis", true), ("Redis", false)] {
        let cluster = world.server.cluster().context("databases")?;
        let (postgres, redis) = (&cluster.postgres, &cluster.redis);
        match (database, is_frozen) {
            ("PostgreSQL", true) => postgres.freeze()?,
            ("PostgreSQL", false) => postgres.kill(),
            (_, true) => redis.freeze()?,
            (_, false) => redis.kill(),
        }
        let how = format!("{database} {}", if is_frozen { "hangs" } else { "is killed" });
        if database == "PostgreSQL" {
            all.extend(faults(&world, &signed_in, &id, "auth", &how)?);
        } else {
            // `session` continues with what it has in memory.
            all.extend(faults(&world, &signed_in, &id, "", &how)?);
            let host = world.lab.host("server")?;
            wait_for(&format!("the overview to say that {how}"), WITHIN / 2, || {
                let page = host.enter(|| signed_in.get("/"))?;
                let text = page.map(|page| page.text()).unwrap_or_default();
                let state = text.split("Live state").nth(1).and_then(|rest| rest.split("</dd>").next());
                Ok(state.is_some_and(|state| state.contains("Not as desired")).then_some(()))
            })?;
        }
        match (database, is_frozen) {
            ("PostgreSQL", true) => postgres.thaw()?,
            ("PostgreSQL", false) => postgres.restart()?,
            (_, true) => redis.thaw()?,
            (_, false) => redis.restart()?,
        }
        world.server.wait_ready(WITHIN)?;
    }
    ensure!(all.is_empty(), "{}", all.join("\n"));
    Ok(())
}
