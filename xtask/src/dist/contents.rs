//! What is in which package.

use crate::{machine, shell};
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// The programs of all packages.
const PROGRAMS: &[&str] = &["tornadod", "tornado-admind", "tornado", "tornado-helperd", "tornado-gui"];

/// Built programs, and what they generate.
pub struct Programs {
    directory: PathBuf,
    console: PathBuf,
    window: PathBuf,
    /// Those for Windows.
    windows: PathBuf,
}

impl Programs {
    /// Those of one profile in cargo's target directory.
    pub fn of(target: &Path, profile: &str) -> Self {
        Self {
            directory: target.join(profile),
            console: target.join("console"),
            window: target.join("window"),
            windows: target.join(machine::WINDOWS).join(profile),
        }
    }

    /// The path of a program for Windows.
    pub fn windows(&self, name: &str) -> PathBuf {
        self.windows.join(name)
    }

    /// Copies without symbols, in a directory that is emptied.
    pub fn stripped(self, into: &Path) -> anyhow::Result<Self> {
        if into.exists() {
            std::fs::remove_dir_all(into).with_context(|| format!("cannot remove {}", into.display()))?;
        }
        std::fs::create_dir_all(into).with_context(|| format!("cannot create {}", into.display()))?;
        for name in PROGRAMS {
            let (from, to) = (self.path(name), into.join(name));
            std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}; build it first", from.display()))?;
            shell::run(shell::command("strip", &["--strip-unneeded"]).arg(&to))?;
        }
        Ok(Self { directory: into.to_owned(), ..self })
    }

    fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }
}

/// A file of a package.
pub enum Source {
    /// A copy of a file.
    File(PathBuf),
    /// A program of ours.
    Program(PathBuf),
    /// A text with names such as `@VERSION@`, which are replaced by their values.
    Template(PathBuf),
    /// A text. It is compressed if its path ends with `.gz`.
    Text(String),
}

/// A package before its control file is written.
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Directory of its control file and maintainer scripts in `installers/debian`, and name of its spec file in
    /// `installers/rpm`.
    pub control: &'static str,
    /// Its files with their paths below `/`. Programs get mode 0755, all others 0644.
    pub files: Vec<(String, Source)>,
    /// Its configuration files, which an upgrade does not overwrite.
    pub conffiles: &'static [&'static str],
}

/// The server.
pub fn server(programs: &Programs) -> anyhow::Result<Package> {
    let mut files = vec![
        ("usr/bin/tornadod".to_owned(), Source::Program(programs.path("tornadod"))),
        ("usr/lib/tornado/tornado-admind".to_owned(), Source::Program(programs.path("tornado-admind"))),
        installed("systemd/tornado.service", "usr/lib/systemd/system/tornado.service"),
        installed("sysusers.d/tornado.conf", "usr/lib/sysusers.d/tornado.conf"),
        installed("tmpfiles.d/tornado.conf", "usr/lib/tmpfiles.d/tornado.conf"),
        installed("tornado.toml", "etc/tornado/tornado.toml"),
    ];
    for example in ["grafana", "postgres", "prometheus", "proxy", "redis"] {
        for (name, path) in entries(&shell::root().join("installers").join(example))? {
            files.push((format!("usr/share/doc/tornado-server/examples/{example}/{name}"), Source::File(path)));
        }
    }
    // Without the console's files for the browser the pages work, but their values do not change by themselves.
    if programs.console.is_dir() {
        for (name, path) in entries(&programs.console)? {
            files.push((format!("usr/lib/tornado/console/{name}"), Source::File(path)));
        }
    }
    files.extend(generated(&programs.path("tornadod"), "tornadod")?);
    Ok(Package { name: "tornado-server", control: "server", files, conffiles: &["/etc/tornado/tornado.toml"] })
}

