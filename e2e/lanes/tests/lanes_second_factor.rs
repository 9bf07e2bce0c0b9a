//! The second factor of an account, set up on the device.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use tornado_e2e_lanes::world::{PASSWORD, World};

/// The current code of a secret in Base32 (RFC 6238).
fn code(secret: &str) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let totp = totp_rs::Builder::new().with_algorithm(totp_rs::Algorithm::SHA1).with_secret(secret).build().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    totp.generate(now).to_string()
}

#[test]
fn a_second_factor_is_added_and_removed_on_the_device() {
    let world = World::up(1, "").unwrap();
    let device = world.enrolled(1).unwrap();
    let offer = device.cli_with_password(&["totp", "begin", "--json"], PASSWORD).unwrap().success().unwrap();
    let offer: serde_json::Value = offer.json().unwrap();
    let secret = offer["secret"].as_str().unwrap();
    assert!(offer["url"].as_str().unwrap().starts_with("otpauth://totp/"), "{offer}");

    let mut confirm = device.command().unwrap();
    confirm
        .args(["totp", "confirm", "--json"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut confirm = confirm.spawn().unwrap();
    std::io::Write::write_all(&mut confirm.stdin.take().unwrap(), format!("{}\n", code(secret)).as_bytes()).unwrap();
    let confirmed = confirm.wait_with_output().unwrap();
    assert!(confirmed.status.success());
    let codes: serde_json::Value = serde_json::from_slice(&confirmed.stdout).unwrap();
    let recovery = codes["codes"][0].as_str().unwrap();
    assert_eq!(codes["codes"].as_array().map(Vec::len), Some(10));

    // The device stays logged in; the next login requires a code.
    device.cli(&["connect"]).unwrap().success().unwrap();
    device.cli(&["logout"]).unwrap().success().unwrap();
    let refused = device.cli_with_password(&["login"], PASSWORD).unwrap();
    assert_eq!(refused.status.code(), Some(4), "{}", refused.stderr);
    device.cli_with_code(&["login"], PASSWORD, recovery).unwrap().success().unwrap();

    device.cli_with_password(&["totp", "end"], PASSWORD).unwrap().success().unwrap();
    device.cli(&["logout"]).unwrap().success().unwrap();
    device.cli_with_password(&["login"], PASSWORD).unwrap().success().unwrap();
}
