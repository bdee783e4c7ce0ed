//! `/decode`: a payload that somebody pastes, and what each piece of it would become.
use super::asked::{Caller, Page, render};
use super::entries::field;
use super::form::{pairs, value};
use super::layout::{Place, section};
use super::live::Sections;
use super::text;
use super::timeline::{self, Refused};
use super::view::View;
use super::words;
use crate::api::Shared;
use crate::api::decode::{Asked, Tried, decode};
use crate::api::http::Http;
use crate::codecs::PastedError;
use crate::intake::{Piece, Preview};
use crate::profiles::Spot;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

/// Bytes of the form as a browser sends it: half of it would be a payload of binary, a third one of
/// JSON. What is longer is for the command.
const FORM_BYTES_MAX: usize = 60 << 10;
/// Pieces and readings that are shown.
const ROWS_MAX: usize = 512;

/// What became of what was asked.
enum Outcome {
    /// Nothing was asked yet.
    Asking,
    TooLong,
    NoPayload(PastedError),
    Decoded(Box<Tried>),
}

/// `GET /decode?profile&device`: the form.
pub(super) async fn ask(State(http): State<Http>, caller: Caller) -> Response {
    render(&http, caller, |shared, view, asked| {
        let param = |name| asked.param(name).unwrap_or_default().to_owned();
        let asked = Asked {
            profile: param("profile"),
            device: param("device"),
            pasted: String::new(),
        };
        Ok(page(shared, view, &asked, &Outcome::Asking))
    })
    .await
}

/// `POST /decode`: the form with what came of it.
pub(super) async fn show(State(http): State<Http>, caller: Caller, body: Body) -> Response {
    let body = to_bytes(body, FORM_BYTES_MAX).await.ok();
    render(&http, caller, move |shared, view, by| {
        let pairs = body
            .as_ref()
            .map(|body| pairs(&String::from_utf8_lossy(body)));
        let field = |name| {
            let pairs = pairs.as_deref().unwrap_or_default();
            value(pairs, name).unwrap_or_default().to_owned()
        };
        let asked = Asked {
            profile: field("profile"),
            device: field("device"),
            pasted: field("payload"),
        };
        let outcome = match (&pairs, asked.pasted.is_empty()) {
            (None, _) => Outcome::TooLong,
            (Some(_), true) => Outcome::Asking,
            (Some(_), false) => match decode(shared, &by.grant, &asked) {
                Ok(tried) => Outcome::Decoded(Box::new(tried)),
                Err(error) => Outcome::NoPayload(error),
            },
        };
        Ok(page(shared, view, &asked, &outcome))
    })
    .await
}

fn page(shared: &Shared, view: &View<'_>, asked: &Asked, outcome: &Outcome) -> Page {
    let profiles = shared.intake.knowledge().profiles.names();
    let mut sections = Sections::default();
    match outcome {
        Outcome::Asking | Outcome::TooLong | Outcome::NoPayload(_) => {}
        Outcome::Decoded(tried) => result(view, tried, &mut sections),
    }
    Page {
        title: view.t(text::DECODE_TITLE).to_owned(),
        place: Place::Nowhere,
        status: match outcome {
            Outcome::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Outcome::NoPayload(_) => StatusCode::BAD_REQUEST,
            Outcome::Asking | Outcome::Decoded(_) => StatusCode::OK,
        },
        refresh_secs: None,
        head: form(view, asked, outcome, &profiles),
        sections,
    }
}

fn form(view: &View<'_>, asked: &Asked, outcome: &Outcome, profiles: &str) -> Markup {
    html! {
        h1 { (view.t(text::DECODE_TITLE)) }
        p class="lead dim" { (view.t(text::DECODE_LEAD)) }
        form class="search decode" action="/decode" method="post" {
            label for="payload" { (view.t(text::DECODE_PAYLOAD)) }
            textarea id="payload" name="payload" rows="5" required spellcheck="false" autocapitalize="none" {
                // A line end behind the tag is not part of the text.
                "\n" (asked.pasted)
            }
            label for="profile" { (view.t(text::DECODE_PROFILE)) }
            input id="profile" name="profile" list="profiles" value=(asked.profile) placeholder="json"
                autocomplete="off" autocapitalize="none" spellcheck="false" maxlength="32";
            datalist id="profiles" { @for name in profiles.split(", ") { option value=(name) {} } }
            label for="device" { (view.t(text::DECODE_DEVICE)) }
            div {
                input id="device" name="device" value=(asked.device) autocomplete="off" autocapitalize="none"
                    spellcheck="false" maxlength="64";
                button { (view.t(text::DECODE_GO)) }
            }
        }
        @match outcome {
            Outcome::TooLong => p class="finding fault" role="alert" { (view.t(text::DECODE_TOO_LONG)) },
            Outcome::NoPayload(error) => p class="finding fault" role="alert" lang="en" { (error) },
            Outcome::Asking | Outcome::Decoded(_) => {}
        }
    }
}

