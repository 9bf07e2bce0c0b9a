//! The console's routes: pages, server functions, files for the browser, and the choice of language and theme.

mod assets;
mod still;

use crate::address::address;
use crate::app::App;
use crate::keyboard::{JUMP, PAGES};
use crate::look::{COLUMNS_COOKIE, LANG_COOKIE, Look, NoProgram, THEME_COOKIE, Theme, local_path};
use crate::model::act::{Act, Hidden, Outcome, Refusal};
use crate::model::sessions::Column;
use crate::source::{Created, Entered, Entry, NotEntered, Source};
use crate::texts::Lang;
use axum::Router;
use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos::server_fn::error::SERVER_FN_ERROR_HEADER;
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list};
use leptos_meta::MetaTags;
use serde::Deserialize;
use std::sync::Arc;

pub use assets::{Asset, Assets};

/// Devices of the user that the first invitation creates.
const FIRST_DEVICES: u32 = 3;
/// Days for which the first invitation is valid.
const FIRST_DAYS: u32 = 7;

/// Makes the source of one request from its head: the value knows the request's sign-in.
pub type MakeSource = Arc<dyn Fn(&Parts) -> Arc<dyn Source> + Send + Sync>;

/// The console's routes.
pub fn router(assets: Assets, make_source: MakeSource) -> Router {
    page_router(App, assets.clone(), Some(make_source.clone()))
        .merge(doors(&assets, make_source.clone()))
        .merge(still::router(&assets, make_source))
}

/// Routes of an application with the console's shell and files. The gallery of parts uses it too.
pub fn page_router<App, View>(app: App, assets: Assets, make_source: Option<MakeSource>) -> Router
where
    App: Fn() -> View + Copy + Clone + Send + Sync + 'static,
    View: IntoView + 'static,
{
    let options = LeptosOptions::builder().output_name("console").build();
    let context = context_of(make_source);
    let shell = {
        let assets = assets.clone();
        move || shell(app, &assets, Kind::Live)
    };
    let files = Router::new()
        .route("/pkg/{name}", get(assets::file))
        .with_state(assets)
        .route("/look", post(choose_look))
        .route("/sessions/columns", post(choose_columns));
    Router::new()
        .leptos_routes_with_context(&options, generate_route_list(app), context, shell)
        .with_state(options)
        .merge(files)
        .layer(map_response(unreadable))
}

/// A server function always returns a value. Its only error is a request that it cannot read, which is not the server's
/// fault; leptos responds with 500.
async fn unreadable(mut response: Response) -> Response {
    if response.headers().contains_key(SERVER_FN_ERROR_HEADER) {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

/// Provides what the pages of a request use: language, theme, and the source.
fn context_of(make_source: Option<MakeSource>) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        let Some(parts) = use_context::<Parts>() else { return };
        provide_context(look_of(&parts.headers));
        if let Some(make) = &make_source {
            provide_context(make(&parts));
        }
    }
}

/// Forms of pages without a menu.
fn doors(assets: &Assets, make: MakeSource) -> Router {
    let invite = {
        let (make, context, assets) = (make.clone(), context_of(Some(make.clone())), assets.clone());
        move |parts: Parts, Form(form): Form<Csrf>| {
            let (make, context, assets) = (make.clone(), context.clone(), assets.clone());
            async move {
                let created = create_invitation(&*make(&parts), form.csrf).await;
                let context = move || {
                    context();
                    provide_context(created.clone());
                };
                let page = Request::from_parts(parts, Body::empty());
                let shell = move || shell(App, &assets, Kind::Live);
                leptos_axum::render_app_async_with_context(context, shell)(page).await
            }
        }
    };
    Router::new()
        .route("/setup/invite", post(invite))
        .route("/sign-in", post(enter_password))
        .route("/sign-in/code", post(enter_code))
        .route("/setup", post(set_up))
        .route("/setup/host", post(put_host))
        .route("/sign-out", post(sign_out))
        .with_state(make)
}

fn look_of(headers: &HeaderMap) -> Look {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Look::of_headers(text(COOKIE), text(ACCEPT_LANGUAGE))
}

/// Whether the browser takes over a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It does.
    Live,
    /// The page stays as the server has rendered it.
    Still,
}

