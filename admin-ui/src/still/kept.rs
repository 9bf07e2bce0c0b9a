//! What the server keeps about people: the page, and the document with the same content.

use crate::frame::{Head, Loaded, read};
use crate::model::settings::About;
use crate::source;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use tornado_shared::kept::{Content, Purpose, STORES, Store, Table as Kept, Until};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, view};

/// The page, with the spans of this server's configuration.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let about = read(|| (), |()| source::about(), &[], None);
    view! {
        <Head title=t.kept_title() crumb=("/about", t.nav_about()) />
        <Loaded of=about view=move |about| view! { <Stores about /> } />
    }
}

#[component]
fn Stores(about: About) -> impl IntoView {
    let t = use_texts();
    let stores = STORES.iter().map(|store| view! { <StoreCard store about=about.clone() /> }).views();
    view! {
        <Note weight=Weight::Plain>{t.data_kept_text()}</Note>
        {stores}
        <Note weight=Weight::Plain>{t.kept_memory()}</Note>
    }
}

#[component]
fn StoreCard(store: &'static Store, about: About) -> impl IntoView {
    let t = use_texts();
    let columns = vec![
        Column::new(t.kept_table(), "a"),
        Column::new(t.kept_purpose(), "b"),
        Column::new(t.kept_until(), "d"),
        Column::new(t.kept_columns(), "c"),
    ];
    let row = move |table: &Kept| {
        let contents = table.columns.iter().map(|(name, content)| {
            view! {
                <li><bdi dir="ltr" class="mono">{*name}</bdi>" "<span class="dim">{content_word(t, *content)}</span></li>
            }
        });
        view! {
            <tr role="row">
                <th scope="row" role="rowheader" class="a"><bdi dir="ltr" class="mono">{table.name}</bdi></th>
                <td role="cell" class="b wrap">{purpose_word(t, table.purpose)}</td>
                <td role="cell" class="d wrap">{until_word(t, table.until, &about)}</td>
                <td role="cell" class="c wrap"><ul class="kept">{contents.views()}</ul></td>
            </tr>
        }
    };
    let (title, caption) = (t.kept_store(store.name), t.kept_store(store.name));
    view! {
        <section class="card" aria-label=t.kept_store(store.name)>
            <div class="card-head"><h2>{title}</h2></div>
            <Table caption columns cards=true tight=true>{store.tables.iter().map(row).views()}</Table>
        </section>
    }
}

fn purpose_word(t: Texts, purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Accounts => t.purpose_accounts(),
        Purpose::Devices => t.purpose_devices(),
        Purpose::Invitations => t.purpose_invitations(),
        Purpose::Logins => t.purpose_logins(),
        Purpose::Replays => t.purpose_replays(),
        Purpose::Operators => t.purpose_operators(),
        Purpose::SignIns => t.purpose_sign_ins(),
        Purpose::Factors => t.purpose_factors(),
        Purpose::Passkeys => t.purpose_passkeys(),
        Purpose::Tokens => t.purpose_tokens(),
        Purpose::Audit => t.purpose_audit(),
        Purpose::Settings => t.purpose_settings(),
        Purpose::Leases => t.purpose_leases(),
        Purpose::Sessions => t.purpose_sessions(),
        Purpose::History => t.purpose_history(),
        Purpose::Exits => t.purpose_exits(),
        Purpose::Usage => t.purpose_usage(),
        Purpose::Logs => t.purpose_logs(),
        Purpose::Metrics => t.purpose_metrics(),
        Purpose::Internal => t.purpose_internal(),
    }
}

fn content_word(t: Texts, content: Content) -> &'static str {
    match content {
        Content::Identifier => t.content_identifier(),
        Content::Name => t.content_name(),
        Content::Email => t.content_email(),
        Content::Hash => t.content_hash(),
        Content::Sealed => t.content_sealed(),
        Content::PublicKey => t.content_public_key(),
        Content::PresharedKey => t.content_preshared_key(),
        Content::Time => t.content_time(),
        Content::Address => t.content_address(),
        Content::Bytes => t.content_bytes(),
        Content::Setting => t.content_setting(),
        Content::State => t.content_state(),
        Content::Text => t.content_text(),
        Content::Number => t.content_number(),
    }
}

fn until_word(t: Texts, until: Until, about: &About) -> String {
    match until {
        Until::Never => t.until_never().to_owned(),
        Until::Removed => t.until_removed().to_owned(),
        Until::Expired => t.until_expired().to_owned(),
        Until::SessionEnds => t.until_session().to_owned(),
        Until::History => about.history_days.map_or_else(|| t.until_history_set().to_owned(), |n| t.until_history(n)),
        Until::Logs => about.log_days.map_or_else(|| t.until_logs_set().to_owned(), |n| t.until_logs(n)),
        Until::Metrics => t.until_metrics().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// The document, without the spans of a configuration.
    fn document() -> String {
        let t = Texts::default();
        let about = About::default();
        let mut text = format!("# {}\n\n", t.kept_title());
        text.push_str(
            "The console has the same list: About, with the spans of the server. It is made from\n\
             `shared/src/kept`; tests of the stores compare that file with the schemas, and a test of `admin-ui`\n\
             compares this document with it. `TORNADO_WRITE_DOCS=1 cargo test -p tornado-admin-ui kept` writes it.\n",
        );
        let copies = "An upgrade that changes a schema leaves a copy of the former database, with rows that were deleted \
                      since: SQLite for up to 30 days beside the database, PostgreSQL until the second next migration. \
                      Backups stay until an operator removes them.";
        for part in [t.kept_memory(), "Where devices connect to is not stored anywhere.", copies] {
            write!(text, "\n{}\n", wrapped(part)).unwrap();
        }
        for store in &STORES {
            write!(text, "\n## {}\n", t.kept_store(store.name)).unwrap();
            for table in store.tables {
                let (purpose, until) = (purpose_word(t, table.purpose), until_word(t, table.until, &about));
                write!(text, "\n### `{}`\n\n", table.name).unwrap();
                writeln!(text, "{purpose}. Deleted: {until}.\n\n| column | content |\n|---|---|").unwrap();
                for (name, content) in table.columns {
                    writeln!(text, "| `{name}` | {} |", content_word(t, *content)).unwrap();
                }
            }
        }
        text
    }

    /// Lines of at most 120 characters.
    fn wrapped(text: &str) -> String {
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            if lines.last().is_some_and(|line| !line.is_empty() && line.len() + word.len() >= 120) {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        lines.join("\n")
    }

    #[test]
    fn the_document_has_what_the_page_has() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/data-kept.md");
        if std::env::var_os("TORNADO_WRITE_DOCS").is_some() {
            std::fs::write(&path, document()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), document());
    }
}
