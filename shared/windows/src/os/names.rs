//! The resolvers of this machine: a rule of the name resolution policy table (NRPT) sends all queries to those of the
//! tunnel. It is in the registry, so it survives a crash of the machine, and is removed by finding it there.

use crate::os::succeeded;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::ptr::null_mut;
use windows_registry::{Key, LOCAL_MACHINE, Type};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    ConvertInterfaceLuidToGuid, DNS_INTERFACE_SETTINGS, DNS_INTERFACE_SETTINGS_VERSION1, DNS_SETTING_IPV6,
    DNS_SETTING_NAMESERVER, SetInterfaceDnsSettings,
};
use windows_sys::Win32::NetworkManagement::Ndis::NET_LUID_LH;
use windows_sys::Win32::System::GroupPolicy::RP_FORCE;
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW};
use windows_sys::core::GUID;

/// Rules of this machine.
pub const LOCAL_RULES: &str = r"SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig";
/// Rules of a group policy. If there are any, Windows ignores those of the machine.
pub const POLICY_RULES: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig";
/// Name of the key of our rule.
pub const RULE: &str = "{6d1d4a2e-9b0c-4c55-8f3e-6a6f746f0001}";
/// The comment that identifies our rules, whatever their key.
pub const OWNER: &str = "Tornado VPN";

/// A list of texts with one entry, ".", in UTF-16. `windows-registry` 0.6 adds empty entries to a list.
const ALL_NAMES: [u8; 6] = [b'.', 0, 0, 0, 0, 0];
/// `HRESULT` of a key that does not exist.
const NOT_FOUND: i32 = 0x8007_0002_u32.cast_signed();

/// Sends all queries to these resolvers, which must be reached through the tunnel.
///
/// # Errors
/// Those of the registry.
pub fn set_rule(servers: &[IpAddr]) -> io::Result<()> {
    remove_rules()?;
    let has_policy = subkeys(POLICY_RULES)?.is_some_and(|keys| !keys.is_empty());
    add(LOCAL_RULES, servers)?;
    if has_policy {
        add(POLICY_RULES, servers)?;
        refresh_policy();
    }
    Ok(())
}

/// Removes our rules, also those of an earlier process. Returns how many there were.
///
/// # Errors
/// Those of the registry.
pub fn remove_rules() -> io::Result<usize> {
    let mut removed = 0;
    for path in [LOCAL_RULES, POLICY_RULES] {
        let before = removed;
        for name in subkeys(path)?.unwrap_or_default() {
            let rule = LOCAL_MACHINE.open(format!(r"{path}\{name}")).map_err(io::Error::from)?;
            if rule.get_string("Comment").is_ok_and(|owner| owner == OWNER) {
                let rules = LOCAL_MACHINE.options().read().write().open(path).map_err(io::Error::from)?;
                rules.remove_tree(&name).map_err(io::Error::from)?;
                removed += 1;
            }
        }
        if path == POLICY_RULES && removed > before {
            refresh_policy();
        }
    }
    Ok(removed)
}

/// Writes the values of a rule (MS-GPNRPT §2.2.2).
fn add(path: &str, servers: &[IpAddr]) -> io::Result<()> {
    let write = |rule: &Key| {
        rule.set_u32("Version", 2)?;
        // All names.
        rule.set_bytes("Name", Type::MultiString, &ALL_NAMES)?;
        let servers: Vec<String> = servers.iter().map(IpAddr::to_string).collect();
        rule.set_string("GenericDNSServers", servers.join(";"))?;
        // "Use the generic resolvers of this rule".
        rule.set_u32("ConfigOptions", 8)?;
        rule.set_string("Comment", OWNER)
    };
    let rule = LOCAL_MACHINE.create(format!(r"{path}\{RULE}")).map_err(io::Error::from)?;
    write(&rule).map_err(io::Error::from)
}

/// Names of the keys below `path`; `None` if it does not exist.
fn subkeys(path: &str) -> io::Result<Option<Vec<String>>> {
    match LOCAL_MACHINE.open(path) {
        Ok(key) => Ok(Some(key.keys().map_err(io::Error::from)?.collect())),
        Err(error) if error.code().0 == NOT_FOUND => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes Windows read the rules of group policies again. If it does not, it does so within 90 minutes.
fn refresh_policy() {
    type RefreshPolicyEx = unsafe extern "system" fn(i32, u32) -> i32;
    let library = super::wide(Path::new("userenv.dll")).unwrap_or_default();
    #[expect(unsafe_code, reason = "wine has no such function, so it is looked up")]
    // SAFETY: both names end with NUL, and the function has this type and takes numbers only.
    unsafe {
        let library = LoadLibraryExW(library.as_ptr(), null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32);
        if library.is_null() {
            return;
        }
        if let Some(function) = GetProcAddress(library, c"RefreshPolicyEx".as_ptr().cast()) {
            let refresh: RefreshPolicyEx = std::mem::transmute(function);
            refresh(1, RP_FORCE);
        }
    }
}

/// Sets the resolvers of an interface, for programs that do not use the policy table.
///
/// # Errors
/// Those of Windows.
pub fn set_resolvers(luid: u64, servers: &[IpAddr]) -> io::Result<()> {
    let (luid, mut guid) = (NET_LUID_LH { Value: luid }, GUID::from_u128(0));
    #[expect(unsafe_code, reason = "a call of the Windows API")]
    // SAFETY: both structures outlive the call.
    succeeded(unsafe { ConvertInterfaceLuidToGuid(&raw const luid, &raw mut guid) })?;
    for is_v6 in [false, true] {
        let of_family: Vec<String> =
            servers.iter().filter(|server| server.is_ipv6() == is_v6).map(IpAddr::to_string).collect();
        let mut list: Vec<u16> = of_family.join(",").encode_utf16().chain([0]).collect();
        let settings = DNS_INTERFACE_SETTINGS {
            Version: DNS_INTERFACE_SETTINGS_VERSION1,
            Flags: u64::from(DNS_SETTING_NAMESERVER | if is_v6 { DNS_SETTING_IPV6 } else { 0 }),
            NameServer: list.as_mut_ptr(),
            ..DNS_INTERFACE_SETTINGS::default()
        };
        #[expect(unsafe_code, reason = "a call of the Windows API")]
        // SAFETY: the text ends with NUL, and both outlive the call.
        succeeded(unsafe { SetInterfaceDnsSettings(guid, &raw const settings) })?;
    }
    Ok(())
}
