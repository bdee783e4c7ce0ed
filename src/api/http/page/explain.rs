//! `/d/{id}/explain`: the story of a device, for whoever stands beside it. Without script, and no wider than a phone.
use super::asked::{Caller, Page, render};
use super::layout::{Place, section};
use super::live::Sections;
use super::text;
use super::text::story::{Teller, tell};
use super::timeline::event_name;
use super::view::{View, device_path};
use super::{installed, sign, words};
use crate::api::explain::{self, Reading, Refused, Said, Story, Stranger, Uplink};
use crate::api::http::Http;
use crate::model::Value;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

/// Seconds between refreshes: somebody waits for the next uplink.
const REFRESH_SECS: u32 = 10;

/// The page.
pub(super) async fn page(
    State(http): State<Http>,
    Path(id): Path<String>,
    caller: Caller,
) -> Response {
    render(&http, caller, move |shared, view, asked| {
        let id: String = id.chars().take(installed::ID_LEN_MAX).collect();
        let told = explain::explain(shared, &asked.grant, &id, explain::UPLINKS_DEFAULT);
        let mut story = told.unwrap_or_else(|error| {
            tracing::error!(%error, device = id, "a story cannot be told");
            Story {
                asked: id.clone(),
                at: view.now,
                ..Story::default()
            }
        });
        let teller = Teller {
            lang: view.lang,
            now: view.now,
            zone: Some(view.zone),
        };
        tell(&mut story, &teller);
        let known = story.device.is_some();
        let back = if known {
            (device_path(&id), text::BACK_TO_DEVICE)
        } else {
            ("/".to_owned(), text::DEVICES)
        };
        let head = html! {
            p { a href=(back.0) { "← " (view.t(back.1)) } }
            h1 { (id) }
            p class="lead dim" { (view.t(text::EXPLAIN)) }
        };
        Ok(Page {
            title: format!("{} · {id}", view.t(text::EXPLAIN)),
            place: Place::Devices,
            status: if known {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            },
            refresh_secs: known.then_some(REFRESH_SECS),
            head,
            sections: sections(view, &story),
        })
    })
    .await
}

/// What is refreshed.
pub(super) fn sections(view: &View<'_>, story: &Story) -> Sections {
    let mut sections = Sections::default();
    sections.push("verdict", verdict(story));
    let around = around(view, story);
    if let Some(around) = around {
        sections.push("around", around);
    }
    for (at, uplink) in story.uplinks.iter().enumerate() {
        sections.push(format!("uplink{at}"), self::uplink(view, at, uplink));
    }
    if !story.strangers.is_empty() {
        let body = html! {
            @for stranger in &story.strangers { (self::stranger(view, stranger)) }
        };
        sections.push(
            "strangers",
            section("strangers", view.t(text::ALIKE), &body),
        );
    }
    sections
}

fn verdict(story: &Story) -> Markup {
    let level = if story.well { "ok" } else { "attention" };
    html! {
        section id="verdict" class="status" {
            div class="health" {
                p { (sign::sign(level)) b { (words::cut(&story.sentence, 600)) } }
                @for check in &story.checks { p class="finding" { (words::cut(check, 400)) } }
            }
        }
    }
}

fn around(view: &View<'_>, story: &Story) -> Option<Markup> {
    let said = [
        (text::INTERVAL, story.expected.as_ref().map(|e| &e.say)),
        (text::PARENT, story.parent.as_ref().map(|p| &p.say)),
        (text::CELL, story.cell.as_ref().map(|c| &c.say)),
        (text::SOURCE, story.link.as_ref().map(|l| &l.say)),
        (text::GATEWAY, story.gateway.as_ref().map(|g| &g.say)),
        (
            text::DUPLICATES,
            Some(&story.copies).filter(|said| !said.is_empty()),
        ),
    ];
    if said.iter().all(|(_, said)| said.is_none()) {
        return None;
    }
    let body = html! {
        dl class="facts" {
            @for (name, said) in said { @if let Some(said) = said {
                div { dt { (view.t(name)) } dd { (words::cut(said, 400)) } }
            } }
        }
    };
    Some(section("around", view.t(text::AROUND), &body))
}

