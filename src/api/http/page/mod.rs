//! The status page: for a phone beside the pole with one bar of signal.
//!
//! ```text
//! registry, history, logs --> gather.rs: plain values --> home, device, installed, tunnel: sections
//!                                                                 |
//!        whole page: layout.rs, `ETag`, gzip  <---------------------+---------------------> live.rs: what changed
//! ```
//! Rendered on the server, in two languages, without a framework: everything works without script,
//! which only refreshes, copies and reads values off a chart. What is shown is a pure function of
//! plain values, so that tests need no gateway. Nothing is ever called safe: remote values do not
//! replace detection on site.
mod answer;
mod assets;
mod chart;
mod device;
mod filter;
mod gather;
mod home;
mod installed;
mod lang;
mod layout;
mod list;
mod live;
mod sign;
mod stranger;
#[cfg(test)]
mod tests;
mod text;
mod timeline;
mod tunnel;
mod values;
mod view;
mod words;

use super::Http;
use super::problem::Problem;
use crate::api::Shared;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chart::Range;
use filter::Filter;
use lang::Lang;
use layout::{Frame, Place};
use live::Sections;
use maud::{Markup, html};
use view::{View, device_path};

/// Seconds between refreshes of lists and devices; a bad line makes them longer.
const REFRESH_SECS: u32 = 5;
/// And of `/new`, where somebody waits.
const REFRESH_NEW_SECS: u32 = 2;
/// A language is chosen for a year.
const COOKIE_SECS: u32 = 365 * 24 * 3600;

/// The pages.
pub fn routes() -> Router<Http> {
    Router::new()
        .route("/", get(home_page))
        .route("/d/{id}", get(device_page))
        .route("/d/{id}/t/{entry}", get(timeline_page))
        .route("/new", get(new_page))
        .route("/strangers", get(strangers_page))
        .route("/tunnel", get(tunnel_page))
        .route("/web/{file}", get(assets::asset))
}

/// What a request asks of every page.
#[derive(Debug)]
struct Asked {
    headers: HeaderMap,
    lang: Lang,
    /// Parameters of the page itself.
    pairs: Vec<(String, String)>,
    /// Path and those parameters.
    target: String,
    /// Only what changed.
    live: bool,
    /// The section that is to come first.
    want: Option<String>,
}

/// A whole page.
struct Page {
    title: String,
    place: Place,
    status: StatusCode,
    refresh_secs: Option<u32>,
    head: Markup,
    sections: Sections,
}

/// Parameters of one request; more is no request of this page.
const PARAMS_MAX: usize = 16;

impl Asked {
    /// Takes the parameters that concern all pages off the others; a switch of the language is
    /// answered at once.
    fn read(uri: &Uri, headers: HeaderMap) -> Result<Self, Box<Response>> {
        let bad = |detail: String| {
            Box::new(Problem::new(StatusCode::BAD_REQUEST, detail).into_response())
        };
        let Query(mut pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| bad(error.body_text()))?;
        if pairs.len() > PARAMS_MAX {
            return Err(bad(format!("more than {PARAMS_MAX} query parameters")));
        }
        let mut take = |name: &str| {
            let at = pairs.iter().position(|(key, _)| key == name)?;
            Some(pairs.remove(at).1)
        };
        let (switch, live, want) = (take("lang"), take("live"), take("want"));
        let mut target = uri.path().to_owned();
        for (at, (name, value)) in pairs.iter().enumerate() {
            let joint = if at == 0 { "?" } else { "&" };
            target.extend([joint, &view::percent(name), "=", &view::percent(value)]);
        }
        if let Some(lang) = switch.and_then(|code| Lang::from_code(&code)) {
            return Err(Box::new(switched(lang, &target)));
        }
        Ok(Self {
            lang: Lang::of(&headers),
            headers,
            pairs,
            target,
            live: live.is_some(),
            want,
        })
    }

