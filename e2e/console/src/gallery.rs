//! All parts on one page, in their states.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use tornado_ui::button::{Button, IconButton, Kind, LinkButton, Segments, Size};
use tornado_ui::chart::{Chart, Meter, Series};
use tornado_ui::feedback::{Empty, Note, Skeleton, Weight};
use tornado_ui::field::{Choice, Field, Search, Switch, Tick};
use tornado_ui::figures::{Card, Fact, Happening, Live, Tabs, Tile, Timeline};
use tornado_ui::icon::{Icon, Pic, Sprite};
use tornado_ui::overlay::{Consequence, Dialog, Toast, Toasts};
use tornado_ui::palette::{Palette, Target};
use tornado_ui::path::{Hop, Leg, Passage, Path};
use tornado_ui::state::{Condition, Country, Lane, LaneTag, State, Tag};
use tornado_ui::table::{Column, Filter, Filters, Order, Pager, Table};
use tornado_ui::view;

/// A course with a gap, the same on the server and in the browser.
fn course(phase: f64) -> Vec<Option<f64>> {
    (0..120)
        .map(|step| {
            let at = f64::from(step) / 120.0;
            (!(60..66).contains(&step)).then(|| 200.0 + 150.0 * (at * 7.0 + phase).sin() + 20.0 * (at * 60.0).sin())
        })
        .collect()
}

fn path(passage: Passage) -> impl IntoView {
    let hop = |leg, icon, name: &str, note: &str| Hop {
        leg,
        leg_word: String::new(),
        icon,
        name: name.to_owned(),
        note: note.to_owned(),
    };
    let [to_guard, to_middle, to_exit, out] = passage.legs();
    let hops = vec![
        hop(Leg::Start, Icon::Laptop, "87 devices", ""),
        hop(Leg::WireGuardTor, Icon::Services, "Gateway", "198.51.100.7"),
        hop(to_guard, Icon::Relay, "Guard", "3 in use"),
        hop(to_middle, Icon::Relay, "Middle", ""),
        hop(to_exit, Icon::Relay, "Exit", "54 countries"),
        hop(out, Icon::Globe, "Internet", "sees the exit"),
    ];
    view! { <div class="topo"><Path label=format!("Tor lane, {passage:?}") hops /></div> }
}

/// The page.
#[component]
pub fn Gallery() -> impl IntoView {
    provide_meta_context();
    let (dialog, palette) = (RwSignal::new(false), RwSignal::new(false));
    let toasts = RwSignal::new(Vec::<Toast>::new());
    let confirmed = RwSignal::new(0_u32);
    view! {
        <Sprite />
        <Title text="Gallery · Tornado VPN" />
        <a class="skip" href="#main">"Skip to content"</a>
        <main class="main" id="main">
            <div class="head">
                <div class="head-words"><h1>"Gallery"</h1></div>
                <div class="head-acts"><Live text="Live, 14:32:08 UTC" /></div>
            </div>
            <Buttons dialog palette toasts confirmed />
            <Fields />
            <States />
            <Figures />
            <Card id="paths" title="Paths">
                {path(Passage::Open)}
                {path(Passage::Maintenance)}
                {path(Passage::Closed)}
            </Card>
            <Lists />
            <Feedback />
        </main>
        <Dialog
            open=dialog
            id="dialog-title"
            title="Disconnect 3 sessions?"
            cancel="Cancel"
            confirm="Disconnect"
            danger=true
            effects=vec![
                Consequence { count: "3".into(), text: "devices lose the internet".into() },
                Consequence { count: "2".into(), text: "connect again by themselves".into() },
            ]
            on_confirm=move |()| {
                confirmed.update(|count| *count += 1);
                toasts
                    .update(|toasts| {
                        toasts
                            .push(Toast {
                                id: u64::from(confirmed.get_untracked()),
                                condition: Condition::Good,
                                text: "session disconnected 3 devices".into(),
                            });
                    });
            }
        >
            <p>"Nothing of theirs is deleted."</p>
        </Dialog>
        <Palette
            open=palette
            label="Search or jump to"
            nothing="Nothing found"
            targets=vec![
                Target { group: "Page".into(), icon: Icon::Users, words: "Users".into(), href: "/users".into(), is_whole: false },
                Target { group: "Page".into(), icon: Icon::Tor, words: "Tor".into(), href: "/tor".into(), is_whole: false },
            ]
        />
        <Toasts toasts dismiss="Dismiss" />
    }
}

