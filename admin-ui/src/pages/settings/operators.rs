//! Operators: the table, and the dialog of a new one or of a role.

use crate::acts::{Ask, May, Question, RefusalNote, at_field, use_acts};
use crate::frame::role;
use crate::model::Role;
use crate::model::act::{Act, Hidden, Refusal};
use crate::model::settings::Operator;
use crate::texts::use_texts;
use leptos::prelude::*;
use leptos::task::spawn_local;
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::field::{Choice, Field, Sent};
use tornado_ui::overlay::FormDialog;
use tornado_ui::state::Condition;
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, effect, live, view};

/// All operators.
#[component]
pub fn Operators(
    /// The rows.
    operators: Vec<Operator>,
    /// The operator whose role is changed, and the role; an empty name for a new one.
    new_operator: RwSignal<Option<(String, Role)>>,
) -> impl IntoView {
    let t = use_texts();
    let columns = vec![
        Column::new(t.operator(), "a"),
        Column::new(t.role(), "b"),
        Column::new(t.second_factor(), "c"),
        Column::hidden(t.action(), "col-act"),
    ];
    let rows = operators
        .into_iter()
        .map(|one| {
            let has_factor = one.has_second_factor;
            let acts = view! { <OperatorOrders name=one.name.clone() current=one.role new_operator /> };
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><bdi>{one.name}</bdi></th>
                    <td role="cell" class="b">{role(t, one.role)}</td>
                    <td role="cell" class="c">{if has_factor { t.set() } else { t.not_set() }}</td>
                    <td role="cell" class="col-act">{acts}</td>
                </tr>
            }
        })
        .views();
    view! {
        <section class="card" aria-labelledby="operators">
            <div class="card-head">
                <h2 id="operators">{t.operators()}</h2>
                <span class="push">
                    <May right="operators.write">
                        <Button
                            size=Size::Small
                            on:click=move |_| new_operator.set(Some((String::new(), Role::Viewer)))
                        >
                            {t.new_operator()}
                        </Button>
                    </May>
                </span>
            </div>
            <Table caption=t.operators() columns cards=true>{rows}</Table>
        </section>
    }
}

/// Buttons of an operator's row.
#[component]
fn OperatorOrders(name: String, current: Role, new_operator: RwSignal<Option<(String, Role)>>) -> impl IntoView {
    let t = use_texts();
    // Also without an authenticator: the table does not show passkeys and API tokens.
    let reset = Question {
        title: t.reset_factor_title(&name),
        text: t.reset_factor_text().to_owned(),
        effects: Vec::new(),
        verb: t.reset_factor().to_owned(),
        is_danger: true,
        act: Act::PutOperator { name: name.clone(), password: None, role: None, forget_factor: true },
        done: t.done_factor_reset(&name),
    };
    let remove = Question {
        title: t.remove_operator_title(&name),
        text: t.remove_operator_text().to_owned(),
        effects: Vec::new(),
        verb: t.remove().to_owned(),
        is_danger: true,
        act: Act::RemoveOperator { name: name.clone() },
        done: t.done_operator_removed(&name),
    };
    view! {
        <span class="row acts">
            <May right="operators.write">
                {
                    let name = name.clone();
                    view! {
                        <Button
                            kind=Kind::Quiet
                            size=Size::Small
                            on:click=move |_| new_operator.set(Some((name.clone(), current)))
                        >
                            {t.change_role()}
                        </Button>
                    }
                }
            </May>
            <Ask question=reset kind=Kind::Quiet size=Size::Small word=t.reset_factor() />
            <Ask question=remove kind=Kind::Quiet size=Size::Small word=t.remove() />
        </span>
    }
}

/// The dialog of a new operator, or of the role and password of one.
#[component]
pub fn PutOperator(
    /// Whose, and the current role; an empty name for a new one.
    chosen: RwSignal<Option<(String, Role)>>,
) -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let open = RwSignal::new(false);
    let (refusal, busy) = (RwSignal::new(None::<Refusal>), RwSignal::new(false));
    effect(move || open.set(chosen.with(Option::is_some)));
    Effect::new(move |before: Option<bool>| {
        let is_open = open.get();
        if before == Some(true) && !is_open {
            refusal.set(None);
            chosen.set(None);
        }
        is_open
    });
    let is_new = move || chosen.with(|one| one.as_ref().is_some_and(|(name, _)| name.is_empty()));
    let submit = move |sent: Sent| {
        let name = chosen.get_untracked().map(|(name, _)| name).filter(|name| !name.is_empty());
        let name = name.or_else(|| sent.word("operator-name"));
        let name = name.unwrap_or_default();
        let is_new = is_new();
        let role = match sent.text("operator-role").as_str() {
            "owner" => Role::Owner,
            "operator" => Role::Operator,
            _ => Role::Viewer,
        };
        let password = Some(sent.text("operator-password")).filter(|password| !password.is_empty()).map(Hidden::new);
        let act = Act::PutOperator { name: name.clone(), password, role: Some(role), forget_factor: false };
        busy.set(true);
        spawn_local(async move {
            match acts.send(act.clone()).await {
                Ok(_) => {
                    open.set(false);
                    let done = if is_new { t.done_created(&name) } else { t.done_changed(&name) };
                    acts.say(Condition::Good, done);
                }
                Err(why) if why.requires_confirmation() => {
                    open.set(false);
                    acts.run(t, act, if is_new { t.done_created(&name) } else { t.done_changed(&name) });
                }
                Err(why) => refusal.set(Some(why)),
            }
            busy.set(false);
        });
    };
    view! {
        {live(move || {
            let title = if is_new() { t.new_operator() } else { t.change_role() };
            let confirm = if is_new() { t.create_operator() } else { t.save() };
            let current = chosen.with(|one| one.as_ref().map_or(Role::Viewer, |(_, role)| *role));
            view! {
                <FormDialog open id="put-operator" title cancel=t.cancel() confirm busy on_submit=submit>
                    <RefusalNote refusal fields=&["name", "password"] />
                    {is_new()
                        .then(|| {
                            view! {
                                <Field
                                    name="operator-name"
                                    label=t.field_name()
                                    hint=t.field_name_hint().to_owned()
                                    autocomplete="off"
                                    required=true
                                    error=at_field(t, refusal, "name")
                                />
                                <Field
                                    name="operator-password"
                                    label=t.field_password()
                                    hint=t.field_password_hint().to_owned()
                                    kind="password"
                                    autocomplete="new-password"
                                    required=true
                                    error=at_field(t, refusal, "password")
                                />
                            }
                        })}
                    <Choice
                        name="operator-role"
                        label=t.role()
                        options=[Role::Viewer, Role::Operator, Role::Owner]
                            .map(|one| {
                                let value = match one {
                                    Role::Viewer => "viewer",
                                    Role::Operator => "operator",
                                    Role::Owner => "owner",
                                };
                                (value.to_owned(), role(t, one).to_owned(), one == current)
                            })
                            .to_vec()
                    />
                </FormDialog>
            }
        }.into_any())}
    }
}
