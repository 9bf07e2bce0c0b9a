//! The console's routes: pages, server functions, files for the browser, and the choice of language and theme.

use crate::app::App;
use crate::look::{LANG_COOKIE, Look, THEME_COOKIE, Theme, local_path};
use crate::model::act::{Hidden, Refusal};
use crate::pages::address;
use crate::source::{Entered, Entry, Source};
use crate::texts::Lang;
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE,
    LOCATION, REFERRER_POLICY, SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list};
use leptos_meta::MetaTags;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

/// A file for the browser. Its name contains the digest of its content.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Name below `/pkg/`.
    pub name: Cow<'static, str>,
    /// The content.
    pub raw: Cow<'static, [u8]>,
    /// The same, compressed with brotli; empty if it is not.
    pub brotli: Cow<'static, [u8]>,
    /// The same, compressed with gzip; empty if it is not.
    pub gzip: Cow<'static, [u8]>,
}

/// The files for the browser.
#[derive(Clone, Debug)]
pub struct Assets(Arc<Vec<Asset>>);

impl Assets {
    /// Those that were embedded when the program was built.
    pub fn embedded() -> Self {
        struct Asset {
            name: &'static str,
            raw: &'static [u8],
            brotli: &'static [u8],
            gzip: &'static [u8],
        }
        const FILES: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));
        let own = |file: &Asset| self::Asset {
            name: file.name.into(),
            raw: file.raw.into(),
            brotli: file.brotli.into(),
            gzip: file.gzip.into(),
        };
        Self(Arc::new(FILES.iter().map(own).collect()))
    }

    /// Given files, for tests.
    pub fn of(files: Vec<Asset>) -> Self {
        Self(Arc::new(files))
    }

    fn path_of(&self, suffix: &str) -> Option<String> {
        let file = self.0.iter().find(|file| file.name.ends_with(suffix))?;
        Some(format!("/pkg/{}", file.name))
    }
}

/// Makes the source of one request from its head: the value knows the request's sign-in.
pub type MakeSource = Arc<dyn Fn(&Parts) -> Arc<dyn Source> + Send + Sync>;

/// The console's routes.
pub fn router(assets: Assets, make_source: MakeSource) -> Router {
    page_router(App, assets, Some(make_source))
}

/// Routes of an application with the console's shell and files. The gallery of parts uses it too.
pub fn page_router<App, View>(app: App, assets: Assets, make_source: Option<MakeSource>) -> Router
where
    App: Fn() -> View + Copy + Clone + Send + Sync + 'static,
    View: IntoView + 'static,
{
    let options = LeptosOptions::builder().output_name("console").build();
    let pages_source = make_source.clone();
    let context = move || {
        let Some(parts) = use_context::<Parts>() else { return };
        provide_context(look_of(&parts.headers));
        if let Some(make) = &pages_source {
            provide_context(make(&parts));
        }
    };
    let shell = {
        let assets = assets.clone();
        move || shell(app, &assets)
    };
    let files = Router::new().route("/pkg/{name}", get(file)).with_state(assets).route("/look", post(choose_look));
    let doors = make_source.map(|make| {
        Router::new()
            .route("/sign-in", post(enter_password))
            .route("/sign-in/code", post(enter_code))
            .route("/setup", post(set_up))
            .route("/sign-out", post(sign_out))
            .with_state(make)
    });
    Router::new()
        .leptos_routes_with_context(&options, generate_route_list(app), context.clone(), shell.clone())
        .fallback(leptos_axum::render_app_async_with_context(context, shell))
        .with_state(options)
        .merge(files)
        .merge(doors.unwrap_or_default())
}

fn look_of(headers: &HeaderMap) -> Look {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Look::of_headers(text(COOKIE), text(ACCEPT_LANGUAGE))
}

/// The document around a page. Written here instead of `HydrationScripts`, which copies the nonce into an attribute that
/// stylesheets can read.
fn shell<App, View>(app: App, assets: &Assets) -> impl IntoView + use<App, View>
where
    App: Fn() -> View,
    View: IntoView + 'static,
{
    let look = use_context::<Look>().unwrap_or_default();
    let nonce = use_nonce();
    if let (Some(response), Some(nonce)) = (use_context::<ResponseOptions>(), nonce.as_ref()) {
        protect(&response, nonce);
    }
    let style = assets.path_of(".css").unwrap_or_default();
    let program = assets.path_of(".js").zip(assets.path_of(".wasm"));
    let start = program.map(|(js, wasm)| {
        let start = format!(
            "import start, {{ hydrate }} from {js:?}; start({{ module_or_path: {wasm:?} }}).then(() => hydrate());"
        );
        view! {
            <link rel="modulepreload" href=js crossorigin="anonymous" />
            <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
            <script type="module" nonce=nonce>{start}</script>
        }
    });
    let theme = (look.theme != Theme::System).then(|| look.theme.word());
    view! {
        <!DOCTYPE html>
        <html lang=look.lang.tag() dir=look.lang.dir() data-theme=theme>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" href="data:," />
                <link rel="stylesheet" href=style />
                {start}
                <MetaTags />
            </head>
            <body>{app()}</body>
        </html>
    }
}

