//! What the helper configured, and the end of its log.

use crate::system;
use std::path::Path;
use tornado_helper_api::{Part, Report};

/// Maximum size of the part of the log, bytes.
const LOG_TAIL: usize = 64 * 1024;
/// Maximum size of the output of a command, bytes.
const OUTPUT: usize = 16 * 1024;
/// Collects with the rights of this process. What cannot be read is replaced by the reason. Runs programs and reads a
/// file: it blocks.
#[must_use]
pub fn collect(log_file: &Path) -> Report {
    let configured = system::COMMANDS.iter().map(|words| Part { title: words.join(" "), content: output(words) });
    Report { parts: configured.chain([log(log_file)]).collect() }
}

/// The last lines of the helper's log, at most 64 KiB. It blocks.
#[must_use]
pub fn log(file: &Path) -> Part {
    let content = match std::fs::read(file) {
        Ok(bytes) => {
            let from = bytes.len().saturating_sub(LOG_TAIL);
            let end = bytes.get(from..).unwrap_or_default();
            // Only whole lines.
            let start = if from == 0 { 0 } else { end.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1) };
            String::from_utf8_lossy(end.get(start..).unwrap_or_default()).into_owned()
        }
        Err(error) => format!("cannot read it: {error}"),
    };
    Part { title: system::log().display().to_string(), content }
}

fn output(words: &[&str]) -> String {
    let Some((program, rest)) = words.split_first() else { return String::new() };
    match system::system_program(program).args(rest).output() {
        Ok(output) => {
            let text =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let end = (0..=OUTPUT.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
            text.get(..end).unwrap_or_default().to_owned()
        }
        Err(error) => format!("cannot run {program}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_cut_at_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("helper.log");
        std::fs::write(&file, "0123456789abcde\n".repeat(5000)).unwrap();
        let tail = log(&file).content;
        assert!(tail.len() <= LOG_TAIL && tail.len() > LOG_TAIL - 32 && tail.starts_with("0123"), "{}", tail.len());
        assert!(log(&directory.path().join("absent")).content.starts_with("cannot read it: "));
    }
}
