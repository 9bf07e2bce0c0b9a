//! The switch from an installation of the original, as `docs/setup.md` describes it: accounts in a real PostgreSQL
//! whose owners log in with their existing passwords, and clients that speak the original's plain HTTP through nginx.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::json;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tornado_e2e_engines::Postgres;
use tornado_e2e_harness::{Process, SERVER, wait_for};
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_lanes::wireguard_go::{PeerConfig, WireGuardGo};
use tornado_e2e_lanes::world::World;
use tornado_shared::model::PrivateKey;

/// The columns of the original's table, with the argon2-cffi 25 hash of `the old password`.
const ORIGINAL: &str = "
CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), username varchar(50) NOT NULL, email varchar(255) NOT NULL,
    password_hash text NOT NULL, is_active boolean NOT NULL DEFAULT true,
    max_devices integer NOT NULL DEFAULT 1 CHECK (max_devices > 0), total_sessions bigint NOT NULL DEFAULT 0,
    total_bytes_tx bigint NOT NULL DEFAULT 0, total_bytes_rx bigint NOT NULL DEFAULT 0, last_login_at timestamptz,
    last_seen_at timestamptz, last_client_ip inet, last_device_id text, deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
INSERT INTO users (username, email, password_hash, max_devices, is_active, deleted_at)
SELECT name, name || '@example.org',
    '$argon2id$v=19$m=65536,t=3,p=4$tetbm1ygQqOyRYqVr1XsyA$Z52KaQ56G5+Az8NDMAOYlkq+5OvYTn514+pvo3zK43M', most, active, gone
FROM (VALUES ('margaret', 25, true, NULL), ('suspended', 1, false, NULL), ('no good name', 1, true, NULL),
    ('deleted', 1, true, now())) AS old (name, most, active, gone);";

#[test]
fn imported_accounts_log_in_with_their_old_passwords() {
    let world = World::up(1, "").unwrap();
    let postgres = Postgres::shared().unwrap();
    let url = postgres.database().unwrap();
    let database = url.strip_prefix("postgres:///").unwrap().split('?').next().unwrap();
    postgres.sql(database, ORIGINAL).unwrap();

    let dry = world.server.cli(&["import", &url, "--dry-run", "--json"]).unwrap();
    assert_eq!(dry.status.code(), Some(4), "{}{}", dry.stdout, dry.stderr);
    assert!(
        world.server.json(&["user", "list"]).unwrap().as_array().unwrap().is_empty(),
        "a dry run must not change anything"
    );

    for round in ["made", "taken"] {
        let import = world.server.cli(&["import", &url, "--json"]).unwrap();
        assert_eq!(import.status.code(), Some(4), "one name is invalid: {}{}", import.stdout, import.stderr);
        let report: serde_json::Value = serde_json::from_str(&import.stdout).unwrap();
        assert_eq!(report[round], serde_json::json!(["margaret", "suspended"]), "{report}");
        assert_eq!(report["refused"][0][0], "no good name", "{report}");
    }
    let margaret = world.server.json(&["user", "show", "margaret@example.org"]).unwrap();
    assert_eq!(margaret["user"]["max_devices"], 10, "the limit must be the maximum of this server");
    let suspended = world.server.json(&["user", "show", "suspended"]).unwrap();
    assert_eq!(suspended["user"]["is_active"], false);
    world.server.cli(&["audit", "verify"]).unwrap().success().unwrap();

    let (host, api) = (world.device_host(1).unwrap(), world.api());
    host.block_on(|| async {
        let mut client = OriginalClient::new(api).unwrap();
        for (name, password, code) in [
            ("margaret", "another password", "invalid_credentials"),
            ("suspended", "the old password", "user_inactive"),
            ("deleted", "the old password", "invalid_credentials"),
        ] {
            let refused = client.login(name, password).await.unwrap();
            assert_eq!((refused.status, refused.body["detail"].as_str()), (401, Some(code)), "{name}: {refused:?}");
        }
        let login = client.login("margaret", "the old password").await.unwrap().ok().unwrap();
        assert_eq!(login["user"]["username"], "margaret");
    })
    .unwrap();
    an_old_client_connects_over_plain_http(&world);
}

/// The file for nginx with the ports of the lab, where the device API keeps port 4605.
fn nginx(world: &World, dir: &TempDir) -> Process {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../installers/proxy/original-clients.conf");
    let example = std::fs::read_to_string(example).unwrap();
    let site = example.replace("4605;", "4600;").replace(":4606;", ":4605;");
    assert!(site.contains("listen 4600;") && site.contains("https://127.0.0.1:4605;"), "{site}");
    std::fs::write(dir.path().join("site.conf"), site).unwrap();
    let main = format!(
        "user root;\nworker_processes 1;\npid {dir}/nginx.pid;\nerror_log {dir}/error.log;\nevents {{}}\nhttp {{\n\
         access_log off;\nclient_body_temp_path {dir}/body;\nproxy_temp_path {dir}/proxy;\nfastcgi_temp_path {dir}/f;\n\
         uwsgi_temp_path {dir}/u;\nscgi_temp_path {dir}/s;\ninclude {dir}/site.conf;\n}}\n",
        dir = dir.path().display()
    );
    let path = dir.path().join("nginx.conf");
    std::fs::write(&path, main).unwrap();
    let host = world.lab.host("server").unwrap();
    let mut command = host.command("nginx");
    command.arg("-c").arg(&path).args(["-g", "daemon off;"]);
    host.spawn("nginx", command).unwrap()
}

fn an_old_client_connects_over_plain_http(world: &World) {
    let dir = tempfile::tempdir().unwrap();
    let _nginx = nginx(world, &dir);
    let host = world.device_host(1).unwrap();
    let front = (SERVER.v4, 4600).into();
    let health = || host.block_on(|| async { OriginalClient::plain(front)?.get("/health").await?.ok() });
    wait_for("nginx", Duration::from_secs(20), || Ok(health().ok().and_then(Result::ok))).unwrap();

    let key = PrivateKey::random();
    let public_key = key.public_key();
    let (client, bundle) = host
        .block_on(|| async {
            let mut client = OriginalClient::plain(front).unwrap();
            client.login("margaret", "the old password").await.unwrap().ok().unwrap();
            let initiate = client.post("/vpn/initiate", &json!({ "public_key": public_key })).await.unwrap();
            (client, initiate.ok().unwrap())
        })
        .unwrap();
    let destinations = vec![world.internet.http_v4().ip()];
    let peer = PeerConfig::of_bundle(&bundle, key, destinations).unwrap();
    let tunnel = WireGuardGo::up(host, "wgo0", &peer).unwrap();
    let seen = host.http_get(world.internet.http_v4(), "/").unwrap().seen_as().unwrap();
    assert_eq!(seen, IpAddr::from(SERVER.v4));
    drop(tunnel);

    host.block_on(|| async {
        let mut client = client;
        let beat = client.post("/session/heartbeat", &json!({})).await.unwrap().ok().unwrap();
        assert_eq!(beat, json!({ "status": "ok" }));
        client.reauth().await.unwrap().ok().unwrap();
        let other = client.get("/v2/server").await.unwrap();
        assert_eq!(other.status, 404, "only routes of the original must be reachable without TLS: {other:?}");
        client.logout().await.unwrap().ok().unwrap();
    })
    .unwrap();
}
