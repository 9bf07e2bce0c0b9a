//! The result of a leak check as text.

use std::fmt::Write as _;
use tornado_helper_api::{LeakReport, Verdict};

pub(crate) fn report(report: &LeakReport) -> String {
    let mut text = match report.leak {
        true => format!("LEAK: traffic leaves outside the {} lane.\n", report.lane),
        false => format!("No leak found on the {} lane.\n", report.lane),
    };
    let mut row = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<16}{value}");
    };
    if let Some(outside) = report.outside {
        row("this network", &format!("{outside}, which only the server sees"));
    }
    for found in &report.findings {
        let mark = match found.verdict {
            Verdict::Ok => "",
            Verdict::Note => "note: ",
            Verdict::Leak => "LEAK: ",
        };
        row(&found.part.replace('_', " "), &format!("{mark}{}", found.detail));
    }
    row("browsers", "WebRTC can disclose addresses of this machine to a page; only the browser's settings prevent it");
    text
}
