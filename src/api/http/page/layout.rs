//! The frame of every page.
use super::assets::{SCRIPT, STYLE};
use super::live::Sections;
use super::sign::SPRITE;
use super::text;
use super::view::View;
use super::words;
use maud::{DOCTYPE, Markup, html};

/// Which place of the navigation is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `/`, lists and devices.
    Devices,
    /// `/new`.
    New,
    /// `/tunnel`.
    Tunnel,
    /// None of them.
    Nowhere,
}

/// What a page is, beside its sections.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Of the tab.
    pub title: &'a str,
    /// In the navigation.
    pub place: Place,
    /// Path and query of this page without `lang`, for the switch and for the refresh.
    pub target: &'a str,
    /// Seconds between two refreshes; `None`: this page does not change by itself.
    pub refresh_secs: Option<u32>,
    /// Can the reader log out?
    pub logged_in: bool,
}

/// A dot in a square, in the accent colour.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Crect width='16' height='16' rx='4' fill='%230b5cad'/%3E%3Cpath d='M3 12V7l5-4 5 4v5h-3V8H6v4z' fill='%23fff'/%3E%3C/svg%3E";

/// The whole document. `head` stands above the sections and is not refreshed.
pub fn document(view: &View<'_>, frame: &Frame<'_>, head: &Markup, sections: &Sections) -> String {
    let document = html! {
        (DOCTYPE)
        html lang=(view.lang.html()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) " · " (view.node) }
                link rel="icon" href=(ICON);
                link rel="stylesheet" href={ "/web/" (STYLE.name) };
                script src={ "/web/" (SCRIPT.name) } defer {}
            }
            body {
                a class="skip" href="#main" { (view.t(text::SKIP)) }
                (SPRITE)
                (header(view, frame))
                main id="main" data-live=[frame.refresh_secs.map(|_| frame.target)]
                    data-every=[frame.refresh_secs] data-etag=(sections.etag())
                    data-zone=(words::zone_name(view.zone, view.now)) data-copied=(view.t(text::COPIED)) {
                    (head)
                    (sections.markup())
                }
                (footer(view, frame))
            }
        }
    };
    document.into_string()
}

/// A document for whoever may see nothing yet: no place to go, no script.
pub fn bare(view: &View<'_>, title: &str, target: &str, body: &Markup) -> String {
    let other = view.lang.other();
    let joint = if target.contains('?') { '&' } else { '?' };
    let document = html! {
        (DOCTYPE)
        html lang=(view.lang.html()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · citygate" }
                link rel="icon" href=(ICON);
                link rel="stylesheet" href={ "/web/" (STYLE.name) };
            }
            body {
                header class="top" {
                    span class="brand" { b { "citygate" } }
                    a class="lang" href={ (target) (joint) "lang=" (other.code()) }
                        lang=(other.html()) hreflang=(other.html()) { (view.t(text::OTHER_LANGUAGE)) }
                }
                main id="main" { (body) }
            }
        }
    };
    document.into_string()
}

fn header(view: &View<'_>, frame: &Frame<'_>) -> Markup {
    let places = [
        (Place::Devices, "/", text::DEVICES),
        (Place::New, "/new", text::JUST_INSTALLED),
        (Place::Tunnel, "/tunnel", text::TUNNEL),
    ];
    let joint = if frame.target.contains('?') { '&' } else { '?' };
    let other = view.lang.other();
    html! {
        header class="top" {
            a class="brand" href="/" { b { "citygate" } " " span { (view.node) } }
            a class="lang" href={ (frame.target) (joint) "lang=" (other.code()) }
                lang=(other.html()) hreflang=(other.html()) { (view.t(text::OTHER_LANGUAGE)) }
            nav {
                @for (place, path, name) in places {
                    a href=(path) aria-current=[(place == frame.place).then_some("page")] { (view.t(name)) }
                }
            }
        }
    }
}

fn footer(view: &View<'_>, frame: &Frame<'_>) -> Markup {
    html! {
        footer {
            p class="lost" id="lost" role="alert" hidden {
                (view.t(text::NO_CONNECTION_SINCE)) " " b id="since" {} ". " (view.t(text::TRYING))
            }
            p {
                span id="asof" data-updated=(view.t(text::UPDATED)) {
                    (view.t(text::AS_OF)) " " (words::zoned(view.now, view.zone).strftime("%H:%M"))
                }
                " · " (view.t(text::TIMES_IN)) " " (words::zone_name(view.zone, view.now))
            }
            @if frame.logged_in {
                form action="/logout" method="post" { button { (view.t(text::LOG_OUT)) } }
            }
            @if let Some(data) = data_path(frame) {
                p { (view.t(text::ALSO)) " " a href=(data) { (data) } }
            }
        }
    }
}

/// Where the same stands for machines.
fn data_path(frame: &Frame<'_>) -> Option<String> {
    let path = frame.target.split('?').next()?;
    let id = path.strip_prefix("/d/")?.split('/').next()?;
    Some(format!("/v1/devices/{id}"))
}

/// A section with its heading.
pub fn section(id: &str, heading: &str, body: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-h" } {
            h2 id={ (id) "-h" } { (heading) }
            (body)
        }
    }
}
