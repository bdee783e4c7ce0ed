//! Rows of devices: a whole row is a link, at least a thumb high.
use super::sign;
use super::text::{self, health};
use super::view::{View, device_path};
use super::words;
use crate::devices::{Device, Level, Reason, State};
use maud::{Markup, html};

/// Reasons on a row; the device's page has all.
const REASONS_MAX: usize = 2;

/// A list of rows.
pub fn rows<'d>(view: &View<'_>, devices: impl IntoIterator<Item = (&'d Device, u32)>) -> Markup {
    html! {
        ul class="rows" {
            @for (device, folded) in devices { li { (row(view, device, folded)) } }
        }
    }
}

/// One device, and how many are silent behind it.
fn row(view: &View<'_>, device: &Device, folded: u32) -> Markup {
    html! {
        a class="row" href=(device_path(&device.id)) {
            span class="signs" {
                (sign::sign(device.state.word()))
                @if device.health != Level::Ok { (sign::sign(device.health.word())) }
                @if device.heard_not_accepted { (sign::sign("refused")) }
            }
            span class="what" { b { (device.id) } }
            span class="say" {
                (view.t(text::names::state(device.state))) " "
                span class="dim" { "· " (place(view, device)) }
            }
            @let said = said(view, device, folded);
            @if !said.is_empty() { span class="say" { (said.join(" · ")) } }
            span class="age dim" { (heard(view, device)) }
        }
    }
}

/// What is wrong with it, in a line.
fn said(view: &View<'_>, device: &Device, folded: u32) -> Vec<String> {
    let mut said = Vec::new();
    if folded > 0 {
        said.push(behind(view, folded));
    }
    if device.heard_not_accepted {
        said.push(view.t(text::HEARD_NOT_ACCEPTED).to_owned());
    }
    let silent = matches!(device.state, State::Late | State::Offline);
    if let (true, Some((state, _))) = (silent, device.parent_silent) {
        let state = view.t(text::names::state(state));
        said.push(view.pick(
            format!("carried by {}: {state}", device.parent),
            format!("上级设备 {} {state}", device.parent),
        ));
    }
    let reasons = device.reasons.iter().take(REASONS_MAX);
    said.extend(reasons.map(|reason| reason_text(view, reason)));
    said
}

/// Kind and district.
pub fn place(view: &View<'_>, device: &Device) -> String {
    let kind = view.kind(&device.kind);
    match &*device.district {
        "" => kind.to_owned(),
        district => format!("{kind} · {district}"),
    }
}

/// "12 min ago", or that it was never heard.
pub fn heard(view: &View<'_>, device: &Device) -> Markup {
    if is_unheard(device) {
        return html! { (view.t(text::NEVER_HEARD)) };
    }
    view.age(device.last_seen)
}

/// Was there never a sign of life?
pub fn is_unheard(device: &Device) -> bool {
    device.last_seen.as_nanos() == 0 || (device.state == State::Never && !device.heard_not_accepted)
}

/// A reason as a sentence.
pub fn reason_text(view: &View<'_>, reason: &Reason) -> String {
    let metric = match &*reason.metric {
        "" => "",
        metric => view.metric(metric),
    };
    words::cut(&health::sentence(reason, metric, view.lang), 160)
}

/// "and 37 devices behind it"
fn behind(view: &View<'_>, folded: u32) -> String {
    match folded {
        1 => view
            .pick("and 1 device behind it", "及其下 1 台设备")
            .to_owned(),
        many => view.pick(
            format!("and {many} devices behind it"),
            format!("及其下 {many} 台设备"),
        ),
    }
}
