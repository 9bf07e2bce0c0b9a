//! Files under names with their digest, and their compressed forms beside them.

use crate::stamp::{FNV_START, digest};
use std::io::Write as _;
use std::path::Path;

/// Where and how files are written.
pub struct Publisher<'a> {
    /// The directory.
    pub out: &'a Path,
    /// The name before the digest.
    pub name: &'a str,
    /// Compressed forms are written, too.
    pub is_compressed: bool,
}

impl Publisher<'_> {
    /// Writes a file, and returns its name.
    pub fn publish(&self, extension: &str, content: &[u8]) -> anyhow::Result<String> {
        let name = format!("{}.{:016x}.{extension}", self.name, digest(FNV_START, content));
        std::fs::write(self.out.join(&name), content)?;
        let mut sizes = format!("{} bytes", content.len());
        if self.is_compressed {
            let (brotli, gzip) = (brotli(content)?, gzip(content)?);
            sizes = format!("{sizes}, {} brotli, {} gzip", brotli.len(), gzip.len());
            std::fs::write(self.out.join(format!("{name}.br")), brotli)?;
            std::fs::write(self.out.join(format!("{name}.gz")), gzip)?;
        }
        println!("  {name}: {sizes}");
        Ok(name)
    }
}

fn brotli(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 4096, 11, 22);
    writer.write_all(content)?;
    Ok(writer.into_inner())
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(content)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_has_another_name() {
        let out = tempfile::tempdir().unwrap();
        let publisher = Publisher { out: out.path(), name: "console", is_compressed: true };
        let names = [b"a", b"b"].map(|content| publisher.publish("css", content).unwrap());
        assert_ne!(names[0], names[1]);
        for end in ["", ".br", ".gz"] {
            assert!(out.path().join(format!("{}{end}", names[0])).exists(), "{end}");
        }
    }
}
