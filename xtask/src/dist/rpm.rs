//! Writes a package for rpm with rpmbuild(8).

use super::contents::{Package, Source};
use super::stage::{self, Edition, Stage};
use crate::shell;
use anyhow::Context as _;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Directories that belong to our packages only.
const OWN: &[&str] = &["etc/tornado", "usr/lib/tornado", "usr/share/doc/tornado-server"];
/// Completions of zsh: the directory of Debian, and that of other distributions.
const ZSH: [&str; 2] = ["usr/share/zsh/vendor-completions", "usr/share/zsh/site-functions"];

/// What changes the bytes of a package, set to fixed values: rpmbuild reads the rest from the machine. The files are
/// already stripped, and Debian's rpm has no scripts that process them.
const FIXED: &[&str] = &[
    "_buildhost localhost",
    "_build_id_links none",
    "__os_install_post %{nil}",
    "debug_package %{nil}",
    "source_date_epoch_from_changelog 0",
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
    "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
];

/// Packs a package into `out`. The stage must hold the files of the package only.
pub fn pack(package: &Package, edition: &Edition, stage: &Stage, out: &Path) -> anyhow::Result<PathBuf> {
    let work = stage.directory.join("rpm");
    stage::directory(&work)?;
    let template = stage::read(&shell::root().join("installers/rpm").join(format!("{}.spec", package.control)))?;
    let licence = format!("usr/share/licenses/{}/LICENSE", package.name);
    let mut list = String::new();
    let mut install = String::from("%install\n");
    for directory in own_directories(package) {
        list.push_str(&format!("%dir %attr(0755,root,root) \"/{directory}\"\n"));
    }
    for (path, source) in &package.files {
        let to = path.replace(ZSH[0], ZSH[1]);
        let mode = if matches!(source, Source::Program(_)) { "0755" } else { "0644" };
        let is_config = package.conffiles.iter().any(|name| name.trim_start_matches('/') == path);
        let kind = if is_config { "%config(noreplace) " } else { "" };
        list.push_str(&format!("{kind}%attr({mode},root,root) \"/{to}\"\n"));
        install
            .push_str(&format!("install -D -m {mode} '{}' '%{{buildroot}}/{to}'\n", stage.root.join(path).display()));
    }
    list.push_str(&format!("%license %attr(0644,root,root) \"/{licence}\"\n"));
    let text = shell::root().join("LICENSE");
    install.push_str(&format!("install -D -m 0644 '{}' '%{{buildroot}}/{licence}'\n", text.display()));

    // The version of a package cannot contain `-`, which ends it in the name of the file.
    let spec = work.join("package.spec");
    let filled = stage.names.fill(&template)?.replace("%install\n", &install).replace("@FILES@", list.trim_end());
    stage::put(&spec, filled.as_bytes(), 0o644)?;
    let mut build = shell::command("rpmbuild", &["-bb", "--quiet", "--target", "x86_64-linux"]);
    for value in FIXED {
        build.args(["--define", value]);
    }
    let payload = if edition.is_quick { "w1.zstdio" } else { "w15.zstdio" };
    build.args(["--define", &format!("_binary_payload {payload}")]);
    build.args(["--define", &format!("_topdir {}", work.display())]);
    build.args(["--define", &format!("_rpmdir {}", out.display())]);
    build.arg(&spec).env("SOURCE_DATE_EPOCH", edition.epoch.to_string()).env("LC_ALL", "C.UTF-8");
    shell::read(build.stdin(Stdio::null())).context("cannot build the package for rpm")?;
    let built = out.join(format!("{}-{}-1.x86_64.rpm", package.name, edition.version));
    anyhow::ensure!(built.is_file(), "rpmbuild did not write {}", built.display());
    Ok(built)
}

/// The directories with files of the package that no other package has, in order.
fn own_directories(package: &Package) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, _) in &package.files {
        for directory in Path::new(path).ancestors().skip(1) {
            if OWN.iter().any(|own| directory.starts_with(own)) {
                found.insert(directory.display().to_string());
            }
        }
    }
    found.insert(format!("usr/share/licenses/{}", package.name));
    found
}
