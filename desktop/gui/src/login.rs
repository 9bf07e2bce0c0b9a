//! Start at login: a file in the user's `autostart` directory (freedesktop.org, Desktop Application Autostart).

use anyhow::Context as _;
use std::path::Path;
use tornado_kit::files::{Access, Durability, optional, replace};

/// Name of the file.
const NAME: &str = "org.tornado.client.desktop";

/// Creates or removes the file below the user's directory for configuration.
///
/// # Errors
///
/// The file cannot be written or removed.
pub fn sync(config: &Path, program: &Path, is_desired: bool) -> anyhow::Result<()> {
    let path = config.join("autostart").join(NAME);
    let failed = || format!("cannot change {}", path.display());
    if !is_desired {
        return optional(std::fs::remove_file(&path)).map(drop).with_context(failed);
    }
    std::fs::create_dir_all(config.join("autostart")).with_context(failed)?;
    replace(&path, entry(program).as_bytes(), Access::mode(0o644), Durability::Synced).with_context(failed)
}

/// The desktop entry. In `Exec`, a word with special characters is quoted, and `%` is doubled.
fn entry(program: &Path) -> String {
    let path = program.display().to_string().replace('%', "%%");
    let quoted: String =
        path.chars().flat_map(|c| "\\\"`$".contains(c).then_some('\\').into_iter().chain([c])).collect();
    format!(
        "[Desktop Entry]\nType=Application\nName=Tornado VPN\nExec=\"{quoted}\" --hidden\nTerminal=false\n\
         X-GNOME-Autostart-enabled=true\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_exists_only_while_it_is_desired() {
        let config = tempfile::tempdir().unwrap();
        let file = config.path().join("autostart").join(NAME);
        for is_desired in [false, true, true, false, false] {
            sync(config.path(), Path::new("/usr/bin/tornado-gui"), is_desired).unwrap();
            assert_eq!(file.exists(), is_desired);
        }
    }

    #[test]
    fn a_path_with_special_characters_stays_one_word() {
        let lines = entry(Path::new("/opt/a $b/%c"));
        assert!(lines.contains("Exec=\"/opt/a \\$b/%%c\" --hidden\n"), "{lines}");
    }
}
