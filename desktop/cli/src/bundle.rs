//! `tornado support-bundle`: what a person who helps needs to know, shown before it is saved.

use crate::error::Failure;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use tornado_helper_api::{Helper as _, HelperClient, NoInput};
use tornado_shared::model::text::shown;
use tornado_support::{Bundle, Level, collect, log_file};

/// Collects, shows, and saves to `save` after a confirmation, or without one if `yes`.
pub(crate) async fn run(helper: &HelperClient, level: Level, save: Option<&Path>, yes: bool) -> Result<(), Failure> {
    let status = helper.status(NoInput {}).await;
    // Without the helper, what this user can read is better than nothing.
    let report = helper.report(NoInput {}).await.unwrap_or_else(|_| collect(&log_file()));
    let text = Bundle::new(env!("CARGO_PKG_VERSION"), &status, report).render(level);
    write!(std::io::stdout().lock(), "{}", shown(&text))?;
    let Some(path) = save else { return Ok(()) };
    if !yes && !confirmed(path)? {
        return Err(Failure::Usage("nothing was saved".into()));
    }
    tornado_support::save(path, &text)
        .map_err(|error| Failure::Usage(format!("cannot save {}: {error}", path.display())))?;
    Ok(writeln!(std::io::stderr().lock(), "Saved to {}.", path.display())?)
}

fn confirmed(path: &Path) -> std::io::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut terminal = std::io::stderr();
    write!(terminal, "Save the text above to {}? [y/N] ", path.display())?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