/// The client for the command line.
pub fn cli(programs: &Programs) -> anyhow::Result<Package> {
    let mut files = vec![
        ("usr/bin/tornado".to_owned(), Source::Program(programs.path("tornado"))),
        ("usr/bin/tornado-helperd".to_owned(), Source::Program(programs.path("tornado-helperd"))),
        installed("systemd/tornado-helper.service", "usr/lib/systemd/system/tornado-helper.service"),
        installed("systemd/tornado-lockdown.service", "usr/lib/systemd/system/tornado-lockdown.service"),
        installed("sysusers.d/tornado-helper.conf", "usr/lib/sysusers.d/tornado-helper.conf"),
    ];
    files.push(page("tornado-helperd.8")?);
    files.extend(generated(&programs.path("tornado"), "tornado")?);
    Ok(Package { name: "tornado-cli", control: "cli", files, conffiles: &[] })
}

/// The window, which needs the package with helper and command line.
pub fn client(programs: &Programs) -> anyhow::Result<Package> {
    let mut files = vec![
        ("usr/bin/tornado-gui".to_owned(), Source::Program(programs.path("tornado-gui"))),
        installed(&format!("{APPLICATION}.desktop"), &format!("usr/share/applications/{APPLICATION}.desktop")),
        (
            format!("usr/share/metainfo/{APPLICATION}.metainfo.xml"),
            Source::Template(shell::root().join("installers").join(format!("{APPLICATION}.metainfo.xml"))),
        ),
        page("tornado-gui.1")?,
    ];
    let icons = "usr/share/icons/hicolor";
    for size in ICONS {
        let to = format!("{icons}/{size}x{size}/apps/{APPLICATION}.png");
        files.push(installed(&format!("icons/{size}.png"), &to));
    }
    let drawing = format!("{APPLICATION}.svg");
    files.push(installed(&format!("icons/{drawing}"), &format!("{icons}/scalable/apps/{drawing}")));
    let pages =
        entries(&programs.window).context("the files of the window are missing; run `cargo xtask web -- --window`")?;
    for (name, path) in pages {
        files.push((format!("usr/lib/tornado/window/{name}"), Source::File(path)));
    }
    Ok(Package { name: "tornado-client", control: "client", files, conffiles: &[] })
}

/// Name of the window's program among applications, as in `desktop/gui/tauri.conf.json`.
const APPLICATION: &str = "org.tornado.client";
/// Sizes of the icon in pixels.
const ICONS: &[u32] = &[16, 24, 32, 48, 64, 128, 256, 512];

/// A manual page that is written by hand.
fn page(name: &str) -> anyhow::Result<(String, Source)> {
    let path = shell::root().join("installers/man").join(name);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let section = name.rsplit('.').next().unwrap_or_default();
    Ok((format!("usr/share/man/man{section}/{name}.gz"), Source::Text(text)))
}

fn installed(from: &str, to: &str) -> (String, Source) {
    (to.to_owned(), Source::File(shell::root().join("installers").join(from)))
}

/// The files in a directory with their names, in order.
fn entries(directory: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let entries = std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    found.sort();
    Ok(found)
}

/// Manual pages and shell completions, written by the program itself.
fn generated(program: &Path, name: &str) -> anyhow::Result<Vec<(String, Source)>> {
    let run = |words: &[&str]| shell::read(shell::command(program, words)).context("cannot run the built program");
    let mut files = Vec::new();
    for (kind, path) in [
        ("bash", format!("usr/share/bash-completion/completions/{name}")),
        ("zsh", format!("usr/share/zsh/vendor-completions/_{name}")),
        ("fish", format!("usr/share/fish/vendor_completions.d/{name}.fish")),
    ] {
        files.push((path, Source::Text(run(&["completions", kind])?)));
    }
    let pages = shell::target_dir().join("man").join(name);
    if pages.exists() {
        std::fs::remove_dir_all(&pages)?;
    }
    std::fs::create_dir_all(&pages)?;
    run(&["man", &pages.to_string_lossy()])?;
    for (page, path) in entries(&pages)? {
        files.push((format!("usr/share/man/man1/{page}.gz"), Source::Text(std::fs::read_to_string(path)?)));
    }
    Ok(files)
}