/// Sets the headers of a page. The nonce is the one of this response.
fn protect(response: &ResponseOptions, nonce: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.insert_header(CONTENT_SECURITY_POLICY, policy);
    }
    response.insert_header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response.insert_header(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // A page shows people's names and addresses: no cache keeps it, also not for the back button after sign-out.
    response.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.insert_header(VARY, HeaderValue::from_static("Cookie, Accept-Language"));
}

async fn file(State(assets): State<Assets>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = assets.0.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts =
        |coding: &str| accepted.split(',').any(|one| one.split(';').next().is_some_and(|one| one.trim() == coding));
    let (body, coding) = if !asset.brotli.is_empty() && accepts("br") {
        (asset.brotli.to_vec(), Some("br"))
    } else if !asset.gzip.is_empty() && accepts("gzip") {
        (asset.gzip.to_vec(), Some("gzip"))
    } else {
        (asset.raw.to_vec(), None)
    };
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    };
    // The name changes with the content, except for the stylesheet of a build without the browser's half.
    let cache = if name == "console.css" { "no-cache" } else { "public, max-age=31536000, immutable" };
    let mut response = body.into_response();
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    head.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    head.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    head.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(coding) = coding {
        head.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

#[derive(Deserialize)]
struct Choice {
    lang: Option<String>,
    theme: Option<String>,
    back: Option<String>,
}

/// Sets the cookies of language and theme and returns to the page. It changes nothing on the server.
async fn choose_look(Form(choice): Form<Choice>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let lang = choice.lang.as_deref().and_then(Lang::of_tag).map(|lang| (LANG_COOKIE, lang.tag()));
    let theme = choice.theme.as_deref().map(|word| (THEME_COOKIE, Theme::of_word(word).word()));
    for (name, value) in lang.into_iter().chain(theme) {
        let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    redirect(&mut response, local_path(choice.back.as_deref().unwrap_or_default()));
    response
}

fn redirect(response: &mut Response, path: &str) {
    let path = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, path);
}

#[derive(Deserialize)]
struct NameAndPassword {
    name: String,
    password: Hidden,
    back: Option<String>,
}

async fn enter_password(State(make): State<MakeSource>, parts: Parts, Form(form): Form<NameAndPassword>) -> Response {
    let back = form.back.unwrap_or_default();
    let entry = Entry::Password { name: form.name.trim().to_owned(), password: form.password };
    entered(make(&parts).enter(entry).await, "/sign-in", local_path(&back), &back)
}

#[derive(Deserialize)]
struct SecondFactor {
    code: Hidden,
    back: Option<String>,
}

async fn enter_code(State(make): State<MakeSource>, parts: Parts, Form(form): Form<SecondFactor>) -> Response {
    let back = form.back.unwrap_or_default();
    entered(make(&parts).enter(Entry::Code(form.code)).await, "/sign-in/code", local_path(&back), &back)
}

#[derive(Deserialize)]
struct FirstOperator {
    token: Hidden,
    name: String,
    password: Hidden,
}

/// The first operator goes on to the first invitation.
async fn set_up(State(make): State<MakeSource>, parts: Parts, Form(form): Form<FirstOperator>) -> Response {
    let FirstOperator { token, name, password } = form;
    let failed = address("/setup", &[("code", Some(token.expose()))]);
    let entry = Entry::SetUp { token, name: name.trim().to_owned(), password };
    entered(make(&parts).enter(entry).await, &failed, "/users?invite=1", "")
}

/// The response to a step of a sign-in: to the code, to where the operator came from, or back to the form with the
/// refusal in the address, so that it works without script.
fn entered(outcome: Result<Entered, Refusal>, form: &str, next: &str, back: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match outcome {
        Ok(entered) => {
            for cookie in entered.cookies {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            let code = address("/sign-in/code", &[("back", Some(back))]);
            redirect(&mut response, if entered.requires_code { &code } else { next });
        }
        Err(refusal) => {
            redirect(&mut response, &address(form, &[("problem", Some(&refusal.code)), ("back", Some(back))]))
        }
    }
    response
}

#[derive(Deserialize)]
struct Leave {
    csrf: String,
}

async fn sign_out(State(make): State<MakeSource>, parts: Parts, Form(form): Form<Leave>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match make(&parts).sign_out(form.csrf).await {
        Ok(cookies) => {
            for cookie in cookies {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            redirect(&mut response, "/sign-in");
        }
        Err(_) => redirect(&mut response, "/settings"),
    }
    response
}
