use super::*;

struct World {
    dir: tempfile::TempDir,
    places: Vec<Place>,
}

impl World {
    /// Unpacked files: a certificate, a key without a place and a configuration. `None` without root, which cannot
    /// chown.
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etc/certificate.pem");
        let places =
            vec![Place::Elsewhere { path, mode: 0o644, reader: None }, Place::Nowhere("key".into()), Place::Config];
        let world = Self { dir, places };
        std::fs::create_dir(world.at("etc")).unwrap();
        Some(world)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.at(name)).ok()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.at(name), text).unwrap();
    }

    fn prepare(&self, keeps_own: bool) -> anyhow::Result<Elsewhere> {
        let new = self.at("new");
        std::fs::create_dir_all(&new)?;
        for number in 0..self.places.len() {
            std::fs::write(unpacked(&new, number), format!("saved {number}"))?;
        }
        Elsewhere::prepare(&new, &self.places, &self.at("etc/tornado.toml"), keeps_own, 7)
    }

    /// All names in the directory of the configuration.
    fn names(&self) -> Vec<String> {
        let all = std::fs::read_dir(self.at("etc")).unwrap();
        let mut names: Vec<_> = all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn what_was_there_is_kept_and_told() {
    let Some(world) = World::new() else { return };
    world.write("etc/certificate.pem", "own");
    let told = world.prepare(false).unwrap().finish().unwrap();
    assert_eq!(world.read("etc/certificate.pem").as_deref(), Some("saved 0"));
    assert_eq!(world.read("etc/certificate.pem.before-7").as_deref(), Some("own"));
    assert_eq!(world.read("etc/tornado.toml").as_deref(), Some("saved 2"));
    assert_eq!(world.names(), ["certificate.pem", "certificate.pem.before-7", "tornado.toml"]);
    assert!(told.len() == 2 && told[0].contains("before-7") && told[1].contains("key"), "{told:?}");
    assert!(std::fs::read_dir(world.at("new")).unwrap().next().is_none(), "none of these files stays in the state");

    // A second restore of the same files replaces nothing that must be kept.
    let told = world.prepare(false).unwrap().finish().unwrap();
    assert_eq!((told.len(), world.names().len()), (1, 3), "{told:?}");
}

#[test]
fn a_machine_with_a_configuration_of_its_own_keeps_its_other_files() {
    let Some(world) = World::new() else { return };
    world.write("etc/certificate.pem", "own");
    world.write("etc/tornado.toml", "own");
    let told = world.prepare(true).unwrap().finish().unwrap();
    let names = ["certificate.pem", "certificate.pem.from-backup", "tornado.toml", "tornado.toml.from-backup"];
    assert_eq!(world.names(), names);
    assert_eq!(world.read("etc/certificate.pem").as_deref(), Some("own"));
    assert_eq!(world.read("etc/certificate.pem.from-backup").as_deref(), Some("saved 0"));
    assert_eq!(told.len(), 3, "{told:?}");
    // A configured file that does not exist is restored.
    std::fs::remove_file(world.at("etc/certificate.pem")).unwrap();
    world.prepare(true).unwrap().finish().unwrap();
    assert_eq!(world.read("etc/certificate.pem").as_deref(), Some("saved 0"));
}

#[test]
fn what_is_not_finished_leaves_nothing() {
    let Some(mut world) = World::new() else { return };
    world.write("etc/certificate.pem", "own");
    drop(world.prepare(false).unwrap());
    assert_eq!(world.names(), ["certificate.pem"]);
    // The second file cannot be written, so the first one is removed as well.
    world.write("file", "");
    let path = world.at("file/certificate.pem");
    world.places.push(Place::Elsewhere { path, mode: 0o644, reader: None });
    assert!(world.prepare(false).is_err());
    assert_eq!(
        (world.names(), world.read("etc/certificate.pem").as_deref()),
        (vec!["certificate.pem".into()], Some("own"))
    );
}

#[test]
fn a_link_in_the_place_of_an_unfinished_file_is_not_followed() {
    let Some(world) = World::new() else { return };
    world.write("victim", "untouched");
    std::os::unix::fs::symlink(world.at("victim"), world.at("etc/certificate.pem.restoring")).unwrap();
    world.prepare(false).unwrap().finish().unwrap();
    assert_eq!(world.read("victim").as_deref(), Some("untouched"));
    assert_eq!(world.read("etc/certificate.pem").as_deref(), Some("saved 0"));
}
