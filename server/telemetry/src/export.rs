//! Text of exports. Pure.

use crate::query::matches::fields_text;
use std::fmt::{self, Write as _};
use tornado_contracts::telemetry::logs::ExportFormat;
use tornado_log::line::{Line, format_time};
use tornado_shared::format::csv_cell;

/// Columns of CSV.
const HEADING: &str = "time,level,service,target,message,request_id,process,seq,fields\r\n";

/// The text of lines. `is_first`: the export begins with them.
#[must_use]
pub fn export_text<'a>(lines: impl Iterator<Item = &'a Line>, format: ExportFormat, is_first: bool) -> String {
    let mut text = String::new();
    match format {
        ExportFormat::Jsonl => lines.for_each(|line| {
            text.push_str(&line.to_json());
            text.push('\n');
        }),
        ExportFormat::Csv => {
            if is_first {
                text.push_str(HEADING);
            }
            lines.for_each(|line| csv_row(&mut text, line));
        }
    }
    text
}

fn csv_row(text: &mut String, line: &Line) {
    let level = format!("{:?}", line.level).to_uppercase();
    let (time, process, seq) = (format_time(line.time), line.process.to_string(), line.seq.to_string());
    let (request, fields) = (line.request_id.as_deref().unwrap_or_default(), fields_text(&line.fields));
    let cells = [&time, &level, &line.service, &line.target, &line.message, request, &process, &seq, &fields];
    for (number, cell) in cells.into_iter().enumerate() {
        let separator = if number == 0 { "" } else { "," };
        // Writing to a string does not fail.
        let _: fmt::Result = write!(text, "{separator}{}", csv_cell(cell));
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::line;
    use tornado_log::line::Value;

    #[test]
    fn both_formats_are_as_they_were() {
        let mut one = line(1, 1);
        one.message = "=cmd, \"x\"".into();
        one.fields = [("lane".to_owned(), Value::Text("tor".into()))].into();
        let lines = [one, line(1, 2)];
        let csv = export_text(lines.iter(), ExportFormat::Csv, true);
        let expected = "time,level,service,target,message,request_id,process,seq,fields\r\n\
            2026-11-27T12:00:00.001000Z,INFO,wg,tornado_wg::peers,\"'=cmd, \"\"x\"\"\",,0000000000000001,1,\"{\"\"lane\"\":\"\"tor\"\"}\"\r\n\
            2026-11-27T12:00:00.002000Z,INFO,wg,tornado_wg::peers,peer 2 was added,,0000000000000001,2,\r\n";
        assert_eq!(csv, expected);
        let jsonl = export_text(lines.iter(), ExportFormat::Jsonl, false);
        let read: Vec<Line> = jsonl.lines().map(|text| Line::parse(text.as_bytes()).unwrap()).collect();
        assert_eq!(read, lines);
    }
}