fn uplink(view: &View<'_>, at: usize, uplink: &Uplink) -> Markup {
    let sign = if uplink.accepted { "done" } else { "refused" };
    let letter = if uplink.accepted { 'u' } else { 'r' };
    let taken = if uplink.accepted {
        text::TAKEN
    } else {
        text::REFUSED
    };
    // What is carried is opened with the device that it is of.
    let (of, sequence) = match uplink.events.first() {
        Some(said) if uplink.readings.is_empty() => (&said.device, said.sequence),
        _ => (&uplink.device, uplink.sequence),
    };
    let href = format!("{}/t/{letter}{sequence}", device_path(of));
    let facts = facts(uplink);
    html! {
        section id={ "uplink" (at) } {
            h2 { (sign::sign(sign)) " " (view.t(taken)) " " (view.clock(uplink.at)) }
            div class="detail" {
                @for refused in &uplink.refused { (self::refused(view, refused)) }
                @if !uplink.readings.is_empty() { (readings(view, uplink)) }
                @if let Some(carried) = &uplink.carried { p { (words::cut(&carried.say, 1_200)) } }
                @for said in &uplink.events { (event(view, said)) }
                @if uplink.events_left_out > 0 { p class="dim" { "+ " (uplink.events_left_out) } }
                dl class="facts" {
                    @for (name, fact) in facts { @if !fact.is_empty() {
                        div { dt { (view.t(name)) } dd { (words::cut(&fact, 300)) } }
                    } }
                }
                @if !uplink.note.is_empty() { p class="dim" { (uplink.note) } }
                ul {
                    @for passage in &uplink.passages {
                        li { (sign::sign(if passage.passed { "done" } else { "late" })) " " (words::cut(&passage.say, 300)) }
                    }
                }
                @if !uplink.device.is_empty() && uplink.sequence > 0 {
                    p class="more" { a href=(href) { (view.t(text::OPEN_RAW)) } }
                }
            }
        }
    }
}

fn facts(uplink: &Uplink) -> [(text::Text, String); 8] {
    let profile = if uplink.version.is_empty() {
        uplink.profile.clone()
    } else {
        format!("{} {}", uplink.profile, uplink.version)
    };
    let device = if uplink.named.is_empty() {
        uplink.device.clone()
    } else {
        format!("{} ({})", uplink.device, uplink.named)
    };
    [
        (text::SOURCE, uplink.source.to_uppercase()),
        (text::ADDRESS, uplink.address.clone()),
        (text::TOPIC, uplink.topic.clone()),
        (text::CLIENT, uplink.client.clone()),
        (text::ROUTE, uplink.route.clone()),
        (text::PROFILE, profile),
        (text::ID, device),
        (text::PARENT, uplink.via.clone()),
    ]
}

fn refused(view: &View<'_>, refused: &Refused) -> Markup {
    html! {
        p class="finding attention" {
            (sign::sign("refused"))
            b { (refused.what) } " "
            @if !refused.part.is_empty() { code { (words::cut(&refused.part, 80)) } " " }
            @if !refused.sentence.is_empty() { (words::cut(&refused.sentence, 300)) ". " }
            @if let Some(report) = &refused.recovered {
                b { (view.t(text::REJECTS_RECOVERED)) } @if report != "0" { " " code { (report) } }
            } @else { (refused.advice) }
        }
    }
}

fn event(view: &View<'_>, said: &Said) -> Markup {
    html! {
        p {
            (sign::sign("attention")) " " b { (words::cut(&said.device, 80)) } " " (event_name(view, &said.name))
            @for (name, value) in &said.detail {
                " " span class="dim" { (words::cut(name, 40)) " " (words::cut(value, 80)) }
            }
        }
    }
}

fn readings(view: &View<'_>, uplink: &Uplink) -> Markup {
    html! {
        table class="values" { tbody {
            @for reading in &uplink.readings { (self::reading(view, reading)) }
        } }
        @if uplink.readings_left_out > 0 {
            p class="dim" { "+ " (uplink.readings_left_out) }
        }
    }
}

fn reading(view: &View<'_>, reading: &Reading) -> Markup {
    let value = match (reading.number, reading.flag, &reading.text) {
        (Some(number), ..) => Value::Number(number),
        (None, Some(flag), _) => Value::Flag(flag),
        (None, None, Some(text)) => Value::Text(text.as_str().into()),
        (None, None, None) => Value::Absent,
    };
    let labels: Vec<&str> = reading.labels.values().map(String::as_str).collect();
    html! {
        tr {
            th scope="row" {
                (view.metric(&reading.metric))
                @if !labels.is_empty() { " " span class="label" { (labels.join(" ")) } }
            }
            td class="value" { (super::values::reading_markup(view, &value, &reading.metric, &reading.unit)) }
            td class="age dim" { (view.age(reading.observed_at)) }
        }
        @if !reading.why.is_empty() {
            tr { td colspan="3" class="dim" { (sign::sign("attention")) " " (reading.why) } }
        }
    }
}

fn stranger(view: &View<'_>, stranger: &Stranger) -> Markup {
    let name = if stranger.name.is_empty() {
        &stranger.address
    } else {
        &stranger.name
    };
    html! {
        p {
            b { (words::cut(name, 80)) } " "
            span class="dim" { (view.age(stranger.last)) " × " (stranger.rejects) }
            " " (words::cut(&stranger.sentence, 200))
        }
    }
}
