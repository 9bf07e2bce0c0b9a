//! The operator's sign-ins.

use crate::acts::{Ask, Question};
use crate::model::act::Act;
use crate::model::settings::SignIn;
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::button::{Kind, Size};
use tornado_ui::figures::Card;
use tornado_ui::state::Tag;
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, view};

/// The sign-ins, each but this one with a button that ends it.
#[component]
pub fn SignIns(
    /// The rows.
    sign_ins: Vec<SignIn>,
    /// When they were read.
    as_of: i64,
) -> impl IntoView {
    let t = use_texts();
    let rows = sign_ins
        .into_iter()
        .map(|one| {
            let end = (!one.is_current).then(|| {
                let question = Question {
                    title: t.revoke_sign_in_title().to_owned(),
                    text: t.revoke_sign_in_text().to_owned(),
                    effects: Vec::new(),
                    verb: t.end_sign_in().to_owned(),
                    is_danger: true,
                    act: Act::RevokeSignIn { id: one.id.clone() },
                    done: t.done_sign_in_revoked().to_owned(),
                };
                view! { <Ask question kind=Kind::Quiet size=Size::Small word=t.end_sign_in() /> }
            });
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a">
                        <bdi>{one.operator}</bdi>
                        {one.is_current.then(|| view! { " " <Tag>{t.this_sign_in()}</Tag> })}
                    </th>
                    <td role="cell" class="c"><bdi dir="ltr">{one.address}</bdi></td>
                    <td role="cell" class="num hide-m">{t.moment(one.at, as_of)}</td>
                    <td role="cell" class="num b">{t.moment(one.latest_use, as_of)}</td>
                    <td role="cell" class="col-act">{end}</td>
                </tr>
            }
        })
        .views();
    view! {
        <Card id="sign-ins" title=t.sign_ins()>
            <Table
                caption=t.sign_ins()
                columns=vec![
                    Column::new(t.operator(), "a"),
                    Column::new(t.address(), "c"),
                    Column::new(t.signed_in_at(), "num hide-m"),
                    Column::new(t.latest_use(), "num b"),
                    Column::hidden(t.action(), "col-act"),
                ]
                cards=true
            >
                {rows}
            </Table>
        </Card>
    }
}
