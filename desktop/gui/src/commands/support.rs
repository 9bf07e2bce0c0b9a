//! The report for a person who helps, and the helper's log.

use super::Helper;
use crate::convert::{failure, level};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tauri::{AppHandle, Manager as _, State};
use time::OffsetDateTime;
use tornado_gui_api::{Failure, Redaction};
use tornado_helper_api::{Helper as _, NoInput, Part, Report};
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
    let is_log = |part: &Part| part.title == title;
    let content = report.parts.into_iter().find(is_log).map(|part| readable(&part.content)).unwrap_or_default();
    let part = Part { title: String::new(), content };
    let text = Bundle::of(&status, Report { parts: vec![part] }).render(Level::All);
    Ok(text.split_once('\n').map(|(_, lines)| lines.to_owned()).unwrap_or_default())
}

/// The lines of a log for people: time, level, message, fields. A line of another format stays as it is.
fn readable(log: &str) -> String {
    log.lines()
        .map(|line| serde_json::from_str(line).map_or_else(|_| line.to_owned(), |line: Line| line.text()) + "\n")
        .collect()
}

/// A line of the log.
#[derive(Deserialize)]
struct Line {
    time: String,
    level: String,
    message: String,
    #[serde(default)]
    fields: BTreeMap<String, Value>,
}

impl Line {
    fn text(&self) -> String {
        // Without the fraction of the second.
        let time = self.time.get(..19).unwrap_or(&self.time).replace('T', " ");
        let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields: String = self.fields.iter().map(|(name, field)| format!(" {name}={}", value(field))).collect();
        format!("{time} {} {}{fields}", self.level, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_log_are_readable() {
        let line =
            r#"{"time":"2026-11-28T13:13:36.749Z","level":"INFO","service":"helper","message":"lockdown policy set",
            "fields":{"mode":"always","lan":true}}"#
                .replace('\n', " ");
        let log = format!("{line}\nnot JSON");
        assert_eq!(readable(&log), "2026-11-28 13:13:36 INFO lockdown policy set lan=true mode=always\nnot JSON\n");
    }

    #[test]
    fn the_file_is_named_after_the_time() {
        assert_eq!(file_name(1_764_252_720).to_str(), Some("tornado-support-20251127-141200.txt"));
    }
}
