//! `/rejects`: what could not become readings, and a button that takes it once more.
//!
//! The button is there for whoever may operate; that a POST comes from a page of this gateway is checked
//! by the guard, as for every form.
use super::asked::{Caller, Page, render};
use super::form::{pairs, value};
use super::layout::{Place, section};
use super::live::Sections;
use super::stranger::why;
use super::text;
use super::view::{View, percent};
use super::words;
use crate::access::Grant;
use crate::api::Shared;
use crate::api::http::Http;
use crate::api::http::problem::Problem;
use crate::api::http::rejects::{Answer, Selected, run};
use crate::api::rejects::summary::{Groups, summary};
use crate::api::rejects::{Error, Item, Wanted, walk};
use crate::codecs::Reason;
use crate::model::Timestamp;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::sync::Arc;

/// Bytes of the form.
const FORM_BYTES_MAX: usize = 4 << 10;
/// Rejects on the page.
const ROWS_MAX: usize = 100;
/// Rejects of one press of the button; another press takes the next.
const RETRY_MAX: usize = 200;
/// Groups of a kind.
const GROUPS_MAX: usize = 12;
/// Characters of a name.
const NAME_LEN_MAX: usize = 64;

/// What the page is of.
#[derive(Clone, Debug, Default)]
struct Filter {
    device: Option<String>,
    reason: Option<String>,
}

impl Filter {
    fn read(pairs: &[(String, String)]) -> Self {
        let text = |name| value(pairs, name).filter(|text| !text.is_empty());
        let known = |text: &&str| Reason::ALL.iter().any(|reason| reason.as_str() == *text);
        Self {
            device: text("device").map(str::to_owned),
            reason: text("reason").filter(known).map(str::to_owned),
        }
    }

    fn wanted(&self, grant: &Arc<Grant>) -> Wanted {
        Wanted {
            reason: self.reason.clone(),
            device: self.device.clone(),
            route: None,
            recovered: None,
            from: None,
            to: None,
            grant: Arc::clone(grant),
        }
    }

    fn target(&self) -> String {
        let pair = |name: &str, text: &Option<String>| {
            let text = text.as_deref()?;
            Some(format!("{name}={}", percent(text)))
        };
        let pairs = [pair("device", &self.device), pair("reason", &self.reason)];
        let pairs: Vec<String> = pairs.into_iter().flatten().collect();
        format!("/rejects?{}", pairs.join("&"))
    }
}

/// What the page shows.
struct Shown {
    filter: Filter,
    rows: Vec<Item>,
    count: u64,
    recovered: u64,
    by_reason: Groups,
    by_device: Groups,
    may_retry: bool,
    /// What came of the button.
    answer: Option<Answer>,
}

/// `GET /rejects?device&reason`.
pub(super) async fn list(State(http): State<Http>, caller: Caller) -> Response {
    render(&http, caller, |shared, view, asked| {
        let filter = Filter::read(&asked.pairs);
        let shown = gather(shared, &asked.grant, filter, None);
        shown
            .map(|shown| page(view, shown))
            .map_err(|error| Box::new(failed(&error)))
    })
    .await
}

/// `POST /rejects`: what the filter takes is retried, some at a time.
pub(super) async fn retry(State(http): State<Http>, caller: Caller, body: Body) -> Response {
    let body = to_bytes(body, FORM_BYTES_MAX).await.unwrap_or_default();
    let filter = Filter::read(&pairs(&String::from_utf8_lossy(&body)));
    let grant = caller.operates(&http.shared, &filter.target());
    let Some(grant) = grant.filter(|grant| may_retry(grant)) else {
        let detail = "this token does not grant to retry rejects";
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    };
    let selected = Selected::Filter(filter.wanted(&grant), None, RETRY_MAX);
    let answer = match run(&http, selected, false, 0).await {
        Ok(answer) => answer,
        Err(problem) => return problem.into_response(),
    };
    render(&http, caller, move |shared, view, asked| {
        let shown = gather(shared, &asked.grant, filter, Some(answer));
        shown
            .map(|shown| page(view, shown))
            .map_err(|error| Box::new(failed(&error)))
    })
    .await
}

fn may_retry(grant: &Grant) -> bool {
    grant.operate && grant.sees_all_devices()
}

fn failed(error: &Error) -> Response {
    Problem::internal("the rejects cannot be read", error).into_response()
}

