//! The installer for Windows: its tables, its signature, and its life under wine. Needs what `cargo xtask test windows`
//! prepares.

#![expect(clippy::unwrap_used, reason = "a test panics when a step fails")]

use msi::{Select, Value};
use std::path::Path;
use std::process::Command;
use tornado_e2e_packages::{Wine, installer};

const PROGRAMS: [&str; 3] = ["tornado.exe", "tornado-helperd.exe", "wintun.dll"];
const INSTALLED: &str = "Program Files/Tornado VPN";
const SERVICE: &str = r"HKLM\System\CurrentControlSet\Services\tornado-helper";
const LINKS: &str = r"HKLM\Software\Classes\tornado\shell\open\command";

/// The rows of a table as text.
fn rows(package: &mut msi::Package<std::fs::File>, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::Int(number) => number.to_string(),
        Value::Str(text) => text.clone(),
        Value::Binary => "binary".to_owned(),
    };
    let rows = package.select_rows(Select::table(table).columns(columns)).unwrap();
    rows.map(|row| columns.iter().map(|column| text(&row[*column])).collect()).collect()
}

fn property(package: &mut msi::Package<std::fs::File>, name: &str) -> String {
    let found = rows(package, "Property", &["Property", "Value"]);
    found.into_iter().find(|row| row[0] == name).unwrap()[1].clone()
}

#[test]
fn the_tables_have_files_service_links_and_upgrades() {
    let mut package = msi::open(installer("new").unwrap()).unwrap();
    let files = rows(&mut package, "File", &["FileName", "Component_"]);
    let names: Vec<&str> = files.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, ["tornado-helperd.exe", "wintun.dll", "tornado.exe"]);
    let columns = ["Name", "ServiceType", "StartType", "StartName", "Arguments"];
    assert_eq!(
        rows(&mut package, "ServiceInstall", &columns),
        [["tornado-helper", "16", "2", "LocalSystem", "service --allow-sid [UserSID]"]]
    );
    // Start at installation; stop at installation and removal; delete at removal.
    let control = rows(&mut package, "ServiceControl", &["Name", "Event", "Wait"]);
    assert_eq!(control, [["tornado-helper".to_owned(), (0x1 | 0x2 | 0x20 | 0x80).to_string(), "1".to_owned()]]);
    let links = rows(&mut package, "Registry", &["Root", "Key", "Name", "Value"]);
    let command =
        [r"2", r"Software\Classes\tornado\shell\open\command", "", "\"[INSTALLDIR]tornado.exe\" enroll \"%1\""];
    assert!(links.contains(&command.map(str::to_owned).to_vec()), "{links:?}");
    assert!(links.iter().any(|row| row[1] == r"Software\Classes\tornado" && row[2] == "URL Protocol"), "{links:?}");
    let shortcuts = rows(&mut package, "Shortcut", &["Directory_", "Target"]);
    assert_eq!(shortcuts, [["ProgramMenuFolder", "[INSTALLDIR]tornado.exe"]]);

    let version = property(&mut package, "ProductVersion");
    let code = property(&mut package, "UpgradeCode");
    let upgrades = rows(&mut package, "Upgrade", &["UpgradeCode", "VersionMin", "VersionMax", "ActionProperty"]);
    let upgrade = [code.as_str(), "", version.as_str(), "WIX_UPGRADE_DETECTED"];
    let downgrade = [code.as_str(), version.as_str(), "", "WIX_DOWNGRADE_DETECTED"];
    assert_eq!(upgrades, [upgrade, downgrade]);
    let conditions = rows(&mut package, "LaunchCondition", &["Condition", "Description"]);
    for condition in ["NOT WIX_DOWNGRADE_DETECTED", "Installed OR (VersionNT64 AND WINDOWSBUILD >= 19041)"] {
        assert!(conditions.iter().any(|row| row[0] == condition), "{conditions:?}");
    }
    // Administrators install for all users, and the question about data reaches the part with the rights.
    assert_eq!(property(&mut package, "ALLUSERS"), "1");
    assert!(property(&mut package, "SecureCustomProperties").split(';').any(|name| name == "REMOVEDATA"));

    let order = rows(&mut package, "InstallExecuteSequence", &["Action", "Condition", "Sequence"]);
    let place = |action: &str| -> i32 { order.iter().find(|row| row[0] == action).unwrap()[2].parse().unwrap() };
    assert!(place("InstallValidate") < place("RemoveExistingProducts"));
    assert!(place("RemoveExistingProducts") < place("InstallInitialize"), "the former version is removed first");
    assert!(place("StopServices") < place("ReleaseTraffic") && place("ReleaseTraffic") < place("RemoveFiles"));
    let condition = |action: &str| order.iter().find(|row| row[0] == action).unwrap()[1].clone();
    assert_eq!(condition("ReleaseTraffic"), "REMOVE=\"ALL\" AND NOT UPGRADINGPRODUCTCODE");
    assert_eq!(condition("RemoveData"), "REMOVE=\"ALL\" AND REMOVEDATA=\"1\" AND NOT UPGRADINGPRODUCTCODE");
}

