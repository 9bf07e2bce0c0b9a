//! Quantities and tables for people. Both command lines print with these functions, so that they look alike.

/// Bytes with a binary unit (IEC 80000-13), rounded to a tenth: `1.5 KiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let (mut size, mut name) = (1_u128, "B");
    let mut tenths = 0;
    for unit in UNITS {
        (size, name) = (size * 1024, unit);
        tenths = (u128::from(count) * 10 + size / 2) / size;
        // Rounding must not yield `1024.0 KiB`.
        if tenths < 10 * 1024 {
            break;
        }
    }
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// Seconds in their two largest units: `1 h 2 min`. A negative span counts as zero.
#[must_use]
pub fn span(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min {} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// Rows as lines with aligned columns, two spaces apart. Rows may have different numbers of cells.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A cell of a CSV file (RFC 4180 §2), quoted if necessary. A cell that a spreadsheet would take for a formula gets an
/// apostrophe.
#[must_use]
pub fn csv_cell(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    if cell.contains([',', '"', '\r', '\n']) || !guard.is_empty() {
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_to_a_tenth_of_the_largest_unit() {
        let all = [0, 1023, 1024, 1536, 5_000_000, (1 << 20) - 1, u64::MAX].map(bytes);
        assert_eq!(all, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "4.8 MiB", "1.0 MiB", "16384.0 PiB"]);
    }

    #[test]
    fn spans_have_two_units() {
        let all = [-5, 0, 59, 61, 3_700, 90_061].map(span);
        assert_eq!(all, ["0 s", "0 s", "59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let rows = [vec!["a", "b", ""], vec!["länger", "c"]].map(|row| row.into_iter().map(str::to_owned).collect());
        assert_eq!(table(&rows), "a       b\nlänger  c\n");
        assert_eq!(table(&[]), "");
    }
}
