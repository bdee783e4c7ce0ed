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
mod asked;
mod assets;
mod chart;
mod decode;
mod device;
mod entries;
mod facts;
mod filter;
mod form;
mod gather;
mod home;
mod installed;
mod lang;
mod layout;
mod list;
mod live;
pub mod login;
mod rejects;
mod row;
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
use crate::api::timeline as past;
use crate::devices::Seen;
use crate::model::Timestamp;
use asked::{Caller, Page, redirect, render};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use chart::Range;
use filter::Filter;
use layout::Place;
use live::Sections;
use maud::html;
use std::sync::Arc;
use view::{View, device_path};

/// Seconds between refreshes of lists and devices; a bad line makes them longer.
const REFRESH_SECS: u32 = 5;
/// And of `/new`, where somebody waits.
const REFRESH_NEW_SECS: u32 = 2;

/// The pages.
pub fn routes() -> Router<Http> {
    Router::new()
        .route("/", get(home_page))
        .route("/d/{id}", get(device_page))
        .route("/d/{id}/t", get(timeline_page))
        .route("/d/{id}/t/{entry}", get(entry_page))
        .route("/new", get(new_page))
        .route("/decode", get(decode::ask).post(decode::show))
        .route("/strangers", get(strangers_page))
        .route("/rejects", get(rejects::list).post(rejects::retry))
        .route("/tunnel", get(tunnel_page))
        .route("/login", get(login::form).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/web/{file}", get(assets::asset))
}

async fn home_page(State(http): State<Http>, caller: Caller) -> Response {
    render(&http, caller, |shared, view, asked| {
        let filter = Filter::read(asked.pairs.iter().cloned());
        if let Some(id) = (!asked.live)
            .then(|| gather::hit(shared, &asked.grant, &filter))
            .flatten()
        {
            return Err(Box::new(redirect(&device_path(&id))));
        }
        let home = gather::home(shared, &asked.grant, filter);
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

async fn device_page(State(http): State<Http>, Path(id): Path<String>, caller: Caller) -> Response {
    render(&http, caller, move |shared, view, asked| {
        let seen = shared.devices.seen_by(&asked.grant);
        let Some(mut device) = seen.get(&id) else {
            return Ok(no_device(seen, view, &id));
        };
        values::mark_old(&mut device, view.now);
        if *device.id != *id {
            return Err(Box::new(redirect(&device_path(&device.id))));
        }
        let range = asked
            .param("r")
            .and_then(Range::from_code)
            .unwrap_or_default();
        // A refresh leaves the chart alone: only who asks for it makes history be read.
        let with_chart = !asked.live || asked.want.as_deref() == Some("chart");
        let wanted = gather::Wanted {
            metric: asked.param("m"),
            range,
            with_chart,
        };
        let gathered = gather::device(shared, &asked.grant, view, &device, wanted);
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
                    family: gathered.family,
                    rows: &gathered.rows,
                    older: gathered.older,
                    chart: gathered.chart.as_ref(),
                },
            ),
        })
    })
    .await
}

fn no_device(seen: Seen<'_>, view: &View<'_>, id: &str) -> Page {
    let near = seen.nearest(id);
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

/// Older entries: `at`, `skip` and `rejects` say where an earlier page ended.
async fn timeline_page(
    State(http): State<Http>,
    Path(id): Path<String>,
    caller: Caller,
) -> Response {
    render(&http, caller, move |shared, view, asked| {
        let own = shared.devices.seen_by(&asked.grant).id(&id);
        if let Some(own) = own.filter(|own| **own != *id) {
            return Err(Box::new(redirect(&format!("{}/t", device_path(&own)))));
        }
        let number = |name| asked.param(name).and_then(|text| text.parse::<i64>().ok());
        let place = number("at").map(|at| past::Place {
            at: Timestamp::from_nanos(at),
            skip: number("skip")
                .and_then(|skip| skip.try_into().ok())
                .unwrap_or(0),
            rejects: number("rejects").map_or(u64::MAX, i64::cast_unsigned),
        });
        let wanted = past::Wanted {
            name: id.clone(),
            from: None,
            to: None,
            limit: timeline::PAGE,
            place,
            grant: Arc::clone(&asked.grant),
        };
        let (rows, next) = entries::rows(shared, view, &wanted);
        let head = html! {
            p { a href=(device_path(&id)) { "← " (view.t(text::BACK_TO_DEVICE)) } }
            h1 { (words::cut(&id, installed::ID_LEN_MAX)) }
        };
        Ok(Page {
            title: id.clone(),
            place: Place::Devices,
            status: StatusCode::OK,
            refresh_secs: None,
            head,
            sections: timeline::sections(view, &id, &rows, next),
        })
    })
    .await
}

async fn entry_page(
    State(http): State<Http>,
    Path((id, entry)): Path<(String, String)>,
    caller: Caller,
) -> Response {
    render(&http, caller, move |shared, view, asked| {
        let detail = entries::detail(shared, &asked.grant, &id, &entry);
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
            section { (shown) }
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

async fn new_page(State(http): State<Http>, caller: Caller) -> Response {
    render(&http, caller, |shared, view, asked| {
        let id = asked.param("id").unwrap_or_default().trim();
        let id: String = id.chars().take(installed::ID_LEN_MAX).collect();
        let known = gather::installed(shared, &asked.grant, id);
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

async fn strangers_page(State(http): State<Http>, caller: Caller) -> Response {
    render(&http, caller, |shared, view, asked| {
        let strangers = gather::strangers(shared, &asked.grant, stranger::STRANGERS_MAX);
        Ok(Page {
            title: view.t(text::STRANGERS).to_owned(),
            place: Place::Devices,
            status: StatusCode::OK,
            refresh_secs: None,
            head: html! {
                h1 class="quiet" { (view.t(text::DEVICES)) }
                p { a href="/rejects" { (view.t(text::REFUSED_UPLINKS)) } }
            },
            sections: stranger::sections(view, &strangers),
        })
    })
    .await
}

async fn tunnel_page(State(http): State<Http>, caller: Caller) -> Response {
    render(&http, caller, |shared, view, asked| {
        let page = asked.param("page").and_then(|page| page.parse().ok());
        let devices = gather::tunnel(shared, &asked.grant);
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
