//! The one window: opening, reopening, closing.

use crate::preferences::Store;
use parking_lot::Mutex;
use tauri::{AppHandle, Manager as _, WebviewWindow, WebviewWindowBuilder, WindowEvent};
use tornado_helper_api::{Helper as _, HelperClient, HelperError, NoInput};

/// Label of the window.
const MAIN: &str = "main";
/// Starts the program without its window.
const HIDDEN: &str = "--hidden";
/// Start of an invitation link.
const SCHEME: &str = "tornado://";

/// What the program was started with.
#[derive(Debug, Default)]
pub struct Opened {
    is_hidden: bool,
    invitation: Mutex<Option<String>>,
}

impl Opened {
    /// From the arguments of the command line, the first of which is the program.
    pub fn of(arguments: &[String]) -> Self {
        let is_hidden = arguments.iter().any(|argument| argument == HIDDEN);
        Self { is_hidden, invitation: Mutex::new(invitation(arguments)) }
    }

    /// The invitation link, once.
    pub fn take(&self) -> Option<String> {
        self.invitation.lock().take()
    }
}

fn invitation(arguments: &[String]) -> Option<String> {
    arguments.iter().skip(1).find(|argument| argument.starts_with(SCHEME)).cloned()
}

/// Creates the window.
///
/// # Errors
///
/// The system has no display, or its web view does not start.
pub fn open(app: &AppHandle) -> tauri::Result<()> {
    let config = app.config().app.windows.iter().find(|window| window.label == MAIN).cloned().unwrap_or_default();
    let window = WebviewWindowBuilder::from_config(app, &config)?
        // The window shows its own pages only.
        .on_navigation(|address| address.scheme() == "tauri" && address.host_str() == Some("localhost"))
        .build()?;
    log_console(&window)?;
    if !app.state::<Opened>().is_hidden {
        window.show()?;
    }
    Ok(())
}

/// Writes what the pages write to their console to the standard output.
fn log_console(window: &WebviewWindow) -> tauri::Result<()> {
    window.with_webview(|view| {
        use webkit2gtk::{SettingsExt as _, WebViewExt as _};
        if let Some(settings) = view.inner().settings() {
            settings.set_enable_write_console_messages_to_stdout(true);
        }
    })
}

/// Quits the program. The tunnel stays unless the preferences say otherwise.
///
/// # Errors
///
/// The tunnel cannot be disconnected; the program then goes on.
pub async fn quit(app: &AppHandle) -> Result<(), HelperError> {
    if app.state::<Store>().now().disconnect_at_quit {
        app.state::<HelperClient>().disconnect(NoInput {}).await?;
    }
    app.exit(0);
    Ok(())
}

/// Shows the window of a program that runs already.
pub fn show(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        // The window may have been destroyed in between.
        drop(window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus()));
    }
}

/// The program was started again, perhaps with an invitation.
pub fn reopen(app: &AppHandle, arguments: &[String]) {
    if let (Some(link), Some(window)) = (invitation(arguments), app.get_webview_window(MAIN)) {
        *app.state::<Opened>().invitation.lock() = Some(link);
        // The page asks for the invitation when it starts.
        drop(window.eval("location.reload()"));
    }
    show(app);
}

/// Closing hides the window: the program stays in the tray.
pub fn event(window: &tauri::Window, event: &WindowEvent) {
    if let WindowEvent::CloseRequested { api, .. } = event {
        api.prevent_close();
        drop(window.hide());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn an_invitation_on_the_command_line_is_used_once() {
        let opened = Opened::of(&words(&["tornado-gui", "tornado://vpn.example.net/#x"]));
        assert_eq!(opened.take().as_deref(), Some("tornado://vpn.example.net/#x"));
        assert_eq!(opened.take(), None);
        assert!(!opened.is_hidden && Opened::of(&words(&["tornado-gui", "--hidden"])).is_hidden);
    }

    #[test]
    fn other_arguments_are_no_invitations() {
        for word in ["https://example.net", "file:///etc/passwd", "--tornado://x"] {
            assert_eq!(Opened::of(&words(&["tornado-gui", word])).take(), None, "{word}");
        }
    }
}
