//! Accounts of an installation of the original, in a real PostgreSQL: their owners log in with their existing
//! passwords.

use tornado_e2e_engines::Postgres;
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_lanes::world::World;

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
}
