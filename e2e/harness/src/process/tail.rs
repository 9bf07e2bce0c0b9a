//! Follows files that grow.

use crate::HarnessError;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Follows several files; each part is read once.
#[derive(Debug)]
pub struct Tail(Vec<Follower>);

#[derive(Debug)]
struct Follower {
    path: PathBuf,
    file: File,
    /// The beginning of an incomplete line.
    begun: Vec<u8>,
}

impl Tail {
    pub(crate) fn of(paths: &[&Path]) -> Result<Self, HarnessError> {
        let follow = |path: &&Path| {
            let mut file = File::open(path).map_err(HarnessError::file("read", path))?;
            file.seek(SeekFrom::End(0)).map_err(HarnessError::file("read", path))?;
            Ok(Follower { path: path.to_path_buf(), file, begun: Vec::new() })
        };
        paths.iter().map(follow).collect::<Result<_, _>>().map(Self)
    }

    /// The complete lines that were added since the last call.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read.
    pub fn more(&mut self) -> Result<String, HarnessError> {
        let mut lines = String::new();
        for Follower { path, file, begun } in &mut self.0 {
            file.read_to_end(begun).map_err(HarnessError::file("read", path))?;
            let end = begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let whole: Vec<u8> = begun.drain(..end).collect();
            lines.push_str(&String::from_utf8_lossy(&whole));
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn what_is_added_is_told_once_and_in_whole_lines() {
        let path = std::env::temp_dir().join(format!("tornado-tail-{}", std::process::id()));
        let mut file = File::create(&path).unwrap();
        file.write_all(b"before\n").unwrap();
        let mut tail = Tail::of(&[&path]).unwrap();
        assert_eq!(tail.more().unwrap(), "");
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(tail.more().unwrap(), "one\n");
        file.write_all(b"o\n").unwrap();
        assert_eq!(tail.more().unwrap(), "two\n");
        assert_eq!(tail.more().unwrap(), "");
        std::fs::remove_file(path).unwrap();
    }
}
