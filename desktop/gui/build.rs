//! Generates the permissions of the window: one for each command, and none of Tauri's own.

#![forbid(unsafe_code)]

fn main() {
    let commands = &[
        "start",
        "watch",
        "enrol",
        "sign_in",
        "sign_out",
        "connect",
        "switch_lane",
        "disconnect",
        "choose_exit",
        "new_identity",
        "refresh",
        "set_lockdown",
        "set_networks",
        "open_portal",
        "profiles",
        "use_profile",
        "rename_profile",
        "remove_profile",
        "begin_totp",
        "confirm_totp",
        "end_totp",
        "report",
        "save_report",
        "log",
        "save_preferences",
        "set_words",
        "notify",
        "quit",
    ];
    let manifest = tauri_build::AppManifest::new().commands(commands);
    if let Err(error) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        println!("cargo:warning=cannot generate the permissions of the window: {error:#}");
        std::process::exit(1);
    }
}
