//! The profiles as text.

use std::fmt::Write as _;
use tornado_helper_api::Profiles;

pub(crate) fn list(profiles: &Profiles) -> String {
    if profiles.profiles.is_empty() {
        return "This device is not enrolled; run `tornado enroll LINK`.\n".to_owned();
    }
    let width = profiles.profiles.iter().map(|profile| profile.name.as_str().len()).max().unwrap_or_default();
    let mut text = String::new();
    for profile in &profiles.profiles {
        let mark = if profile.in_use { '*' } else { ' ' };
        let login = if profile.logged_in { "" } else { "  (logged out)" };
        let (name, user, server) = (profile.name.as_str(), &profile.user, &profile.server);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{mark} {name:<width$}  {user} at {server}{login}");
    }
    text
}
