//! The preferences, in one file of the user, and what the system says about language and name.

use anyhow::Context as _;
use parking_lot::Mutex;
use std::path::PathBuf;
use tauri::{AppHandle, Manager as _};
use tornado_gui_api::{Lane, Language, Preferences};
use tornado_kit::files::{Access, Durability, optional, replace};
use tornado_shared::model::DeviceName;

/// The preferences and their file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    preferences: Mutex<Preferences>,
}

impl Store {
    /// Reads the file of this user. An unreadable or invalid file counts as the defaults, and is replaced when the
    /// preferences are saved.
    ///
    /// # Errors
    ///
    /// The user has no directory for configuration.
    pub fn open(app: &AppHandle) -> anyhow::Result<Self> {
        let directory = app.path().app_config_dir().context("cannot find the user's directory for configuration")?;
        Ok(Self::at(directory.join("preferences.json")))
    }

    fn at(path: PathBuf) -> Self {
        let text = optional(std::fs::read(&path)).ok().flatten().unwrap_or_default();
        Self { path, preferences: Mutex::new(serde_json::from_slice(&text).unwrap_or_default()) }
    }

    /// The preferences.
    pub fn now(&self) -> Preferences {
        *self.preferences.lock()
    }

    /// Replaces the preferences, but not the lane of the latest tunnel.
    ///
    /// # Errors
    ///
    /// The directory cannot be created, or the file cannot be written. The preferences then hold until the program
    /// ends.
    pub fn save(&self, preferences: Preferences) -> anyhow::Result<()> {
        self.change(|now| *now = Preferences { last_lane: now.last_lane, ..preferences })
    }

    /// Stores the lane of the latest tunnel.
    ///
    /// # Errors
    ///
    /// As of [`Self::save`].
    pub fn remember(&self, lane: Option<Lane>) -> anyhow::Result<()> {
        self.change(|now| now.last_lane = lane)
    }

    fn change(&self, change: impl FnOnce(&mut Preferences)) -> anyhow::Result<()> {
        let preferences = {
            let mut now = self.preferences.lock();
            change(&mut now);
            *now
        };
        let failed = || format!("cannot save the preferences in {}", self.path.display());
        let directory = self.path.parent().with_context(failed)?;
        std::fs::create_dir_all(directory).with_context(failed)?;
        let text = serde_json::to_vec_pretty(&preferences).with_context(failed)?;
        replace(&self.path, &text, Access::mode(0o600), Durability::Synced).with_context(failed)
    }
}

/// The language of the session, as `LC_ALL`, `LC_MESSAGES` and `LANG` name it.
pub fn system_language() -> Option<Language> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    language_of(&["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set)?)
}

fn language_of(locale: &str) -> Option<Language> {
    let primary = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
    match primary {
        "en" => Some(Language::En),
        "de" => Some(Language::De),
        "es" => Some(Language::Es),
        "fa" => Some(Language::Fa),
        _ => None,
    }
}

/// The machine's host name up to its first dot, if it is valid as a device's name.
pub fn device_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: Result<DeviceName, _> = name.trim().split('.').next().unwrap_or_default().parse();
    name.map(|name| name.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_gui_api::Theme;

    #[test]
    fn preferences_survive_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/preferences.json");
        let dark = Preferences { theme: Theme::Dark, language: Some(Language::Fa), ..Preferences::default() };
        let store = Store::at(path.clone());
        store.remember(Some(Lane::Tor)).unwrap();
        store.save(dark).unwrap();
        assert_eq!(Store::at(path).now(), Preferences { last_lane: Some(Lane::Tor), ..dark });
    }

    #[test]
    fn a_damaged_file_counts_as_the_defaults() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("preferences.json");
        std::fs::write(&path, "{\"theme\": 7").unwrap();
        assert_eq!(Store::at(path.clone()).now(), Preferences::default());
        Store::at(path.clone()).save(Preferences { connect_at_start: true, ..Preferences::default() }).unwrap();
        assert!(Store::at(path).now().connect_at_start);
    }

    #[test]
    fn locales_name_their_language() {
        let languages = ["de_AT.UTF-8", "fa", "C.UTF-8", "en-GB"].map(language_of);
        assert_eq!(languages, [Some(Language::De), Some(Language::Fa), None, Some(Language::En)]);
    }
}