fn gather(
    shared: &Shared,
    grant: &Arc<Grant>,
    filter: Filter,
    answer: Option<Answer>,
) -> Result<Shown, Error> {
    let wanted = filter.wanted(grant);
    let counts = summary(shared, &wanted)?;
    Ok(Shown {
        rows: walk(shared, &wanted, None, ROWS_MAX)?.rejects,
        count: counts.count,
        recovered: counts.recovered,
        by_reason: counts.by_reason,
        by_device: counts.by_device,
        may_retry: may_retry(grant),
        filter,
        answer,
    })
}

fn page(view: &View<'_>, shown: Shown) -> Page {
    let mut sections = Sections::default();
    let (count, recovered) = (shown.count, shown.recovered);
    let head = html! {
        h1 { (view.t(text::REFUSED_UPLINKS)) }
        @if let Some(device) = &shown.filter.device {
            p { (words::cut(device, NAME_LEN_MAX)) " · " a href="/rejects" { (view.t(text::MORE_OF_THESE)) } }
        }
        p class="lead dim" { (view.t(text::REJECTS_LEAD)) }
        p { b { (count) } " · " (view.t(text::REJECTS_RECOVERED)) " " b { (recovered) } }
        @if shown.may_retry && count > recovered { (button(view, &shown.filter)) }
        @if let Some(answer) = &shown.answer { (outcome(view, answer)) }
    };
    let groups = html! {
        (groups(view, shown.by_reason, "reason", &shown.filter))
        (groups(view, shown.by_device, "device", &shown.filter))
    };
    let heading = view.t(text::REJECTS_COUNTED);
    sections.push("counts", section("counts", heading, &groups));
    let rows = html! {
        @if shown.rows.is_empty() { p class="dim" { (view.t(text::REJECTS_NONE)) } }
        ul class="rows" { @for item in &shown.rows { li { (row(view, item)) } } }
    };
    let heading = view.t(text::REJECTS_NEWEST);
    sections.push("newest", section("newest", heading, &rows));
    Page {
        title: view.t(text::REFUSED_UPLINKS).to_owned(),
        place: Place::Nowhere,
        status: StatusCode::OK,
        refresh_secs: None,
        head,
        sections,
    }
}

fn button(view: &View<'_>, filter: &Filter) -> Markup {
    html! {
        form class="search" action="/rejects" method="post" {
            @if let Some(device) = &filter.device { input type="hidden" name="device" value=(device); }
            @if let Some(reason) = &filter.reason { input type="hidden" name="reason" value=(reason); }
            div { button { (view.t(text::REJECTS_RETRY)) } }
        }
    }
}

fn outcome(view: &View<'_>, answer: &Answer) -> Markup {
    let [recovered, before, rejected, cannot] = answer.sums();
    html! {
        p class="finding" role="status" {
            (view.t(text::REJECTS_RECOVERED)) " " b { (recovered) } " · "
            (view.t(text::REJECTS_BEFORE)) " " b { (before) } " · "
            (view.t(text::REJECTS_AGAIN)) " " b { (rejected) } " · "
            (view.t(text::REJECTS_CANNOT)) " " b { (cannot) }
        }
        @if answer.goes_on() { p class="dim" { (view.t(text::REJECTS_MORE)) } }
    }
}

fn groups(view: &View<'_>, groups: Groups, by: &str, filter: &Filter) -> Markup {
    let target = |name: &str| {
        let mut filter = filter.clone();
        let part = if by == "reason" {
            &mut filter.reason
        } else {
            &mut filter.device
        };
        *part = Some(name.to_owned());
        filter.target()
    };
    html! {
        ul class="rows" {
            @for (name, group) in groups.largest(GROUPS_MAX) {
                li { a class="row" href=(target(&name)) {
                    span class="what" {
                        b { @if name.is_empty() { (view.t(text::NAMELESS)) } @else { (words::cut(&name, NAME_LEN_MAX)) } }
                    }
                    span class="say" { (group.count) " · " (view.t(text::REJECTS_RECOVERED)) " " (group.recovered) }
                    span class="age dim" { (view.age(group.last)) }
                } }
            }
        }
    }
}

fn row(view: &View<'_>, item: &Item) -> Markup {
    let reject = &item.reject;
    let at = Timestamp::from_nanos(reject.received_at_ns);
    html! {
        div class="row" {
            span class="what" {
                b { (words::cut(&reject.device_id, NAME_LEN_MAX)) } " "
                span class="dim" { (words::cut(&reject.topic, NAME_LEN_MAX)) " " (words::cut(&reject.part, NAME_LEN_MAX)) }
            }
            span class="say" {
                @if item.recovered.is_some() { b { (view.t(text::REJECTS_RECOVERED)) } " · " }
                (why(view, &reject.reason, &reject.sentence))
            }
            span class="age dim" { (view.age(at)) }
        }
    }
}
