//! Backups that are restored unchanged, and backups that were altered.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;
use tornado_backup::{Archive, Cost, EntryPath, Error, Manifest, Profile, Source, write};
use tornado_shared::model::Secret;

/// Low cost, because the tests derive the key thousands of times.
const CHEAP: Cost = Cost { memory_kib: 32, passes: 1, lanes: 1 };
const WORD: &str = "a long passphrase";

type Files = BTreeMap<String, Vec<u8>>;

fn files() -> Files {
    let big: Vec<u8> = (0..150_000_u32).map(|n| (n % 251) as u8).collect();
    let names =
        [("state/auth/keys/identity.json", b"{}".to_vec()), ("state/session/session.db", big), ("empty", vec![])];
    names.map(|(name, bytes)| (name.to_owned(), bytes)).into()
}

fn saved(dir: &Path, files: &Files, word: Option<&str>) -> Vec<u8> {
    let sources = files.iter().enumerate().map(|(number, (name, bytes))| {
        let file = dir.join(number.to_string());
        std::fs::write(&file, bytes).unwrap();
        Source { path: EntryPath::try_from(name.clone()).unwrap(), file }
    });
    let sources: Vec<_> = sources.collect();
    let word = word.map(Secret::new);
    let manifest = Manifest::new(1_800_000_000, "0.1.0", Profile::Embedded);
    write(Vec::new(), manifest, &sources, word.as_ref().map(|word| (word, CHEAP))).unwrap().0
}

#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Files>>, String);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().entry(self.1.clone()).or_default().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().entry(self.1.clone()).or_default();
        Ok(())
    }
}

fn read(bytes: &[u8], word: Option<&str>) -> Result<Files, Error> {
    let kept = Kept::default();
    let archive = match word {
        Some(word) => Archive::open(bytes, || Ok(Secret::new(word)))?,
        None => Archive::open_unsealed(bytes)?,
    };
    archive.unpack(|entry| Ok(Kept(kept.0.clone(), entry.path.to_string())))?;
    Ok(kept.0.take())
}

#[test]
fn what_went_in_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    for word in [None, Some(WORD)] {
        let bytes = saved(dir.path(), &files(), word);
        assert_eq!(read(&bytes, word).unwrap(), files());
        // Two sealed backups of the same files differ: salt and nonce are random.
        assert_eq!(bytes == saved(dir.path(), &files(), word), word.is_none());
    }
    let none = Files::new();
    assert_eq!(read(&saved(dir.path(), &none, Some(WORD)), Some(WORD)).unwrap(), none);
}

#[test]
fn sizes_around_a_chunk() {
    let dir = tempfile::tempdir().unwrap();
    for size in [65_000, 65_200, 65_300, 65_400, 65_535, 65_536, 65_537, 131_072] {
        let one: Files = [("x".to_owned(), vec![7; size])].into();
        let bytes = saved(dir.path(), &one, Some(WORD));
        assert_eq!(read(&bytes, Some(WORD)).unwrap(), one, "{size}");
    }
}

#[test]
fn sealed_is_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = saved(dir.path(), &files(), Some(WORD));
    assert!(!bytes.windows(8).any(|window| window == b"identity"), "a file name is readable");
    assert!(matches!(read(&bytes, Some("another")), Err(Error::Unsealing)));
    assert!(matches!(read(&bytes, None), Err(Error::Sealed)));
}

#[test]
fn an_open_backup_is_no_sealed_one_and_its_passphrase_is_not_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = saved(dir.path(), &files(), None);
    let opened = Archive::open(&bytes[..], || panic!("the passphrase was requested"));
    assert!(matches!(opened, Err(Error::NotSealed)));
    assert!(matches!(read(&bytes, Some(WORD)), Err(Error::NotSealed)));
}

#[test]
fn every_changed_byte_and_every_cut_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    for word in [None, Some(WORD)] {
        let bytes = saved(dir.path(), &files(), word);
        let places = (0..600).chain((600..bytes.len()).step_by(9_973)).chain([bytes.len() - 1]);
        for place in places {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(read(&changed, word).is_err(), "byte {place}");
            assert!(read(&bytes[..place], word).is_err(), "cut at {place}");
        }
        assert!(read(&[&bytes[..], b"x"].concat(), word).is_err(), "longer");
    }
}

#[test]
fn swapped_chunks_are_seen() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = saved(dir.path(), &[("x".to_owned(), vec![0; 300_000])].into(), Some(WORD));
    let (header, chunk) = (15 + 2 + 12 + 16 + 7, 64 * 1024 + 16);
    let (first, second) = bytes[header..header + 2 * chunk].split_at_mut(chunk);
    first.swap_with_slice(second);
    assert!(matches!(read(&bytes, Some(WORD)), Err(Error::Unsealing)));
}

#[test]
fn a_passphrase_that_would_cost_the_machine_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = saved(dir.path(), &files(), Some(WORD));
    // Memory, passes, lanes: each one is rejected before the passphrase is requested.
    for (place, number) in [(17, u32::MAX), (17, 262_145), (17, 0), (21, u32::MAX), (21, 13), (25, 17), (25, 0)] {
        let mut bytes = bytes.clone();
        bytes[place..place + 4].copy_from_slice(&number.to_be_bytes());
        let opened = Archive::open(&bytes[..], || panic!("the passphrase was requested"));
        assert!(matches!(opened, Err(Error::Damaged(_))), "{place} {number}");
    }
}

proptest::proptest! {
    #[test]
    fn rubbish_never_panics(bytes: Vec<u8>, magic: bool) {
        let start: &[u8] = if magic { b"TORNADO-BACKUP\n\x01\x00" } else { b"" };
        let bytes = [start, &bytes].concat();
        assert!(read(&bytes, Some(WORD)).is_err() && read(&bytes, None).is_err());
    }
}