/// The document around a page. Written here instead of `HydrationScripts`, which copies the nonce into an attribute
/// that stylesheets can read.
fn shell<App, View>(app: App, assets: &Assets, kind: Kind) -> impl IntoView + use<App, View>
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
    let texts = assets.path_of(&format!(".{}.txt", look.lang.tag()));
    let program = assets.path_of(".js").zip(assets.path_of(".wasm")).zip(texts);
    if program.is_none() {
        provide_context(NoProgram);
    }
    let is_still = kind == Kind::Still;
    let nonce_of_keys = nonce.clone();
    let start = program.filter(|_| !is_still).map(|((js, wasm), texts)| {
        let start = format!(
            "import start, {{ hydrate }} from {js:?};\n\
             const texts = fetch({texts:?}).then(response => response.text());\n\
             await start({{ module_or_path: {wasm:?} }});\n\
             hydrate(await texts);"
        );
        view! {
            <link rel="modulepreload" href=js crossorigin="anonymous" />
            <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
            <link rel="preload" href=texts r#as="fetch" r#type="text/plain" crossorigin="anonymous" />
            <script type="module" nonce=nonce>{start}</script>
        }
    });
    let keys = is_still.then(|| view! { <script type="module" nonce=nonce_of_keys>{keys()}</script> });
    let theme = (look.theme != Theme::System).then(|| look.theme.word());
    view! {
        <!DOCTYPE html>
        <html lang=look.lang.tag() dir=look.lang.dir() data-theme=theme data-still=is_still.then_some("true")>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" href="data:," />
                <link rel="stylesheet" href=style />
                {start}
                {keys}
                <MetaTags />
            </head>
            <body>{app()}</body>
        </html>
    }
}

/// The script of the keys of a page that only the server renders.
fn keys() -> String {
    let pages: Vec<String> = PAGES.iter().map(|(letter, path)| format!("{letter}:{path:?}")).collect();
    format!("const PAGES={{__proto__:null,{}}},JUMP={JUMP:?};\n{}", pages.join(","), include_str!("keys.js"))
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
        set_choice(&mut response, name, value);
    }
    redirect(&mut response, local_path(choice.back.as_deref().unwrap_or_default()));
    response
}

/// Sets the cookie of the hidden columns, those that the form does not name, and returns to the list.
async fn choose_columns(Form(shown): Form<Vec<(String, String)>>) -> Response {
    let is_hidden = |column: &Column| !shown.iter().any(|(name, _)| name == column.word());
    let hidden: Vec<_> = Column::ALL.into_iter().filter(is_hidden).map(Column::word).collect();
    let mut response = StatusCode::SEE_OTHER.into_response();
    set_choice(&mut response, COLUMNS_COOKIE, &hidden.join("."));
    redirect(&mut response, "/sessions");
    response
}

/// Sets a cookie of a choice that concerns this browser only.
fn set_choice(response: &mut Response, name: &str, value: &str) {
    let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
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

/// The first operator goes on to the name of the server.
async fn set_up(State(make): State<MakeSource>, parts: Parts, Form(form): Form<FirstOperator>) -> Response {
    let FirstOperator { token, name, password } = form;
    let failed = address("/setup", &[("code", Some(token.expose()))]);
    let entry = Entry::SetUp { token, name: name.trim().to_owned(), password };
    entered(make(&parts).enter(entry).await, &failed, "/setup/host", "")
}

#[derive(Deserialize)]
struct PublicHost {
    csrf: String,
    host: String,
}

/// Sets the public name or address, and goes on to the first invitation.
async fn put_host(State(make): State<MakeSource>, parts: Parts, Form(form): Form<PublicHost>) -> Response {
    let act = Act::PutHost { host: Some(form.host.trim().to_owned()) };
    let mut response = StatusCode::SEE_OTHER.into_response();
    match make(&parts).act(form.csrf, act).await {
        Ok(_) => redirect(&mut response, "/setup/invite"),
        Err(why) => redirect(&mut response, &address("/setup/host", &[("problem", Some(&why.code))])),
    }
    response
}

/// Creates the first invitation. The response shows it, because nothing keeps it.
async fn create_invitation(source: &dyn Source, csrf: String) -> Created {
    let act = Act::CreateInvitation { user: None, max_devices: FIRST_DEVICES, days: FIRST_DAYS };
    match source.act(csrf, act).await {
        Ok(Outcome::Invited(invitation)) => Created(Ok(invitation)),
        Ok(_) => Created(Err(Refusal::unreachable())),
        Err(why) => Created(Err(why)),
    }
}

/// The response to a step of a sign-in: to the code, to where the operator came from, or back to the form with the
/// refusal in the address, so that it works without script.
fn entered(outcome: Result<Entered, NotEntered>, form: &str, next: &str, back: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match outcome {
        Ok(entered) => {
            for cookie in entered.cookies {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            let code = address("/sign-in/code", &[("back", Some(back))]);
            redirect(&mut response, if entered.requires_code { &code } else { next });
        }
        Err(NotEntered { why, attempts_left }) => {
            let left = attempts_left.map(|left| left.to_string());
            let query = [("problem", Some(why.code.as_str())), ("left", left.as_deref()), ("back", Some(back))];
            redirect(&mut response, &address(form, &query));
        }
    }
    response
}

#[derive(Deserialize)]
struct Csrf {
    csrf: String,
}

async fn sign_out(State(make): State<MakeSource>, parts: Parts, Form(form): Form<Csrf>) -> Response {
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
