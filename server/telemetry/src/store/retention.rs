//! Which day files are deleted. Pure.

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days before today.
    pub days: i64,
    /// Total size of all files in bytes. Today's file is kept even if it exceeds the limit.
    pub bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 30, bytes: 4_000_000_000 }
    }
}

impl Retention {
    /// The files to delete, of `files` with their day and size.
    #[must_use]
    pub fn expired(&self, files: &[(i64, u64)], today: i64) -> Vec<i64> {
        let mut files = files.to_vec();
        files.sort_unstable();
        let mut total: u64 = files.iter().map(|(_, size)| size).sum();
        let mut expired = Vec::new();
        for (day, size) in files {
            if day < today && (day < today - self.days || total > self.bytes) {
                total -= size;
                expired.push(day);
            }
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_days_go_first_by_age_and_by_size() {
        let keep = Retention { days: 3, bytes: 100 };
        assert_eq!(keep.expired(&[(7, 10), (10, 10), (6, 10), (5, 10), (8, 10)], 10), [5, 6]);
        assert_eq!(keep.expired(&[(10, 50), (8, 30), (9, 30)], 10), [8]);
        assert_eq!(keep.expired(&[(10, 500), (9, 1)], 10), [9]);
        assert!(keep.expired(&[(10, 500)], 10).is_empty(), "today's file stays");
        assert!(keep.expired(&[(12, 500)], 10).is_empty(), "the clock was set back");
        assert!(keep.expired(&[], 10).is_empty());
    }
}
