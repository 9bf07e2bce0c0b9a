//! The tray: an icon for each state, and a menu with everything, because some desktops deliver no clicks on the icon.

use crate::convert::to_api;
use crate::follow::Views;
use crate::mark::{self, Mark};
use crate::window;
use tauri::async_runtime::spawn;
use tauri::image::Image;
use tauri::menu::{CheckMenuItem, Menu, MenuEvent, MenuItem, PredefinedMenuItem};
use tauri::tray::{TrayIcon, TrayIconBuilder};
use tauri::{AppHandle, Manager as _, Wry};
use tokio::sync::watch;
use tornado_gui_api::{Helper, Lane, Phase, TrayWords, View};
use tornado_helper_api::{Connect, Helper as _, HelperClient, HelperError, NoInput, Status, SwitchLane};

/// The words of the menu. The window replaces them when it opens and when its language changes.
#[derive(Debug, Clone, Default)]
pub struct Words(watch::Sender<TrayWords>);

impl Words {
    /// Replaces the words.
    pub fn set(&self, words: TrayWords) {
        self.0.send_replace(words);
    }
}

/// What the tray shows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    mark: Mark,
    state: String,
    /// The word of the first action, and whether it is possible.
    action: (String, bool),
    /// The lane in use or to be used.
    lane: Option<Lane>,
    /// Whether a lane can be chosen.
    has_lanes: bool,
    has_identity: bool,
}

/// The picture of a state. It never shows a tunnel as working that the server does not respond over.
fn mark(view: &View) -> Mark {
    if view.helper != Helper::Running {
        return Mark::Unknown;
    }
    match (view.tunnel.phase, view.tunnel.lane) {
        (Phase::Connected, _) if view.tunnel.is_silent => Mark::Blocked,
        (Phase::Connected, Some(Lane::Tor)) => Mark::Tor,
        (Phase::Connected, Some(Lane::Direct) | None) => Mark::Direct,
        (Phase::Disconnected, _) if view.tunnel.is_locked => Mark::Blocked,
        (Phase::Disconnected, _) => Mark::Off,
        (Phase::Connecting | Phase::Switching | Phase::Disconnecting, _) => Mark::Pending,
        (Phase::Blocked, _) => Mark::Blocked,
    }
}

fn shown(view: &View, words: &TrayWords) -> Shown {
    let is_running = view.helper == Helper::Running;
    let is_signed_in = view.account.as_ref().is_some_and(|account| account.is_signed_in);
    let phase = view.tunnel.phase;
    let state = match phase {
        _ if !is_running => &words.absent,
        Phase::Connected if view.tunnel.is_silent => &words.silent,
        Phase::Connected => &words.connected,
        Phase::Disconnected => &words.disconnected,
        Phase::Connecting | Phase::Switching | Phase::Disconnecting => &words.pending,
        Phase::Blocked => &words.blocked,
    };
    let action = match phase {
        Phase::Disconnected => (words.connect.clone(), is_running && is_signed_in),
        Phase::Disconnecting => (words.disconnect.clone(), false),
        // A blocked tunnel is given up in the window, which asks first.
        Phase::Blocked => (words.connect.clone(), is_running && is_signed_in),
        Phase::Connecting | Phase::Connected | Phase::Switching => (words.disconnect.clone(), is_running),
    };
    Shown {
        mark: mark(view),
        state: state.clone(),
        action,
        lane: view.tunnel.target.or(view.tunnel.lane),
        has_lanes: is_running && is_signed_in && matches!(phase, Phase::Disconnected | Phase::Connected),
        has_identity: is_running && phase == Phase::Connected && view.tunnel.lane == Some(Lane::Tor),
    }
}

/// The tray's icon and its menu.
struct Tray {
    icon: TrayIcon,
    state: MenuItem<Wry>,
    action: MenuItem<Wry>,
    direct: CheckMenuItem<Wry>,
    tor: CheckMenuItem<Wry>,
    new_identity: MenuItem<Wry>,
    show: MenuItem<Wry>,
    quit: MenuItem<Wry>,
}

impl Tray {
    fn new(app: &AppHandle) -> tauri::Result<Self> {
        let item = |id: &str, is_enabled: bool| MenuItem::with_id(app, id, "", is_enabled, None::<&str>);
        let check = |id: &str| CheckMenuItem::with_id(app, id, "", false, false, None::<&str>);
        let (state, action, new_identity) =
            (item("state", false)?, item("action", false)?, item("new-identity", false)?);
        let (direct, tor, show, quit) = (check("direct")?, check("tor")?, item("show", true)?, item("quit", true)?);
        let line = || PredefinedMenuItem::separator(app);
        let menu =
            Menu::with_items(app, &[&state, &line()?, &action, &direct, &tor, &new_identity, &line()?, &show, &quit])?;
        let icon = TrayIconBuilder::with_id("tray").icon(picture(Mark::Unknown)).menu(&menu).on_menu_event(chosen);
        Ok(Self { icon: icon.build(app)?, state, action, direct, tor, new_identity, show, quit })
    }

