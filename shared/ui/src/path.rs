//! The path of packets: boxes are ours, circles are relays; the tube around a line is as thick as the layers of
//! encryption that are still on.

use crate::icon::{Icon, Pic};
use crate::{Views as _, view};
use leptos::prelude::*;

/// The line before a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// Nothing before the first hop.
    Start,
    /// WireGuard of the direct lane.
    Direct,
    /// WireGuard of the tor lane.
    WireGuardTor,
    /// Three, two or one layers of Tor.
    Tor(u8),
    /// Only what the site itself encrypts.
    Clear,
    /// Nothing passes.
    Shut,
    /// Nothing passes, and this is where: by order.
    Gate,
    /// Nothing passes, and this is where: by fault.
    Closed,
}

/// A place on the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The line before it.
    pub leg: Leg,
    /// Word at the line.
    pub leg_word: String,
    /// Picture: [`Icon::Relay`] makes a circle.
    pub icon: Icon,
    /// Its name.
    pub name: String,
    /// Address, country or count below the name.
    pub note: String,
}

/// The three states of the tor lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Packets pass.
    Open,
    /// Held by an operator.
    Maintenance,
    /// Tor is not ready.
    Closed,
}

impl Passage {
    /// The line from the gateway to the guard, and the lines behind it.
    pub const fn legs(self) -> [Leg; 4] {
        match self {
            Self::Open => [Leg::Tor(3), Leg::Tor(2), Leg::Tor(1), Leg::Clear],
            Self::Maintenance => [Leg::Gate, Leg::Shut, Leg::Shut, Leg::Shut],
            Self::Closed => [Leg::Closed, Leg::Shut, Leg::Shut, Leg::Shut],
        }
    }
}

fn leg(leg: Leg, word: String) -> Option<impl IntoView> {
    let class = match leg {
        Leg::Start => return None,
        Leg::Direct => "leg-direct",
        Leg::WireGuardTor => "leg-wgtor",
        Leg::Tor(3) => "leg-tor3",
        Leg::Tor(2) => "leg-tor2",
        Leg::Tor(_) => "leg-tor1",
        Leg::Clear => "leg-clear",
        Leg::Shut | Leg::Gate | Leg::Closed => "leg-shut",
    };
    let gate = match leg {
        Leg::Gate => Some(("leg-gate", Icon::Bar)),
        Leg::Closed => Some(("leg-gate gate-bad", Icon::Close)),
        Leg::Start | Leg::Direct | Leg::WireGuardTor | Leg::Tor(_) | Leg::Clear | Leg::Shut => None,
    };
    Some(view! {
        <span class=format!("leg {class}")>
            {(!word.is_empty()).then(|| view! { <span class="leg-word">{word}</span> })}
            {gate.map(|(class, icon)| view! { <span class=class><Pic icon /></span> })}
        </span>
    })
}

/// The path as a list, which screen readers read in order.
#[component]
pub fn Path(
    /// What it is the path of.
    #[prop(into)]
    label: String,
    /// The places, from the device on.
    hops: Vec<Hop>,
) -> impl IntoView {
    view! {
        <ol class="path" aria-label=label>
            {hops
                .into_iter()
                .map(|hop| {
                    let is_off = matches!(hop.leg, Leg::Shut | Leg::Gate | Leg::Closed);
                    let mut class = String::from("hop");
                    if hop.icon == Icon::Relay {
                        class.push_str(" hop-relay");
                    }
                    if is_off {
                        class.push_str(" off");
                    }
                    view! {
                        <li class=class>
                            {leg(hop.leg, hop.leg_word)}
                            <span class="hop-at">
                                <span class="hop-dot"><Pic icon=hop.icon /></span>
                                <span class="hop-name">{hop.name}</span>
                                {(!hop.note.is_empty())
                                    .then(|| view! { <span class="hop-note"><bdi>{hop.note}</bdi></span> })}
                            </span>
                        </li>
                    }
                })
                .views()}
        </ol>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_path_loses_one_layer_at_each_relay() {
        assert_eq!(Passage::Open.legs(), [Leg::Tor(3), Leg::Tor(2), Leg::Tor(1), Leg::Clear]);
    }

    #[test]
    fn a_shut_path_has_its_gate_before_the_guard() {
        assert_eq!(Passage::Maintenance.legs()[0], Leg::Gate);
        assert_eq!(Passage::Closed.legs()[0], Leg::Closed);
        assert!(Passage::Closed.legs()[1..].iter().all(|leg| *leg == Leg::Shut));
    }
}
