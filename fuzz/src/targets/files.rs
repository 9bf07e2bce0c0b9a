//! Files: the server's configuration and the helper's stored state.

use tornado_live::RedisUrl;
use tornado_store::PostgresUrl;

/// `tornado.toml`: an accepted configuration can be printed, and the output is TOML.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match tornadod::fuzzing::config(text) {
        Ok(effective) => assert!(toml::from_str::<toml::Table>(&effective).is_ok(), "{effective}"),
        Err(why) => assert!(!why.is_empty()),
    }
}

/// The table `[tor]`: an accepted table must produce a torrc without injected lines.
pub fn torrc(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = toml::from_str::<tornado_tor::Config>(text) {
        tornado_tor::fuzzing::torrc(&config);
    }
}

/// URLs of the profile `cluster`: an accepted URL must contain no credentials and stay the same when it is printed and
/// parsed again.
pub fn cluster_url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(url) = text.parse::<PostgresUrl>() {
        let again = url.to_string();
        assert_eq!(again.parse::<PostgresUrl>().map(|url| url.to_string()), Ok(again));
    }
    if let Ok(url) = text.parse::<RedisUrl>() {
        assert_eq!(url.to_string().parse::<RedisUrl>(), Ok(url));
    }
}

/// The helper's files.
pub fn helper_file(bytes: &[u8]) {
    tornado_helper::fuzzing::account(bytes);
    tornado_helper::fuzzing::wanted(bytes);
}
