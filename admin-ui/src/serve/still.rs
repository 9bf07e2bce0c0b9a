//! Routes of the pages that only the server renders.

use super::{Assets, Csrf, Kind, MakeSource, context_of, shell};
use crate::model::act::{Act, Hidden, Outcome, Refusal};
use crate::source::Source;
use crate::still::{Answered, PATHS, Pages};
use axum::Router;
use axum::body::Body;
use axum::extract::Form;
use axum::http::Request;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};
use leptos::prelude::*;
use serde::Deserialize;

/// The routes, and the page of all addresses that do not exist.
pub fn router(assets: &Assets, make: MakeSource) -> Router {
    let site = Site { assets: assets.clone(), make };
    let page = leptos_axum::render_app_async_with_context(context_of(Some(site.make.clone())), site.clone().shell());
    let mut router = Router::new();
    for path in PATHS {
        router = router.route(path, get(page.clone()));
    }
    let delete = {
        let site = site.clone();
        move |parts: Parts, Form(form): Form<DeleteLogs>| {
            let site = site.clone();
            async move {
                let outcome = delete_logs(&*(site.make)(&parts), form).await;
                site.render(parts, Answered(outcome)).await
            }
        }
    };
    let rotate = {
        let site = site.clone();
        move |parts: Parts, Form(form): Form<Rotate>| {
            let site = site.clone();
            async move {
                let source = (site.make)(&parts);
                let outcome = confirmed(&*source, form.csrf, form.password, Act::RotateKeys).await;
                site.render(at(parts, "/keys"), Answered(outcome)).await
            }
        }
    };
    let check = {
        let site = site.clone();
        move |parts: Parts, Form(form): Form<Csrf>| {
            let site = site.clone();
            async move {
                let outcome = (site.make)(&parts).act(form.csrf, Act::CheckKeys).await;
                site.render(parts, Answered(outcome)).await
            }
        }
    };
    let verify = move |parts: Parts, Form(form): Form<Csrf>| {
        let site = site.clone();
        async move {
            let outcome = (site.make)(&parts).act(form.csrf, Act::VerifyAudit).await;
            site.render(parts, Answered(outcome)).await
        }
    };
    router
        .route("/keys", post(check))
        .route("/keys/rotate", post(rotate))
        .route("/audit", post(verify))
        .route("/logs/delete", post(delete))
        .fallback(page)
}

#[derive(Deserialize)]
struct DeleteLogs {
    csrf: String,
    text: String,
    from: i64,
    until: i64,
    password: Hidden,
}

/// Deletes the lines of a form.
async fn delete_logs(source: &dyn Source, form: DeleteLogs) -> Result<Outcome, Refusal> {
    let DeleteLogs { csrf, text, from, until, password } = form;
    let act = Act::DeleteLogs { text: Some(text).filter(|text| !text.is_empty()), from, until };
    confirmed(source, csrf, password, act).await
}

#[derive(Deserialize)]
struct Rotate {
    csrf: String,
    password: Hidden,
}

/// Carries out a change whose form contains the operator's confirmation.
async fn confirmed(source: &dyn Source, csrf: String, password: Hidden, act: Act) -> Result<Outcome, Refusal> {
    source.act(csrf.clone(), Act::ConfirmSignIn { password }).await?;
    source.act(csrf, act).await
}

/// The head of a request, for the page of another address.
fn at(mut parts: Parts, path: &'static str) -> Parts {
    parts.uri = axum::http::Uri::from_static(path);
    parts
}

#[derive(Clone)]
struct Site {
    assets: Assets,
    make: MakeSource,
}

impl Site {
    fn shell(self) -> impl Fn() -> AnyView + Clone + Send + Sync + 'static {
        move || shell(Pages, &self.assets, Kind::Still).into_any()
    }

    /// The page of a request with what its form has returned.
    async fn render(self, parts: Parts, answered: Answered) -> Response {
        let context = context_of(Some(self.make.clone()));
        let context = move || {
            context();
            provide_context(answered.clone());
        };
        let page = Request::from_parts(parts, Body::empty());
        leptos_axum::render_app_async_with_context(context, self.shell())(page).await
    }
}
