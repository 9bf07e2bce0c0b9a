//! Reverse-path filters of IPv4 (RFC 3704) against replies to excluded programs.
//!
//! A reply is addressed to the inner address again before the filter sees it. A strict filter looks up its sender
//! without the firewall mark, finds the tunnel and drops it, unless `src_valid_mark` includes the mark.

use std::fs;
use std::io;
use std::path::Path;

/// The settings of the interfaces, `ip-sysctl` of the kernel.
const SETTINGS: &str = "/proc/sys/net/ipv4/conf";
/// Value of a strict filter.
const STRICT: u8 = 1;

/// Makes reverse-path filters accept the replies. Returns what to do if that fails.
#[must_use]
pub fn accept_replies() -> Option<String> {
    accept_below(Path::new(SETTINGS)).err().map(|error| {
        format!(
            "a strict reverse-path filter drops IPv4 replies to excluded programs, and src_valid_mark cannot be set \
             ({error}); run `sysctl -w net.ipv4.conf.all.src_valid_mark=1` as root"
        )
    })
}

fn accept_below(settings: &Path) -> io::Result<()> {
    let value = |interface: &str, name: &str| -> u8 {
        let text = fs::read_to_string(settings.join(interface).join(name)).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    };
    // Of the values of `all` and of the interface, the filter uses the higher one.
    let of_all = value("all", "rp_filter");
    let is_strict = |interface: &str| {
        of_all.max(value(interface, "rp_filter")) == STRICT && value(interface, "src_valid_mark") == 0
    };
    let names: Vec<String> =
        fs::read_dir(settings)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let is_interface = |name: &&String| !["all", "default", "lo"].contains(&name.as_str());
    if value("all", "src_valid_mark") != 0 || !names.iter().filter(is_interface).any(|name| is_strict(name)) {
        return Ok(());
    }
    fs::write(settings.join("all/src_valid_mark"), "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_set_only_for_a_strict_filter() {
        for (all, own, mark, changes) in
            [(0, 0, 0, false), (0, 2, 0, false), (2, 1, 0, false), (0, 1, 0, true), (1, 0, 0, true), (1, 1, 1, false)]
        {
            let directory = tempfile::tempdir().unwrap();
            let put = |interface: &str, filter: u8, mark: u8| {
                let path = directory.path().join(interface);
                fs::create_dir_all(&path).unwrap();
                fs::write(path.join("rp_filter"), format!("{filter}\n")).unwrap();
                fs::write(path.join("src_valid_mark"), format!("{mark}\n")).unwrap();
            };
            put("all", all, 0);
            put("eth0", own, mark);
            accept_below(directory.path()).unwrap();
            let set = fs::read_to_string(directory.path().join("all/src_valid_mark")).unwrap();
            assert_eq!(set.trim() == "1", changes, "{all} {own} {mark}");
        }
    }
}