fn result(view: &View<'_>, tried: &Tried, sections: &mut Sections) {
    let preview = &tried.preview;
    let fields = preview.readings.iter().zip(&preview.origins);
    let detail = timeline::Detail {
        at: view.now,
        refused: preview
            .faults
            .iter()
            .take(ROWS_MAX)
            .map(|fault| Refused {
                part: fault.part.clone(),
                reason: fault.reason.as_str().to_owned(),
                sentence: fault.sentence.clone(),
            })
            .collect(),
        fields: fields
            .take(ROWS_MAX)
            .map(|(reading, place)| field(reading, &place.path))
            .collect(),
        facts: facts(tried),
        raw: Some((tried.payload.clone(), tried.payload.len() as u64)),
        ..timeline::Detail::default()
    };
    let nothing = preview.readings.is_empty() && preview.events.is_empty();
    let body = html! {
        @if nothing { p { b { (view.t(text::DECODE_NOTHING)) } } }
        (timeline::detail(view, &detail))
    };
    sections.push(
        "result",
        section("result", view.t(text::DECODE_BECAME), &body),
    );
    if !preview.pieces.is_empty() {
        let heading = view.t(text::DECODE_PIECES);
        sections.push("pieces", section("pieces", heading, &pieces(view, preview)));
    }
}

fn facts(tried: &Tried) -> Vec<(text::Text, String)> {
    let profile = match tried.version.as_str() {
        "" => tried.profile.clone(),
        version => format!("{} {version}", tried.profile),
    };
    let preview = &tried.preview;
    let mut facts = vec![
        (text::PROFILE, profile),
        (text::DECODE_SENDER, preview.sender.clone()),
    ];
    facts.extend(preview.events.iter().map(|said| {
        let detail = said.detail.iter();
        let detail: Vec<String> = detail
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let name = [&*said.device, &*said.name].join(" ");
        let parts = [name.trim().to_owned(), detail.join(", ")];
        (
            text::DECODE_EVENTS,
            words::cut(parts.join(": ").trim_end_matches(": "), 400),
        )
    }));
    facts.extend(preview.devices.iter().map(|known| {
        let id = if known.id.is_empty() {
            "–"
        } else {
            &*known.id
        };
        (
            text::DECODE_DEVICES,
            format!("{}: {id} {}", known.named, known.kind),
        )
    }));
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn pieces(view: &View<'_>, preview: &Preview) -> Markup {
    html! {
        table class="values pieces" {
            thead { tr {
                th scope="col" { (view.t(text::DECODE_PLACE)) }
                th scope="col" { (view.t(text::DECODE_SENT)) }
                th scope="col" { (view.t(text::DECODE_BECAME)) }
            } }
            tbody { @for piece in preview.pieces.iter().take(ROWS_MAX) { (row(view, piece)) } }
        }
    }
}

fn row(view: &View<'_>, piece: &Piece) -> Markup {
    let traced = &piece.traced;
    html! {
        tr class=[traced.became.is_empty().then_some("dim")] {
            th scope="row" { @match &traced.spot {
                Spot::Bytes(range) => {
                    (view.t(text::DECODE_BYTE)) " " (range.start)
                    @if range.len() > 1 { "–" (range.end - 1) }
                }
                Spot::Path(path) => code { (words::cut(path, 80)) },
            } }
            td { code { (words::cut(&traced.sent, 80)) } }
            td {
                @if traced.became.is_empty() { (view.t(text::DECODE_IGNORED)) } @else { (view.metric(&traced.became)) }
                @if !traced.note.is_empty() { " " span class="note" lang="en" { (words::cut(&traced.note, 200)) } }
            }
        }
    }
}
