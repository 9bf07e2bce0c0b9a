//! What is in which package.

use crate::shell;
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// Built programs, and what they generate.
pub struct Programs {
    directory: PathBuf,
    console: PathBuf,
}

impl Programs {
    /// Those of one profile in cargo's target directory.
    pub fn of(target: &Path, profile: &str) -> Self {
        Self { directory: target.join(profile), console: target.join("console") }
    }

    fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }
}

/// A file of a package.
pub enum Source {
    /// A copy of a file.
    File(PathBuf),
    /// A program of ours: copied without symbols.
    Program(PathBuf),
    /// A text. It is compressed if its path ends with `.gz`.
    Text(String),
}

/// A package before its control file is written.
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Directory of its control file and maintainer scripts.
    pub control: PathBuf,
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
    let control = shell::root().join("installers/debian/server");
    Ok(Package { name: "tornado-server", control, files, conffiles: &["/etc/tornado/tornado.toml"] })
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
    files.extend(generated(&programs.path("tornado"), "tornado")?);
    let control = shell::root().join("installers/debian/cli");
    Ok(Package { name: "tornado-cli", control, files, conffiles: &[] })
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