#[test]
fn versions_share_the_upgrade_code_and_nothing_else() {
    let of = |name: &str| {
        let mut package = msi::open(installer(name).unwrap()).unwrap();
        let [product, upgrade] = ["ProductCode", "UpgradeCode"].map(|name| property(&mut package, name));
        (product, upgrade, package.summary_info().uuid().unwrap())
    };
    let (old, new) = (of("old"), of("new"));
    assert_eq!(old.1, new.1);
    assert!(old.0 != new.0 && old.2 != new.2);
}

#[test]
fn packing_twice_gives_the_same_bytes() {
    let read = |name: &str| std::fs::read(installer(name).unwrap()).unwrap();
    assert!(read("unsigned") == read("again"), "two installers from the same programs differ");
}

/// Runs `osslsigncode verify` with the certificate of the tests.
fn is_signed(path: &Path) -> bool {
    let certificate = installer("new").unwrap().ancestors().nth(2).unwrap().join("keys/authenticode.crt");
    let mut verify = Command::new("osslsigncode");
    verify.arg("verify").arg("-CAfile").arg(&certificate).arg("-in").arg(path);
    verify.output().unwrap().status.success()
}

#[test]
fn installer_and_programs_are_signed() {
    let signed = installer("new").unwrap();
    assert!(is_signed(&signed));
    assert!(!is_signed(&installer("unsigned").unwrap()));
    let directory = tempfile::tempdir().unwrap();
    let changed = directory.path().join("changed.msi");
    let mut content = std::fs::read(&signed).unwrap();
    // In the middle of the cabinet.
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&changed, content).unwrap();
    assert!(!is_signed(&changed), "a changed installer is accepted");
}

/// What a registry key has, or `None` if it does not exist.
fn registry(wine: &Wine, key: &str) -> Option<String> {
    let output = wine.output(&["reg", "query", key]).unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn exists(wine: &Wine) -> [bool; 3] {
    PROGRAMS.map(|name| wine.path(INSTALLED).join(name).is_file())
}

/// The command line reports the state that the service holds.
fn works(wine: &Wine) {
    let said = wine.run(&[r"C:\Program Files\Tornado VPN\tornado.exe", "--json", "status"]).unwrap();
    assert!(said.contains(&format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"))), "{said}");
}

#[test]
fn the_installer_installs_upgrades_refuses_a_downgrade_and_removes() {
    let wine = Wine::new().unwrap();
    let [old, new] = ["old", "new"].map(|name| wine.copy(&installer(name).unwrap()).unwrap());
    // wine introduces itself as Windows 7.
    assert!(wine.run(&["msiexec", "/i", &old, "/qn"]).is_err(), "an old Windows is accepted");
    assert_eq!(exists(&wine), [false; 3]);
    let version = r"HKLM\Software\Microsoft\Windows NT\CurrentVersion";
    wine.run(&["reg", "add", version, "/v", "CurrentBuild", "/d", "19041", "/f"]).unwrap();

    wine.run(&["msiexec", "/i", &old, "/qn"]).unwrap();
    assert_eq!(exists(&wine), [true; 3]);
    let service = registry(&wine, SERVICE).unwrap();
    assert!(service.contains("tornado-helperd.exe service --allow-sid S-1-5-21-"), "{service}");
    let links = registry(&wine, LINKS).unwrap();
    assert!(links.contains(r#""C:\Program Files\Tornado VPN\tornado.exe" enroll "%1""#), "{links}");
    works(&wine);
    let data = wine.path("ProgramData/Tornado VPN");
    let kept = data.join("log/kept");
    std::fs::write(&kept, "by upgrade and removal").unwrap();

    wine.run(&["msiexec", "/i", &new, "/qn"]).unwrap();
    assert_eq!(exists(&wine), [true; 3]);
    works(&wine);
    let versions = |wine: &Wine| {
        let uninstall = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall";
        let listed = wine.run(&["reg", "query", uninstall, "/s", "/v", "DisplayVersion"]).unwrap_or_default();
        let words = listed.split_whitespace().filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        words.filter(|word| word.contains('.')).map(str::to_owned).collect::<Vec<_>>()
    };
    let current = env!("CARGO_PKG_VERSION");
    assert_eq!(versions(&wine), [current], "the former version is removed");

    assert!(wine.run(&["msiexec", "/i", &old, "/qn"]).is_err(), "a downgrade is accepted");
    assert_eq!(versions(&wine), [current]);
    works(&wine);

    wine.run(&["msiexec", "/x", &new, "/qn"]).unwrap();
    assert_eq!(exists(&wine), [false; 3]);
    assert!(!wine.path(INSTALLED).exists() && registry(&wine, LINKS).is_none() && registry(&wine, SERVICE).is_none());
    assert!(kept.exists(), "a removal keeps the data");

    wine.run(&["msiexec", "/i", &new, "/qn"]).unwrap();
    works(&wine);
    wine.run(&["msiexec", "/x", &new, "/qn", "REMOVEDATA=1"]).unwrap();
    assert!(!data.exists() && !wine.path(INSTALLED).exists(), "data or programs remain");
    assert_eq!(versions(&wine), [""; 0]);
}

#[test]
fn the_name_has_version_and_architecture() {
    let path = installer("new").unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(name, format!("TornadoVPN-{}-x64.msi", env!("CARGO_PKG_VERSION")));
}
