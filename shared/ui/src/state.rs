//! States, lanes and countries: shape, word and colour, legible without the last.

use crate::icon::{Glyph, Icon, Pic, Shape};
use crate::view;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// As it should be.
    Good,
    /// Absent, without fault.
    Absent,
    /// Under way.
    Pending,
    /// Held by an operator's order.
    Held,
    /// Works with a loss.
    Degraded,
    /// Does not work.
    Broken,
    /// Shut on purpose.
    Shut,
    /// Stopped on purpose.
    Stopped,
}

impl Condition {
    /// Its shape.
    pub const fn shape(self) -> Shape {
        match self {
            Self::Good => Shape::Disc,
            Self::Absent => Shape::Ring,
            Self::Pending => Shape::Half,
            Self::Held => Shape::Slot,
            Self::Degraded => Shape::Triangle,
            Self::Broken => Shape::Diamond,
            Self::Shut => Shape::Square,
            Self::Stopped => Shape::HollowSquare,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Good => "state-ok",
            Self::Absent | Self::Stopped => "state-off",
            Self::Pending => "state-wait",
            Self::Held | Self::Degraded => "state-warn",
            Self::Broken | Self::Shut => "state-bad",
        }
    }

    /// Class of the shape's colour alone.
    pub const fn tone(self) -> &'static str {
        match self {
            Self::Good => "g-ok",
            Self::Absent | Self::Stopped => "",
            Self::Pending => "g-wait",
            Self::Held | Self::Degraded => "g-warn",
            Self::Broken | Self::Shut => "g-bad",
        }
    }

    /// Whether it gets a tinted chip: only what is not as it should be.
    const fn is_loud(self) -> bool {
        matches!(self, Self::Held | Self::Degraded | Self::Broken | Self::Shut)
    }
}

/// A state with its word.
#[component]
pub fn State(
    /// How the thing is.
    condition: Condition,
    /// The word.
    #[prop(into)]
    word: String,
    /// A chip also for what is as it should be: heads of pages and drawers.
    #[prop(optional)]
    loud: bool,
) -> impl IntoView {
    let class = format!("state {}{}", condition.class(), if loud || condition.is_loud() { " loud" } else { "" });
    view! { <span class=class><Glyph shape=condition.shape() />{word}</span> }
}

/// A path choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Out through the server's uplink.
    Direct,
    /// Out through the Tor network.
    Tor,
}

impl Lane {
    /// Its word: the same in all languages, as on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Tor => "tor",
        }
    }

    /// Its icon.
    pub const fn icon(self) -> Icon {
        match self {
            Self::Direct => Icon::Direct,
            Self::Tor => Icon::Tor,
        }
    }
}

/// A lane: icon, word, and the exit country if one is chosen.
#[component]
pub fn LaneTag(
    /// Which lane.
    lane: Lane,
    /// Chosen exit country.
    #[prop(default = None, into)]
    country: Option<String>,
) -> impl IntoView {
    view! {
        <span class=format!("lane lane-{}", lane.word())>
            <Pic icon=lane.icon() />
            <bdi dir="ltr">{lane.word()}</bdi>
            {country.map(|country| view! { <Country code=country /> })}
        </span>
    }
}

/// A country by its two letters.
#[component]
pub fn Country(
    /// ISO 3166-1 alpha-2.
    #[prop(into)]
    code: String,
) -> impl IntoView {
    view! { <span class="cc"><bdi dir="ltr">{code}</bdi></span> }
}

/// A quiet label.
#[component]
pub fn Tag(
    /// The words.
    children: Children,
) -> impl IntoView {
    view! { <span class="tag">{children()}</span> }
}
