//! Figures and facts: tiles, lists of names and values, cards, time lines, tabs.

use crate::chart::{Sparkline, Values};
use crate::icon::{Glyph, Icon, Pic, Shape};
use crate::state::Condition;
use crate::{Views as _, live, view};
use leptos::prelude::*;

/// A tile of the overview: name, value, note and line; a link to where it comes from.
#[component]
pub fn Tile(
    /// Where it comes from.
    #[prop(into)]
    href: String,
    /// Its name.
    #[prop(into)]
    name: String,
    /// Picture before the name, unless it is a state.
    #[prop(optional, into)]
    icon: Option<Icon>,
    /// State before the name.
    #[prop(optional, into)]
    condition: Option<Condition>,
    /// The value.
    #[prop(into)]
    value: Signal<String>,
    /// Unit, grey behind the value.
    #[prop(optional, into)]
    unit: String,
    /// What belongs to it.
    #[prop(into)]
    note: Signal<String>,
    /// Course over the chosen time.
    #[prop(into)]
    course: Signal<Values>,
    /// Colour of the line, as of [`Sparkline`].
    #[prop(optional)]
    tone: &'static str,
) -> impl IntoView {
    view! {
        <a class="tile" href=href>
            <span class="tile-name">
                {icon.map(|icon| view! { <Pic icon /> })}
                {condition.map(|condition| view! { <Glyph shape=condition.shape() tone=condition.tone() /> })}
                {name}
            </span>
            <span class="tile-value">
                {live(move || value.get())}
                {(!unit.is_empty()).then(|| view! { <span class="unit">{unit}</span> })}
            </span>
            <span class="tile-note">{live(move || note.get())}</span>
            <Sparkline values=course tone />
        </a>
    }
}

/// A card with a heading.
#[component]
pub fn Card(
    /// Identifier of the heading, unique on the page.
    id: &'static str,
    /// The heading.
    #[prop(into)]
    title: String,
    /// What stands at the end of the head.
    #[prop(optional, into)]
    aside: Option<String>,
    /// The content.
    children: Children,
) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby=id>
            <div class="card-head">
                <h2 id=id>{title}</h2>
                {aside.map(|aside| view! { <p class="push">{aside}</p> })}
            </div>
            {children()}
        </section>
    }
}

/// One name and value of a list. Goes into a `<dl class="facts">`.
#[component]
pub fn Fact(
    /// The name.
    #[prop(into)]
    name: String,
    /// The value.
    children: Children,
) -> impl IntoView {
    view! {
        <dt>{name}</dt>
        <dd>{children()}</dd>
    }
}

/// What happened, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// How it went.
    pub condition: Condition,
    /// What happened.
    pub text: String,
    /// When, for reading.
    pub time: String,
    /// When, RFC 3339.
    pub at: String,
    /// Cause or detail.
    pub detail: String,
}

/// A time line.
#[component]
pub fn Timeline(
    /// Newest first.
    happenings: Vec<Happening>,
) -> impl IntoView {
    view! {
        <ol class="timeline">
            {happenings
                .into_iter()
                .map(|one| {
                    view! {
                        <li>
                            <Glyph shape=one.condition.shape() tone=one.condition.tone() />
                            <span><bdi>{one.text}</bdi></span>
                            <time datetime=one.at>{one.time}</time>
                            {(!one.detail.is_empty()).then(|| view! { <span class="small"><bdi>{one.detail}</bdi></span> })}
                        </li>
                    }
                })
                .views()}
        </ol>
    }
}

/// Tabs: links, each with an address.
#[component]
pub fn Tabs(
    /// Name of the choice.
    #[prop(into)]
    label: String,
    /// Address and word of each, and whether it is the current one.
    tabs: Vec<(String, String, bool)>,
) -> impl IntoView {
    view! {
        <nav class="tabs" aria-label=label>
            {tabs
                .into_iter()
                .map(|(href, word, is_current)| {
                    view! { <a href=href aria-current=is_current.then_some("page")>{word}</a> }
                })
                .views()}
        </nav>
    }
}

/// A time of the day at which live data were read.
#[component]
pub fn Live(
    /// "Live, 14:32:08 UTC", or how old the data are.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    view! { <span class="live"><Glyph shape=Shape::Disc />{live(move || text.get())}</span> }
}
