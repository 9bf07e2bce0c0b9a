//! The services' users and groups. Missing ones are created; those of other programs or people are never changed or
//! removed.

use crate::shell;
use anyhow::{Context as _, bail};
use nix::unistd::{Group, User};
use std::path::Path;

/// The declarations of users and groups: of the server and of the helper.
const SYSUSERS: &[&str] = &["installers/sysusers.d/tornado.conf", "installers/sysusers.d/tornado-helper.conf"];
/// Prefix of each description in the declaration.
const OURS: &str = "Tornado VPN";
/// The lowest uid of regular users (login.defs(5), `SYS_UID_MAX`).
const PEOPLE: u32 = 1000;

/// Creates missing users and groups of the services from the declarations.
pub fn users() -> anyhow::Result<()> {
    let declared = declared()?;
    let existing = declared.lines().filter_map(user_of).filter_map(user);
    let mut refused: Vec<String> =
        existing.filter_map(|user| Some(format!("{} (uid {}) {}", user.name, user.uid, obstacle(&user)?))).collect();
    let groups = declared.lines().filter_map(group_of).filter_map(group);
    let foreign = groups.filter(|group| is_of_account(group, user(&group.name).as_ref()));
    refused.extend(foreign.map(|group| format!("group {} (gid {}) belongs to an account", group.name, group.gid)));
    if !refused.is_empty() {
        bail!(
            "accounts of other programs or people use names that the services need: {}; rename them (`usermod --login NEW OLD`, \
             `groupmod --new-name NEW OLD`), then run the command again",
            refused.join(", ")
        );
    }
    let missing: Vec<&str> = declared.lines().filter_map(user_of).filter(|name| !exists(name)).collect();
    let groups: Vec<&str> = declared.lines().filter_map(group_of).filter(|name| !group_exists(name)).collect();
    if missing.is_empty() && groups.is_empty() {
        return Ok(());
    }
    if !shell::is_root() {
        return shell::as_root(&["install", "--system-only"]);
    }
    println!("creating the users and groups {}", [missing.as_slice(), &groups].concat().join(", "));
    if shell::has("systemd-sysusers") {
        // systemd-sysusers would search a relative path among the system's files.
        let declarations = SYSUSERS.iter().map(|path| shell::root().join(path));
        return shell::run(shell::command("systemd-sysusers", &[]).args(declarations));
    }
    for group in groups {
        shell::run(shell::command("groupadd", &["--system", "--force", group]))?;
    }
    for name in missing {
        // If a group with that name exists, it becomes the user's group.
        let group: &[&str] = if group_exists(name) { &["--gid", name] } else { &["--user-group"] };
        let words = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--comment", OURS, "--shell"];
        shell::run(shell::command("useradd", &words).arg("/usr/sbin/nologin").args(group).arg(name))?;
    }
    for (user, group) in declared.lines().filter_map(membership_of) {
        shell::run(shell::command("usermod", &["--append", "--groups", group, user]))?;
    }
    Ok(())
}

fn declared() -> anyhow::Result<String> {
    let read =
        |path: &&str| std::fs::read_to_string(shell::root().join(path)).with_context(|| format!("cannot read {path}"));
    SYSUSERS.iter().map(read).collect()
}

/// Removes the users and groups that this program created.
pub fn remove_users() -> anyhow::Result<()> {
    let declared = declared()?;
    for found in declared.lines().filter_map(user_of).filter_map(user) {
        if is_ours(&found) {
            shell::run(shell::command("userdel", &[&found.name]))?;
            println!("removed the user {}", found.name);
        } else {
            println!("kept the user {}, which another program created", found.name);
        }
    }
    for found in declared.lines().filter_map(group_of).filter_map(group) {
        if is_ours_group(&found) && !is_of_account(&found, user(&found.name).as_ref()) {
            shell::run(shell::command("groupdel", &[&found.name]))?;
            println!("removed the group {}", found.name);
        } else {
            println!("kept the group {}, which has members or belongs to another program", found.name);
        }
    }
    Ok(())
}

/// Parses the name in a line `u NAME …` of sysusers.d(5); `u!` locks the account.
fn user_of(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    matches!(words.next()?, "u" | "u!").then(|| words.next()).flatten()
}

fn group_of(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    (words.next()? == "g").then(|| words.next()).flatten()
}

fn membership_of(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    (words.next()? == "m").then_some(())?;
    Some((words.next()?, words.next()?))
}