#[component]
fn Buttons(
    dialog: RwSignal<bool>,
    palette: RwSignal<bool>,
    toasts: RwSignal<Vec<Toast>>,
    confirmed: RwSignal<u32>,
) -> impl IntoView {
    view! {
        <Card id="buttons" title="Buttons and icons" aside="one primary a page">
            <div class="card-body stack">
                <div class="row row-wrap">
                    <Button kind=Kind::Primary>"Primary"</Button>
                    <Button>"Usual"</Button>
                    <Button kind=Kind::Warns icon=Icon::Ban attr:id="open-dialog" on:click=move |_| dialog.set(true)>
                        "Disconnect"
                    </Button>
                    <Button kind=Kind::Danger>"Confirmed danger"</Button>
                    <Button kind=Kind::Quiet>"Quiet"</Button>
                    <Button disabled=true>"Not now"</Button>
                    <Button size=Size::Small attr:id="open-palette" on:click=move |_| palette.set(true)>"Palette"</Button>
                    <IconButton icon=Icon::More label="More" />
                    <LinkButton href="#fields" size=Size::Large icon=Icon::Plus>"Large link"</LinkButton>
                    <Segments
                        label="Time shown"
                        options=vec![
                            ("#live".into(), "Live".into(), false),
                            ("#day".into(), "24 h".into(), true),
                            ("#month".into(), "30 d".into(), false),
                        ]
                    />
                </div>
                <p class="dim small" id="confirmed">
                    {move || format!("confirmed {} times, {} toasts", confirmed.get(), toasts.read().len())}
                </p>
                <div class="row row-wrap">{Icon::ALL.iter().map(|icon| view! { <Pic icon=*icon /> }).collect_view()}</div>
            </div>
        </Card>
    }
}

#[component]
fn Fields() -> impl IntoView {
    let on = RwSignal::new(true);
    view! {
        <Card id="fields" title="Fields">
            <div class="card-body stack">
                <div class="cols-2">
                    <Field name="devices" label="Devices at once" value="3" inputmode="numeric" hint="1 to 10".to_owned() />
                    <Field
                        name="quota"
                        label="Bytes a month"
                        value="200 gib"
                        error=Signal::stored(Some("Write 500mb, 200gb, 2tb or none.".to_owned()))
                    />
                    <Field name="password" label="Password" kind="password" large=true autocomplete="new-password" />
                    <Choice
                        name="role"
                        label="Role"
                        options=vec![
                            ("owner".into(), "Owner".into(), false),
                            ("viewer".into(), "Viewer".into(), true),
                        ]
                    />
                </div>
                <div class="row row-wrap">
                    <Switch on>"Devices may reach each other"</Switch>
                    <Tick name="chosen" value="1" checked=true>"Chosen"</Tick>
                    <Tick name="one" value="a" radio=true checked=true>"One of"</Tick>
                    <Tick name="one" value="b" radio=true>"several"</Tick>
                </div>
            </div>
        </Card>
    }
}

#[component]
fn States() -> impl IntoView {
    let all = [
        (Condition::Good, "Online"),
        (Condition::Absent, "Offline"),
        (Condition::Pending, "Connecting"),
        (Condition::Held, "Suspended"),
        (Condition::Degraded, "Degraded"),
        (Condition::Broken, "Failed"),
        (Condition::Shut, "Closed"),
        (Condition::Stopped, "Stopped"),
    ];
    view! {
        <Card id="states" title="States, lanes, countries">
            <div class="card-body stack">
                <div class="row row-wrap">
                    {all.into_iter().map(|(condition, word)| view! { <State condition word /> }).collect_view()}
                </div>
                <div class="row row-wrap">
                    {all.into_iter().map(|(condition, word)| view! { <State condition word loud=true /> }).collect_view()}
                </div>
                <div class="row row-wrap">
                    <LaneTag lane=Lane::Direct />
                    <LaneTag lane=Lane::Tor country="de".to_owned() />
                    <Country code="nl" />
                    <Tag>"3"</Tag>
                </div>
                <dl class="facts">
                    <Fact name="Endpoint"><bdi dir="ltr">"203.0.113.54"</bdi></Fact>
                    <Fact name="Handshake">"41 s"</Fact>
                </dl>
            </div>
        </Card>
    }
}

