//! The path of packets, upright: boxes are ours, circles are relays.

use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use tornado_gui_api::{Lane, Phase, Place, View};
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::{Views as _, view};

/// A place on the path, and the line to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Classes of the place and its line.
    class: String,
    /// Picture; none for a relay, which is a circle.
    icon: Option<Icon>,
    /// Its name.
    name: String,
    /// A line below the name.
    note: String,
    /// Address or role at the end.
    end: String,
    /// Country of a relay, two letters.
    country: Option<String>,
}

impl Stop {
    fn new(icon: Icon, name: &str) -> Self {
        let text = String::new;
        Self { class: text(), icon: Some(icon), name: name.to_owned(), note: text(), end: text(), country: None }
    }

    fn class(mut self, class: &str) -> Self {
        class.clone_into(&mut self.class);
        self
    }

    fn note(mut self, note: &str) -> Self {
        note.clone_into(&mut self.note);
        self
    }

    fn end(mut self, end: &str) -> Self {
        end.clone_into(&mut self.end);
        self
    }
}

/// The path as a view has it. It shows a way through the tunnel only while there is one.
pub fn stops(view: &View, t: Texts) -> Vec<Stop> {
    let account = view.account.as_ref();
    let server = account.map_or("", |account| account.server.as_str());
    let device = account.map_or("", |account| account.device.as_str());
    let tunnel = &view.tunnel;
    let this = Stop::new(Icon::Laptop, t.path_device());
    let endpoint = host(tunnel.endpoint.as_deref().unwrap_or_default());
    match tunnel.phase {
        Phase::Connected | Phase::Switching => {
            let own = tunnel.addresses.first().map(String::as_str).unwrap_or_default();
            let server = Stop::new(Icon::Services, server).end(&endpoint);
            if tunnel.lane == Some(Lane::Tor) {
                tor(view, this.end(own), server, t)
            } else {
                vec![
                    this.class("on-direct").note(device).end(own),
                    server.class("on-clear"),
                    Stop::new(Icon::Globe, t.path_sees_server()),
                ]
            }
        }
        Phase::Blocked => vec![this.class("on-shut").note(device), gate(t), internet(t).class("dimmed")],
        Phase::Disconnected if tunnel.is_locked => {
            vec![this.class("on-shut").note(device), gate(t), internet(t).class("dimmed")]
        }
        Phase::Disconnected => vec![
            this.class("on-clear").note(device),
            Stop::new(Icon::Services, server).class("dimmed on-clear").note(t.path_not_used()),
            internet(t).note(t.path_sees_network()),
        ],
        Phase::Connecting | Phase::Disconnecting => vec![
            this.class("on-shut").note(device),
            Stop::new(Icon::Services, server).class("on-shut").end(&endpoint),
            internet(t).class("dimmed"),
        ],
    }
}

fn internet(t: Texts) -> Stop {
    Stop::new(Icon::Globe, t.path_internet())
}

fn gate(t: Texts) -> Stop {
    Stop::new(Icon::Bar, t.path_kill_switch()).class("gate on-shut").note(t.path_kill_switch_text())
}

/// Guard, middle and exit lose one layer each.
fn tor(view: &View, this: Stop, server: Stop, t: Texts) -> Vec<Stop> {
    let exit = view.tunnel.exit.as_ref();
    let relays = exit.map(|exit| exit.relays.as_slice()).unwrap_or_default();
    let mut stops = vec![this.class("on-wgtor"), server.class("on-tor3")];
    if relays.is_empty() {
        stops.push(Stop { icon: None, ..Stop::new(Icon::Relay, t.path_no_circuit()).class("way-relay on-shut") });
    }
    for relay in relays {
        let (role, class) = match relay.place {
            Place::Guard => (t.relay_guard(), "way-relay on-tor2"),
            Place::Middle => (t.relay_middle(), "way-relay on-tor1"),
            Place::Exit => (t.relay_exit(), "way-relay on-clear"),
        };
        let stop = Stop::new(Icon::Relay, &relay.name).class(class).end(role);
        stops.push(Stop { icon: None, country: relay.country.clone(), ..stop });
    }
    let address = exit.and_then(|exit| exit.address.as_deref()).unwrap_or_default();
    stops.push(Stop::new(Icon::Globe, t.path_sees_exit()).end(address));
    stops
}

/// The host of `address:port`.
fn host(endpoint: &str) -> String {
    endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host).trim_matches(['[', ']']).to_owned()
}

/// The path as a list, which screen readers read in order.
#[component]
pub fn Way(
    /// The places, from the device on.
    #[prop(into)]
    stops: Signal<Vec<Stop>>,
) -> impl IntoView {
    let t = use_texts();
    move || {
        let stops = stops.get();
        let class = if stops.len() > 4 { "way way-tight" } else { "way" };
        view! { <ol class=class aria-label=t.path()>{stops.into_iter().map(place).views()}</ol> }
    }
}

fn place(stop: Stop) -> impl IntoView {
    let note = (!stop.note.is_empty()).then(|| view! { <p class="note-s"><bdi>{stop.note}</bdi></p> });
    view! {
        <li class=stop.class>
            <span class="way-dot">{stop.icon.map(|icon| view! { <Pic icon /> })}</span>
            <div>
                <b><bdi>{stop.name}</bdi></b>
                {note}
            </div>
            <span class="addr">
                <bdi>{stop.end}</bdi>
                {stop.country.map(|code| view! { <span class="cc"><bdi dir="ltr">{code}</bdi></span> })}
            </span>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Lang;
    use tornado_gui_api::{Exit, Relay, Tunnel};

    fn classes(tunnel: Tunnel) -> Vec<String> {
        let view = View { tunnel, ..View::default() };
        stops(&view, Texts { lang: Lang::En }).into_iter().map(|stop| stop.class).collect()
    }

    #[test]
    fn the_path_shows_as_many_layers_as_there_are() {
        let relay = |place| Relay { place, name: "r".into(), country: None };
        let exit = Exit { relays: [Place::Guard, Place::Middle, Place::Exit].map(relay).to_vec(), ..Exit::default() };
        let tor = Tunnel { phase: Phase::Connected, lane: Some(Lane::Tor), exit: Some(exit), ..Tunnel::default() };
        let ends = ["on-wgtor", "on-tor3", "way-relay on-tor2", "way-relay on-tor1", "way-relay on-clear", ""];
        assert_eq!(classes(tor), ends);
        let direct = Tunnel { phase: Phase::Connected, lane: Some(Lane::Direct), ..Tunnel::default() };
        assert_eq!(classes(direct), ["on-direct", "on-clear", ""]);
    }

    #[test]
    fn a_tunnel_that_is_not_up_carries_nothing() {
        for phase in [Phase::Disconnected, Phase::Connecting, Phase::Disconnecting, Phase::Blocked] {
            let classes = classes(Tunnel { phase, lane: Some(Lane::Tor), ..Tunnel::default() });
            assert!(classes.iter().all(|class| !class.contains("tor") && !class.contains("direct")), "{phase:?}");
        }
    }

    #[test]
    fn no_circuit_is_not_a_path() {
        let tunnel = Tunnel { phase: Phase::Connected, lane: Some(Lane::Tor), ..Tunnel::default() };
        assert!(classes(tunnel).contains(&"way-relay on-shut".to_owned()));
    }

    #[test]
    fn an_endpoint_is_shown_without_its_port() {
        assert_eq!(["198.51.100.7:51820", "[2001:db8::1]:51820", ""].map(host), ["198.51.100.7", "2001:db8::1", ""]);
    }
}