fn user(name: &str) -> Option<User> {
    User::from_name(name).ok().flatten()
}

fn group(name: &str) -> Option<Group> {
    Group::from_name(name).ok().flatten()
}

fn exists(name: &str) -> bool {
    user(name).is_some()
}

fn group_exists(name: &str) -> bool {
    group(name).is_some()
}

/// The reason why an existing account cannot be used for a service, if any.
fn obstacle(user: &User) -> Option<&'static str> {
    let shell = user.shell.file_name().unwrap_or_default();
    if user.uid.is_root() {
        Some("is root")
    } else if user.uid.as_raw() >= PEOPLE {
        Some("has the uid of a regular user")
    } else if shell != "nologin" && shell != "false" {
        Some("can log in")
    } else {
        None
    }
}

/// Returns true for an account that this program created with systemd-sysusers or useradd.
fn is_ours(user: &User) -> bool {
    let described = user.gecos.to_str().unwrap_or_default();
    let is_of_useradd = described.is_empty() && user.dir == Path::new("/nonexistent");
    obstacle(user).is_none() && (described.starts_with(OURS) || is_of_useradd)
}

/// True for the group of a person, or of the account that has its name: its members would control the helper.
fn is_of_account(group: &Group, namesake: Option<&User>) -> bool {
    group.gid.as_raw() >= PEOPLE || namesake.is_some_and(|user| user.gid == group.gid)
}

fn is_ours_group(group: &Group) -> bool {
    group.gid.as_raw() < PEOPLE && group.mem.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{Gid, Uid};

    #[test]
    fn the_declaration_names_every_user_and_the_group_of_the_helper() {
        let declared = declared().unwrap();
        let users: Vec<_> = declared.lines().filter_map(user_of).collect();
        assert!(
            ["auth", "session", "wg", "api", "admin"].iter().all(|n| users.contains(&format!("tornado-{n}").as_str()))
        );
        assert_eq!(declared.lines().filter_map(group_of).collect::<Vec<_>>(), ["tornado"]);
    }

    #[test]
    fn declarations_are_read() {
        assert_eq!(user_of("u tornado-auth - \"Tornado VPN: identity\" /"), Some("tornado-auth"));
        assert_eq!(user_of("u! tornado-wg -"), Some("tornado-wg"));
        assert_eq!(user_of("# u comment"), None);
        assert_eq!(group_of("g tornado -"), Some("tornado"));
        assert_eq!(membership_of("m tornado-auth tornado"), Some(("tornado-auth", "tornado")));
    }

    fn account(uid: u32, gecos: &str, dir: &str, shell: &str) -> User {
        User {
            name: "tornado-wg".into(),
            passwd: c"x".into(),
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(uid),
            gecos: std::ffi::CString::new(gecos).unwrap(),
            dir: dir.into(),
            shell: shell.into(),
        }
    }

    #[test]
    fn accounts_of_others_are_neither_used_nor_removed() {
        let nologin = "/usr/sbin/nologin";
        for ours in [account(990, "Tornado VPN lanes", "/", nologin), account(990, "", "/nonexistent", nologin)] {
            assert!(obstacle(&ours).is_none() && is_ours(&ours), "{ours:?}");
        }
        let system = account(990, "Tornado web", "/srv/web", nologin);
        assert!(obstacle(&system).is_none() && !is_ours(&system), "used unchanged, and not removed");
        for (other, why) in [
            (account(1000, "Tornado VPN lanes", "/", nologin), "has the uid of a regular user"),
            (account(990, "", "/nonexistent", "/bin/bash"), "can log in"),
            (account(0, "", "/nonexistent", nologin), "is root"),
        ] {
            assert_eq!((obstacle(&other), is_ours(&other)), (Some(why), false));
        }
        let group = |gid, mem: &[&str]| Group {
            name: "tornado".into(),
            passwd: c"x".into(),
            gid: Gid::from_raw(gid),
            mem: mem.iter().map(|&name| name.to_owned()).collect(),
        };
        let namesake = account(990, "", "/srv/web", nologin);
        assert!(is_of_account(&group(1000, &[]), None) && is_of_account(&group(990, &[]), Some(&namesake)));
        assert!(!is_of_account(&group(991, &[]), Some(&namesake)) && !is_of_account(&group(990, &[]), None));
        assert!(is_ours_group(&group(990, &[])));
        assert!(!is_ours_group(&group(1001, &[])) && !is_ours_group(&group(990, &["ada"])));
    }
}