    fn param(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(key, _)| key == name)?;
        Some(pair.1.as_str())
    }

    /// The page, or of a refresh what changed.
    fn answer(&self, view: &View<'_>, page: &Page) -> Response {
        if self.live {
            let had = self.headers.get(header::IF_NONE_MATCH);
            let had = had.and_then(|etag| etag.to_str().ok()).unwrap_or_default();
            let (html, etag) = page.sections.changes(had, self.want.as_deref());
            return answer::part(&self.headers, &html, &etag);
        }
        let frame = Frame {
            title: &page.title,
            place: page.place,
            target: &self.target,
            refresh_secs: page.refresh_secs,
        };
        let html = layout::document(view, &frame, &page.head, &page.sections);
        answer::page(&self.headers, page.status, &html)
    }
}

/// Back to the same page, with the language in a cookie.
fn switched(lang: Lang, target: &str) -> Response {
    let cookie = format!(
        "{}={}; Path=/; Max-Age={COOKIE_SECS}; SameSite=Lax",
        lang::COOKIE,
        lang.code()
    );
    let mut response = redirect(target);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn redirect(target: &str) -> Response {
    // A path of two slashes would name another host; a client may send one.
    let target = format!("/{}", target.trim_start_matches('/'));
    (StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response()
}

/// Gathers and renders on a thread that may block.
async fn render(
    http: &Http,
    uri: &Uri,
    headers: HeaderMap,
    make: impl FnOnce(&Shared, &View<'_>, &Asked) -> Result<Page, Box<Response>> + Send + 'static,
) -> Response {
    let asked = match Asked::read(uri, headers) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let answer = http.read(move |shared| {
        let view = View {
            lang: asked.lang,
            now: shared.clock.now(),
            zone: &shared.zone,
            catalogue: &shared.catalogue,
            node: &shared.node,
        };
        Ok(match make(shared, &view, &asked) {
            Ok(page) => asked.answer(&view, &page),
            Err(response) => *response,
        })
    });
    answer.await.unwrap_or_else(IntoResponse::into_response)
}

async fn home_page(State(http): State<Http>, uri: Uri, headers: HeaderMap) -> Response {
    render(&http, &uri, headers, |shared, view, asked| {
        let filter = Filter::read(asked.pairs.iter().cloned());
        if let Some(id) = (!asked.live)
            .then(|| gather::hit(shared, &filter))
            .flatten()
        {
            return Err(Box::new(redirect(&device_path(&id))));
        }
        let home = gather::home(shared, filter);
        Ok(Page {
            title: view.t(text::DEVICES).to_owned(),
            place: Place::Devices,
            status: StatusCode::OK,
            refresh_secs: Some(REFRESH_SECS),
            head: home::search(view, &home.filter),
            sections: home::sections(view, &home),
        })
    })
    .await
}

async fn device_page(
    State(http): State<Http>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    render(&http, &uri, headers, move |shared, view, asked| {
        let Some(device) = shared.devices.get(&id) else {
            return Ok(no_device(shared, view, &id));
        };
        if *device.id != *id {
            return Err(Box::new(redirect(&device_path(&device.id))));
        }
        let range = asked
            .param("r")
            .and_then(Range::from_code)
            .unwrap_or_default();
        // A refresh leaves the chart alone: only who asks for it makes history be read.
        let with_chart = !asked.live || asked.want.as_deref() == Some("chart");
        let gathered = gather::device(shared, view, &device, asked.param("m"), range, with_chart);
        Ok(Page {
            title: (*device.id).to_owned(),
            place: Place::Devices,
            status: StatusCode::OK,
            refresh_secs: Some(REFRESH_SECS),
            head: device::head(view, &device),
            sections: device::sections(
                view,
                &device::Shown {
                    device: &device,
                    children: &gathered.children,
                    rows: &gathered.rows,
                    chart: gathered.chart.as_ref(),
                },
            ),
        })
    })
    .await
}

fn no_device(shared: &Shared, view: &View<'_>, id: &str) -> Page {
    let near = shared.devices.nearest(id);
    let head = html! {
        h1 { (view.t(text::NO_SUCH_DEVICE)) }
        p { b { (words::cut(id, installed::ID_LEN_MAX)) } }
        p { (view.t(text::NO_SUCH_DEVICE_HINT)) }
        @if let Some(near) = near {
            p { (view.t(text::LIKE_THIS)) " " a href=(device_path(&near)) { (near) } }
        }
        p { a class="button" href={ "/new?id=" (view::percent(id)) } { (view.t(text::JUST_INSTALLED)) } }
    };
    Page {
        title: view.t(text::NO_SUCH_DEVICE).to_owned(),
        place: Place::Devices,
        status: StatusCode::NOT_FOUND,
        refresh_secs: None,
        head,
        sections: Sections::default(),
    }
}

async fn timeline_page(
    State(http): State<Http>,
    Path((id, entry)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    render(&http, &uri, headers, move |shared, view, asked| {
        let detail = gather::detail(shared, &id, &entry);
        let gone = || html! { p { (view.t(text::GONE)) } };
        let shown = detail
            .as_ref()
            .map_or_else(gone, |detail| timeline::detail(view, detail));
        if asked.live {
            let etag = live::Section::new("entry", shown.clone()).etag();
            let part = answer::part(&asked.headers, &shown.into_string(), &etag);
            return Err(Box::new(part));
        }
        let head = html! {
            p { a href=(device_path(&id)) { "← " (view.t(text::BACK_TO_DEVICE)) } }
            h1 { (words::cut(&id, installed::ID_LEN_MAX)) }
            (shown)
        };
        Ok(Page {
            title: id,
            place: Place::Devices,
            status: if detail.is_some() {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            },
            refresh_secs: None,
            head,
            sections: Sections::default(),
        })
    })
    .await
}

async fn new_page(State(http): State<Http>, uri: Uri, headers: HeaderMap) -> Response {
    render(&http, &uri, headers, |shared, view, asked| {
        let id = asked.param("id").unwrap_or_default().trim();
        let id: String = id.chars().take(installed::ID_LEN_MAX).collect();
        let known = gather::installed(shared, id);
        Ok(Page {
            title: view.t(text::JUST_INSTALLED).to_owned(),
            place: Place::New,
            status: StatusCode::OK,
            refresh_secs: (!known.id.is_empty()).then_some(REFRESH_NEW_SECS),
            head: installed::form(view, &known.id),
            sections: installed::sections(view, &known),
        })
    })
    .await
}

async fn strangers_page(State(http): State<Http>, uri: Uri, headers: HeaderMap) -> Response {
    render(&http, &uri, headers, |shared, view, _| {
        let strangers = gather::strangers(shared, stranger::STRANGERS_MAX);
        Ok(Page {
            title: view.t(text::STRANGERS).to_owned(),
            place: Place::Devices,
            status: StatusCode::OK,
            refresh_secs: None,
            head: html! { h1 class="quiet" { (view.t(text::DEVICES)) } },
            sections: stranger::sections(view, &strangers),
        })
    })
    .await
}

async fn tunnel_page(State(http): State<Http>, uri: Uri, headers: HeaderMap) -> Response {
    render(&http, &uri, headers, |shared, view, asked| {
        let page = asked.param("page").and_then(|page| page.parse().ok());
        let devices = gather::tunnel(shared);
        Ok(Page {
            title: view.t(text::TUNNEL_TITLE).to_owned(),
            place: Place::Tunnel,
            status: StatusCode::OK,
            refresh_secs: Some(REFRESH_SECS),
            head: tunnel::head(view),
            sections: tunnel::sections(view, &devices, page.unwrap_or(0)),
        })
    })
    .await
}