    fn show(&self, shown: &Shown, words: &TrayWords) -> tauri::Result<()> {
        self.icon.set_icon(Some(picture(shown.mark)))?;
        self.state.set_text(&shown.state)?;
        self.action.set_text(&shown.action.0)?;
        self.action.set_enabled(shown.action.1)?;
        for (item, lane, word) in [(&self.direct, Lane::Direct, &words.direct), (&self.tor, Lane::Tor, &words.tor)] {
            item.set_text(word)?;
            item.set_checked(shown.lane == Some(lane))?;
            item.set_enabled(shown.has_lanes)?;
        }
        self.new_identity.set_text(&words.new_identity)?;
        self.new_identity.set_enabled(shown.has_identity)?;
        self.show.set_text(&words.show)?;
        self.quit.set_text(&words.quit)
    }
}

fn picture(mark: Mark) -> Image<'static> {
    Image::new_owned(mark::draw(mark), mark::SIZE, mark::SIZE)
}

/// Creates the tray, and keeps it as the views are.
///
/// # Errors
///
/// The system does not accept the menu.
pub fn open(app: &AppHandle, views: &Views, words: &Words) -> tauri::Result<()> {
    let tray = Tray::new(app)?;
    let (mut views, mut words) = (views.subscribe(), words.0.subscribe());
    spawn(async move {
        let mut latest = None;
        loop {
            let (view, spoken) = (views.borrow_and_update().clone(), words.borrow_and_update().clone());
            let next = Some((shown(&view, &spoken), spoken));
            if next != latest {
                if let Some((shown, words)) = &next
                    && let Err(error) = tray.show(shown, words)
                {
                    eprintln!("tornado-gui: cannot update the tray: {error}");
                }
                latest = next;
            }
            let changed = tokio::select! {
                changed = views.changed() => changed,
                changed = words.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// A choice in the menu. If the helper refuses it, the window opens, which shows why.
fn chosen(app: &AppHandle, event: MenuEvent) {
    let (app, id) = (app.clone(), event.id().0.clone());
    spawn(async move {
        if let Err(error) = carry_out(&app, &id).await {
            eprintln!("tornado-gui: {error}");
            window::show(&app);
        }
    });
}

async fn carry_out(app: &AppHandle, id: &str) -> Result<(), HelperError> {
    let (helper, views) = (app.state::<HelperClient>(), app.state::<Views>());
    let tunnel = views.now().tunnel;
    let lane = match id {
        "tor" => Lane::Tor,
        "direct" => Lane::Direct,
        _ => tunnel.lane.unwrap_or(Lane::Direct),
    };
    let lane = to_api(lane);
    let done = |status: Status| drop(status);
    match (id, tunnel.phase) {
        ("show", _) => window::show(app),
        ("quit", _) => window::quit(app).await?,
        ("new-identity", _) => helper.new_identity(NoInput {}).await.map(done)?,
        ("direct" | "tor", Phase::Connected) => helper.switch_lane(SwitchLane { lane }).await.map(done)?,
        ("direct" | "tor", _) | ("action", Phase::Disconnected | Phase::Blocked) => {
            helper.connect(Connect { lane }).await.map(done)?;
        }
        ("action", _) => helper.disconnect(NoInput {}).await.map(done)?,
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_gui_api::{Account, Tunnel};

    fn view(tunnel: Tunnel) -> View {
        let text = |text: &str| text.to_owned();
        let account = Account {
            profile: text("default"),
            server: text("s"),
            user: text("u"),
            device: text("d"),
            is_signed_in: true,
        };
        View { helper: Helper::Running, account: Some(account), tunnel, ..View::default() }
    }

    fn on(lane: Lane, phase: Phase) -> View {
        view(Tunnel { phase, lane: Some(lane), ..Tunnel::default() })
    }

    #[test]
    fn the_icon_shows_a_tunnel_only_if_the_server_responds() {
        assert_eq!(mark(&on(Lane::Direct, Phase::Connected)), Mark::Direct);
        assert_eq!(mark(&on(Lane::Tor, Phase::Connected)), Mark::Tor);
        let silent = Tunnel { is_silent: true, ..on(Lane::Tor, Phase::Connected).tunnel };
        assert_eq!(mark(&view(silent)), Mark::Blocked);
        let lost = View { helper: Helper::Absent("why".into()), ..on(Lane::Tor, Phase::Connected) };
        assert_eq!(mark(&lost), Mark::Unknown);
        let locked = Tunnel { is_locked: true, ..Tunnel::default() };
        assert_eq!([mark(&view(locked)), mark(&view(Tunnel::default()))], [Mark::Blocked, Mark::Off]);
    }

    #[test]
    fn the_menu_offers_what_is_possible() {
        let words = TrayWords::default();
        let connected = shown(&on(Lane::Tor, Phase::Connected), &words);
        assert_eq!(
            (connected.action, connected.has_identity, connected.has_lanes),
            (("Disconnect".into(), true), true, true)
        );
        let off = shown(&view(Tunnel::default()), &words);
        assert_eq!((off.action, off.has_identity), (("Connect".into(), true), false));
        let signed_out = shown(&View { account: None, ..view(Tunnel::default()) }, &words);
        assert_eq!((signed_out.action.1, signed_out.has_lanes), (false, false));
    }
}
