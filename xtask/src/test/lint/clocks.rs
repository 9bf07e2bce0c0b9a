//! Finds tests of suite `unit` that depend on the speed of the machine: real pauses and measured time. Also finds
//! product code that reads the wall clock itself.
//!
//! These tests never need to pause a thread. They may use elapsed time if tokio's clock is paused. Real timing belongs
//! in a bench; tests that take real time belong in another suite.

/// Packages whose tests belong to other suites, as in `binary.rs`.
const OTHERS: &[&str] = &["e2e/lanes/", "e2e/tor/", "server/store/", "server/live/"];
/// Prefixes of test programs in other suites.
const PREFIXES: &[&str] = &["lanes_", "tor_", "cluster_", "faults_", "console_"];
/// Split in halves, so that they are not findings themselves.
const PAUSE: [&str; 2] = ["thread::sl", "eep("];
const MEASURED: [&str; 2] = [".elap", "sed()"];
const WALL: [&str; 2] = ["SystemTime::n", "ow()"];
/// The one file of the product that reads the wall clock.
const CLOCK: &str = "shared/kit/src/clock.rs";

/// Returns one line for each finding in a file. `all` contains all files of the tree.
pub fn findings(path: &str, text: &str, all: &[&str]) -> Vec<String> {
    let mut found = wall_clocks(path, text);
    let Some(begin) = begin(path, text, all) else { return found };
    let tests = text.get(begin..).unwrap_or_default();
    let is_paused = tests.contains("start_paused = true") || tests.contains("time::pause()");
    let is_tokios = text.split("tokio::time::").skip(1).any(|rest| {
        let names = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        names.unwrap_or(rest.get(..7).unwrap_or_default()).contains("Instant")
    });
    for (index, line) in text.lines().enumerate().skip(text.get(..begin).unwrap_or_default().lines().count()) {
        if line.contains(&PAUSE.concat()) {
            found.push(format!("{path}:{}: a test of suite unit pauses a thread; wait for an event", index + 1));
        }
        if line.contains(&MEASURED.concat()) && !(is_paused && is_tokios) {
            found.push(format!("{path}:{}: a test of suite unit measures time; pause tokio's clock", index + 1));
        }
    }
    found
}

/// Lines of the product, without tests, that read the wall clock elsewhere than in [`CLOCK`].
fn wall_clocks(path: &str, text: &str) -> Vec<String> {
    let is_product = ["server/", "desktop/", "shared/"].iter().any(|folder| path.starts_with(folder));
    if !is_product || path == CLOCK || path.contains("/tests") || path.contains("_tests.rs") {
        return Vec::new();
    }
    let code = text.rfind("#[cfg(test)]\nmod tests {").and_then(|tests| text.get(..tests)).unwrap_or(text);
    let reads = code.lines().enumerate().filter(|(_, line)| line.contains(&WALL.concat()));
    reads.map(|(index, _)| format!("{path}:{}: reads the wall clock; call `clock::wall_clock`", index + 1)).collect()
}

/// The offset at which the tests of suite `unit` begin in a file; `None` if there are none.
fn begin(path: &str, text: &str, all: &[&str]) -> Option<usize> {
    if OTHERS.iter().any(|other| path.starts_with(other)) {
        return None;
    }
    let Some((package, test)) = path.split_once("/tests/").filter(|(package, _)| !package.contains("/src")) else {
        let is_test = path.contains("/src/") && (path.contains("/tests/") || path.contains("_tests.rs"));
        let is_module = path.ends_with("/tests.rs");
        return if is_test || is_module { Some(0) } else { text.rfind("#[cfg(test)]\nmod tests {") };
    };
    is_unit(package, test, all).then_some(0)
}

/// Whether a file below `tests` belongs to a program of this suite, or is shared by one.
fn is_unit(package: &str, test: &str, all: &[&str]) -> bool {
    let is_other = |name: &str| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let Some((room, _)) = test.split_once('/') else { return !is_other(test) };
    let programs = all.iter().filter_map(|path| path.strip_prefix(package)?.strip_prefix("/tests/"));
    let main = format!("{room}/main.rs");
    let mut of_unit = programs.filter(|program| !program.contains('/') || program.ends_with("/main.rs"));
    if all.contains(&format!("{package}/tests/{main}").as_str()) {
        !is_other(room)
    } else {
        of_unit.any(|name| !is_other(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &[&str] =
        &["a/b/tests/one.rs", "a/b/tests/support/mod.rs", "c/tests/lanes_x.rs", "c/tests/support/mod.rs"];

    fn count(path: &str, text: &str) -> usize {
        findings(path, text, TREE).len()
    }

    #[test]
    fn pauses_and_measured_time_are_found_in_unit_tests_only() {
        let pause = PAUSE.concat();
        for (path, expected) in [
            ("a/b/tests/one.rs", 1),
            ("a/b/tests/support/mod.rs", 1),
            ("a/src/x/tests/more.rs", 1),
            ("a/src/x_tests.rs", 1),
            ("a/src/x.rs", 0),
            ("c/tests/lanes_x.rs", 0),
            ("c/tests/support/mod.rs", 0),
            ("server/live/src/redis_tests.rs", 0),
        ] {
            assert_eq!(count(path, &format!("std::{pause}now);\n")), expected, "{path}");
        }
        let below = format!("{pause}x);\n#[cfg(test)]\nmod tests {{\n{pause}x);\n}}\n");
        assert_eq!(findings("a/src/x.rs", &below, TREE).len(), 1);
        assert!(findings("a/src/x.rs", &below, TREE)[0].starts_with("a/src/x.rs:4: "));
    }

    #[test]
    fn the_product_reads_the_wall_clock_in_one_place() {
        let text = format!("let now = {};\n", WALL.concat());
        for (path, expected) in [
            ("server/x/src/a.rs", 1),
            ("desktop/x/src/a.rs", 1),
            (CLOCK, 0),
            ("server/x/src/a_tests.rs", 0),
            ("server/x/tests/a.rs", 0),
            ("xtask/src/a.rs", 0),
        ] {
            assert_eq!(count(path, &text), expected, "{path}");
        }
        assert_eq!(count("server/x/src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{text}}}\n")), 0);
    }

    #[test]
    fn time_is_measured_by_a_clock_that_is_paused() {
        let measured = MEASURED.concat();
        let paused = "#[tokio::test(start_paused = true)]\n";
        let own = "use tokio::time::{Instant, sleep};\n";
        assert_eq!(count("a/src/x_tests.rs", &format!("begun{measured}\n")), 1);
        assert_eq!(count("a/src/x_tests.rs", &format!("{paused}begun{measured}\n")), 1);
        assert_eq!(count("a/src/x_tests.rs", &format!("{own}begun{measured}\n")), 1);
        assert_eq!(count("a/src/x_tests.rs", &format!("{own}{paused}begun{measured}\n")), 0);
        assert_eq!(count("a/src/x_tests.rs", &format!("tokio::time::Instant::now();\n{paused}begun{measured}\n")), 0);
    }
}
