//! The report for a person who helps, and the helper's log.

use super::Helper;
use crate::convert::{failure, level};
use parking_lot::Mutex;
use std::path::PathBuf;
use tauri::{AppHandle, Manager as _, State};
use time::OffsetDateTime;
use tornado_gui_api::{Failure, Redaction};
use tornado_helper_api::{Helper as _, NoInput, Report};
use tornado_kit::clock::unix_now;
use tornado_support::{Bundle, Level, collect, log_file};

/// The report that the window shows: only what was shown is saved.
#[derive(Debug, Default)]
pub struct Shown(Mutex<String>);

/// The report at a level of redaction.
#[tauri::command]
pub async fn report(helper: Helper<'_>, shown: State<'_, Shown>, redaction: Redaction) -> Result<String, Failure> {
    let status = helper.status(NoInput {}).await;
    // Without the helper, what this user can read is better than nothing.
    let report = helper.report(NoInput {}).await.unwrap_or_else(|_| collect(&log_file()));
    let text = Bundle::new(env!("CARGO_PKG_VERSION"), &status, report).render(level(redaction));
    shown.0.lock().clone_from(&text);
    Ok(text)
}

/// Saves the report that was shown last, as a new file in the user's directory for downloads. Returns its path.
#[tauri::command]
pub fn save_report(app: AppHandle, shown: State<'_, Shown>) -> Result<String, Failure> {
    let text = shown.0.lock().clone();
    let failed = |reason: String| Failure::invalid("not_saved", reason);
    let paths = app.path();
    let directory =
        paths.download_dir().ok().filter(|directory| directory.is_dir()).map_or_else(|| paths.home_dir(), Ok);
    let directory = directory.map_err(|error| failed(error.to_string()))?;
    let path = directory.join(file_name(unix_now()));
    tornado_support::save(&path, &text).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    Ok(path.display().to_string())
}

/// A name with the time in UTC, to the second.
fn file_name(now: i64) -> PathBuf {
    let at = OffsetDateTime::from_unix_timestamp(now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (at.date(), at.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("tornado-support-{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}.txt").into()
}

/// The last lines of the helper's log, without names and addresses.
#[tauri::command]
pub async fn log(helper: Helper<'_>) -> Result<String, Failure> {
    let status = helper.status(NoInput {}).await;
    let report = helper.report(NoInput {}).await.map_err(|error| failure(&error))?;
    let title = log_file().display().to_string();
    let last = Report { parts: report.parts.into_iter().filter(|part| part.title == title).collect() };
    Ok(Bundle::of(&status, last).render(Level::All))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_named_after_the_time() {
        assert_eq!(file_name(1_764_252_720).to_str(), Some("tornado-support-20251127-141200.txt"));
    }
}