#[component]
fn Figures() -> impl IntoView {
    let series = |name: &str, tone, phase| Series {
        name: name.to_owned(),
        now: "412 Mbit/s".to_owned(),
        tone,
        is_filled: true,
        values: course(phase),
    };
    view! {
        <section class="tiles" aria-label="Tiles">
            <Tile href="#a" name="Online" condition=Condition::Good value="318" note="of 347 sessions" course=course(0.0) tone="ok" />
            <Tile href="#b" name="Offline" condition=Condition::Absent value="27" note="addresses are held" course=course(1.0) tone="off" />
            <Tile href="#c" name="Users" icon=Icon::Users value="412" note="846 devices" course=course(2.0) />
            <Tile href="#d" name="Direct lane" icon=Icon::Direct value="412" unit="Mbit/s" note="88 Mbit/s from devices" course=course(3.0) tone="direct" />
            <Tile href="#e" name="Tor lane" icon=Icon::Tor value="61" unit="Mbit/s" note="9 Mbit/s from devices" course=course(4.0) tone="tor" />
            <Tile href="#f" name="Recovered" icon=Icon::Refresh value="143" note="in 24 h" course=course(5.0) />
        </section>
        <Chart
            title="Throughput"
            summary="lowest 30, highest 370, now 320 megabits per second"
            series=vec![series("direct", "direct", 0.0), series("tor", "tor", 2.0)]
            scale=|value: f64| format!("{value:.0}")
            times=["14:30", "18:30", "22:30", "02:30", "06:30", "10:30", "14:30"].map(str::to_owned).to_vec()
        />
        <Card id="meters" title="Meters and time line">
            <div class="card-body stack">
                <Meter label="Pool in use" percent=48_u8 />
                <Meter label="Quota" percent=92_u8 />
                <Meter label="Disk" percent=100_u8 />
                <Timeline happenings=vec![
                    happening(Condition::Good, "demo-lynx recovered on lynx-tablet", "after 3 min offline"),
                    happening(Condition::Degraded, "dns became degraded", "203.0.113.53 does not respond"),
                    happening(Condition::Absent, "demo-wren disconnected", ""),
                ] />
            </div>
        </Card>
    }
}

fn happening(condition: Condition, text: &str, detail: &str) -> Happening {
    Happening {
        condition,
        text: text.to_owned(),
        time: "14:31:52".to_owned(),
        at: "2026-11-27T14:31:52Z".to_owned(),
        detail: detail.to_owned(),
    }
}

#[component]
fn Lists() -> impl IntoView {
    let columns = vec![
        Column::new("State", "b"),
        Column::new("User", "a").sorted_by("#user", Some(Order::Descending)),
        Column::new("Device", "c"),
        Column::new("Lane", "d"),
        Column::new("Transferred", "num").sorted_by("#transferred", None),
        Column::hidden("Quota", "hide-m"),
    ];
    let rows = [("demo-heron", "heron-thinkpad", Lane::Tor, 6), ("demo-otter", "otter-desktop", Lane::Direct, 41)]
        .map(|(user, device, lane, size)| {
            view! {
                <tr role="row">
                    <td role="cell" class="b"><State condition=Condition::Good word="Online" /></td>
                    <th scope="row" role="rowheader" class="a"><a class="main-link" href="#row">{user}</a></th>
                    <td role="cell" class="c">{device}</td>
                    <td role="cell" class="d"><LaneTag lane /></td>
                    <td role="cell" class="num">{size}<span class="unit">" GB"</span></td>
                    <td role="cell" class="hide-m"><Meter label=format!("Quota of {user}") percent=48_u8 cell=true /></td>
                </tr>
            }
        })
        .into_iter()
        .collect_view();
    view! {
        <Filters label="Sessions" count="347 sessions: 318 online, 27 offline">
            <Search name="text" label="User, device or address" />
            <Filter href="#state" name="State" />
            <Filter href="#lane" name="Lane" value="tor".to_owned() remove="Remove filter" />
        </Filters>
        <section class="card" aria-label="Sessions">
            <Table caption="Sessions" columns cards=true>{rows}</Table>
            <Pager range="1 to 2 of 347" before=("Before".into(), None) next=("Next".into(), Some("#next".into())) />
        </section>
        <Tabs
            label="Keys and audit"
            tabs=vec![("#keys".into(), "Keys".into(), true), ("#audit".into(), "Audit trail".into(), false)]
        />
    }
}

#[component]
fn Feedback() -> impl IntoView {
    view! {
        <Note>"Times are in UTC."</Note>
        <Note weight=Weight::Warning><b>"The connection to the server is lost."</b>" The rows are of 14:29:50."</Note>
        <Note weight=Weight::Fault>"The chain is broken."</Note>
        <div class="cols-2">
            <section class="card" aria-label="Loading"><Skeleton label="Loading" rows=4 /></section>
            <section class="card" aria-label="Empty">
                <Empty icon=Icon::Inbox title="No sessions yet" text="Devices appear here when they connect.">
                    <LinkButton href="#invite" icon=Icon::Plus>"Invite"</LinkButton>
                </Empty>
            </section>
        </div>
    }
}
