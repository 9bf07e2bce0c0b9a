//! Failures of the archive.

use std::path::PathBuf;

/// Why the archive cannot store or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A day file is damaged.
    #[error("the log file of day {day} is damaged: {source}")]
    Damaged {
        /// Number of the day since 1970.
        day: i64,
        /// SQLite's error.
        source: sqlx::Error,
    },
    /// The deadline passed.
    #[error("the query was stopped at its deadline")]
    Deadline,
    /// SQLite failed, for example on a full disk.
    #[error("cannot access the log archive: {0}")]
    Sql(#[source] sqlx::Error),
    /// A file operation failed.
    #[error("cannot access {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

impl ArchiveError {
    /// Classifies an error of SQLite in the file of `day` (sqlite.org/rescode.html).
    pub(super) fn of_day(day: i64, error: sqlx::Error) -> Self {
        const CORRUPT: i64 = 11;
        const NOT_A_DATABASE: i64 = 26;
        const INTERRUPTED: i64 = 9;
        // Not what was written, although the pages of the file are whole.
        if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) {
            return Self::Damaged { day, source: error };
        }
        let code =
            error.as_database_error().and_then(|error| error.code()?.parse::<i64>().ok()).map(|code| code & 0xff);
        match code {
            Some(CORRUPT | NOT_A_DATABASE) => Self::Damaged { day, source: error },
            Some(INTERRUPTED) => Self::Deadline,
            Some(_) | None => Self::Sql(error),
        }
    }
}
