//! `tornado-gui`: the window of the desktop client.
//!
//! It has no rights and no secrets of the account: all it does are calls of the helper's socket. The window's pages are
//! files beside the program; they can send the requests of `desktop/gui-api`, and nothing else.

#![forbid(unsafe_code)]

mod commands;
mod convert;
mod files;
mod follow;
mod login;
mod mark;
mod notify;
mod preferences;
mod tray;
mod window;

use anyhow::Context as _;
use std::process::ExitCode;
use tauri::Manager as _;
use tauri::async_runtime::spawn;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tornado-gui: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let files = files::Files::installed()?;
    let helper = tornado_helper_api::client(tornado_helper_api::socket_path());
    let views = follow::Views::default();
    let words = tray::Words::default();
    let context = tauri::generate_context!(assets = files);
    let arguments: Vec<String> = std::env::args().collect();
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, arguments, _| window::reopen(app, &arguments)))
        .manage(views.clone())
        .manage(helper.clone())
        .manage(window::Opened::of(&arguments))
        .manage(words.clone())
        .manage(notify::Notifier::default())
        .manage(commands::support::Shown::default())
        .invoke_handler(tauri::generate_handler![
            commands::start,
            commands::watch,
            commands::account::enrol,
            commands::account::sign_in,
            commands::account::sign_out,
            commands::account::profiles,
            commands::account::use_profile,
            commands::account::rename_profile,
            commands::account::remove_profile,
            commands::account::begin_totp,
            commands::account::confirm_totp,
            commands::account::end_totp,
            commands::connect,
            commands::switch_lane,
            commands::disconnect,
            commands::choose_exit,
            commands::new_identity,
            commands::refresh,
            commands::protection::set_lockdown,
            commands::protection::set_networks,
            commands::protection::open_portal,
            commands::support::report,
            commands::support::save_report,
            commands::support::log,
            commands::save_preferences,
            commands::set_words,
            commands::notify,
            commands::quit,
        ])
        .setup(move |app| {
            app.manage(preferences::Store::open(app.handle())?);
            tray::open(app.handle(), &views, &words)?;
            spawn(follow::remember_lane(app.handle().clone(), views.clone()));
            spawn(follow::connect_at_start(app.handle().clone(), helper.clone(), views.clone()));
            spawn(follow::follow(helper, views));
            window::open(app.handle())?;
            Ok(())
        })
        .on_window_event(window::event)
        .build(context)
        .context("cannot start the window")?;
    app.run(|_, _| {});
    Ok(())
}
