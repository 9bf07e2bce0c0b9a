//! The files for the browser.
//!
//! `cargo xtask web` builds them, and `cargo xtask up` and the packages install them beside the program. They are used
//! only if they were built from the same sources as this program: pages whose markup differs from what the browser's
//! half expects would not react. Until they exist, the pages are served with the stylesheet alone.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, OnceLock};

/// The stylesheet of this program, under the name that it has without the other files.
const SHEET: &str = "console.css";
/// The list of the files in their directory. Its first line is the stamp of their sources.
const LIST: &str = "files.txt";

/// A file for the browser. Its name contains the digest of its content.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Name below `/pkg/`.
    pub name: String,
    /// The content.
    pub raw: Bytes,
    /// The same, compressed with brotli; empty if it is not.
    pub brotli: Bytes,
    /// The same, compressed with gzip; empty if it is not.
    pub gzip: Bytes,
}

/// The files for the browser.
#[derive(Clone, Debug)]
pub struct Assets(Arc<Found>);

#[derive(Debug)]
struct Found {
    directories: Vec<PathBuf>,
    stamp: &'static str,
    files: OnceLock<Vec<Asset>>,
    sheet: [Asset; 1],
}

impl Assets {
    /// Those beside this program, as soon as they exist: in `console`, in `../lib/tornado/console` of a package, or in
    /// `../console` of the directory of a build.
    pub fn installed() -> Self {
        let program = std::env::current_exe().unwrap_or_default();
        let beside = program.parent().map(FilePath::to_owned).unwrap_or_default();
        Self::of(["console", "../lib/tornado/console", "../console"].map(|path| beside.join(path)).to_vec())
    }

    /// Those in the first of these directories that has them.
    pub fn of(directories: Vec<PathBuf>) -> Self {
        let raw = Bytes::from_static(include_bytes!(concat!(env!("OUT_DIR"), "/console.css")));
        let sheet = Asset { name: SHEET.to_owned(), raw, brotli: Bytes::new(), gzip: Bytes::new() };
        let stamp = env!("TORNADO_CONSOLE_STAMP");
        Self(Arc::new(Found { directories, stamp, files: OnceLock::new(), sheet: [sheet] }))
    }

    /// The files. Once found, they are kept, so that a later version does not mix with this program's pages.
    fn files(&self) -> &[Asset] {
        let Found { directories, stamp, files, sheet } = &*self.0;
        if let Some(files) = files.get() {
            return files;
        }
        match directories.iter().find_map(|directory| read(directory, stamp)) {
            Some(found) => files.get_or_init(|| found).as_slice(),
            None => sheet.as_slice(),
        }
    }

    /// Address of the file with this end of its name.
    pub fn path_of(&self, suffix: &str) -> Option<String> {
        let file = self.files().iter().find(|file| file.name.ends_with(suffix))?;
        Some(format!("/pkg/{}", file.name))
    }
}

/// The files of a directory; `None` if they are of other sources, or incomplete.
fn read(directory: &FilePath, stamp: &str) -> Option<Vec<Asset>> {
    let list = std::fs::read_to_string(directory.join(LIST)).ok()?;
    let mut lines = list.lines();
    if lines.next() != Some(stamp) {
        return None;
    }
    let compressed = |name: &str, end: &str| std::fs::read(directory.join(format!("{name}{end}"))).unwrap_or_default();
    lines
        .filter(|name| !name.is_empty() && !name.starts_with('#') && !name.contains('/'))
        .map(|name| {
            Some(Asset {
                name: name.to_owned(),
                raw: std::fs::read(directory.join(name)).ok()?.into(),
                brotli: compressed(name, ".br").into(),
                gzip: compressed(name, ".gz").into(),
            })
        })
        .collect()
}

/// `GET /pkg/{name}`
pub async fn file(State(assets): State<Assets>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = assets.files().iter().chain(&assets.0.sheet).find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts =
        |coding: &str| accepted.split(',').any(|one| one.split(';').next().is_some_and(|one| one.trim() == coding));
    let (body, coding) = if !asset.brotli.is_empty() && accepts("br") {
        (&asset.brotli, Some("br"))
    } else if !asset.gzip.is_empty() && accepts("gzip") {
        (&asset.gzip, Some("gzip"))
    } else {
        (&asset.raw, None)
    };
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    // The name changes with the content, except for the stylesheet of this program.
    let cache = if name == SHEET { "no-cache" } else { "public, max-age=31536000, immutable" };
    let mut response = body.clone().into_response();
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    head.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    head.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    head.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(coding) = coding {
        head.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &FilePath, stamp: &str) {
        std::fs::write(directory.join("console.1.wasm"), b"wasm").unwrap();
        std::fs::write(directory.join("console.1.wasm.br"), b"br").unwrap();
        std::fs::write(directory.join(LIST), format!("{stamp}\n# release\nconsole.1.wasm\n")).unwrap();
    }

    #[test]
    fn files_are_used_as_soon_as_they_exist() {
        let directory = tempfile::tempdir().unwrap();
        let assets = Assets::of(vec![directory.path().to_owned()]);
        assert_eq!(assets.path_of(".wasm"), None);
        assert_eq!(assets.path_of(".css").unwrap(), "/pkg/console.css");
        write(directory.path(), env!("TORNADO_CONSOLE_STAMP"));
        assert_eq!(assets.path_of(".wasm").unwrap(), "/pkg/console.1.wasm");
        assert_eq!(&*assets.files()[0].brotli, b"br");
    }

    #[test]
    fn files_of_other_sources_are_not_used() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "0123456789abcdef");
        assert_eq!(Assets::of(vec![directory.path().to_owned()]).path_of(".wasm"), None);
    }
}
