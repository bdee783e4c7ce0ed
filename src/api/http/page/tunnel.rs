//! `/tunnel`: sections of utility tunnels with their gases, those in alarm first.
use super::list;
use super::live::Sections;
use super::sign;
use super::text;
use super::values;
use super::view::{View, device_path};
use crate::devices::{Code, Device, Level};
use maud::{Markup, html};

/// Devices that are looked at; a city has some hundred in its tunnels.
pub const DEVICES_MAX: usize = 1000;
/// Devices on a page.
pub const PAGE: usize = 24;
/// Devices of one refreshed section: together they fit a refresh.
const BLOCK: usize = 4;

/// Sorts by section, those with an alarm first.
pub fn sort(devices: &mut [Device]) {
    let alarming = |device: &Device| {
        device
            .reasons
            .iter()
            .any(|reason| reason.code == Code::Alarm)
    };
    let mut loud: Vec<Box<str>> = devices
        .iter()
        .filter(|d| alarming(d))
        .map(|d| d.district.clone())
        .collect();
    loud.sort_unstable();
    devices.sort_by_cached_key(|device| {
        let quiet = loud.binary_search(&device.district).is_err();
        (
            quiet,
            device.district.clone(),
            !alarming(device),
            device.id.clone(),
        )
    });
}

/// What stands above the sections.
pub fn head(view: &View<'_>) -> Markup {
    html! {
        h1 { (view.t(text::TUNNEL_TITLE)) }
        p class="not-instead" { (sign::sign("attention")) (view.t(text::NOT_INSTEAD)) }
    }
}

/// One page of the sorted devices. `page` counts from 0.
pub fn sections(view: &View<'_>, devices: &[Device], page: usize) -> Sections {
    let mut sections = Sections::default();
    let shown = devices.chunks(PAGE).nth(page).unwrap_or_default();
    if shown.is_empty() {
        sections.push(
            "tunnel0",
            html! { section id="tunnel0" { p class="dim" { (view.t(text::NO_TUNNEL)) } } },
        );
    }
    let groups = shown.chunk_by(|a, b| a.district == b.district);
    let mut at = 0;
    for group in groups {
        for (block, part) in group.chunks(BLOCK).enumerate() {
            let id = format!("tunnel{at}");
            let markup = html! {
                section id=(id) class=[(block > 0).then_some("goes-on")] {
                    @if block == 0 { h2 { (district(view, part)) } }
                    ul class="stations" { @for device in part { li { (station(view, device)) } } }
                }
            };
            sections.push(id, markup);
            at += 1;
        }
    }
    sections.push("pages", pages(view, devices.len(), page));
    sections
}

fn district<'d>(view: &View<'_>, group: &'d [Device]) -> &'d str {
    match group.first().map(|device| &*device.district) {
        Some("") | None => view.t(text::NO_DISTRICT),
        Some(district) => district,
    }
}

fn station(view: &View<'_>, device: &Device) -> Markup {
    html! {
        a class="row" href=(device_path(&device.id)) {
            span class="signs" {
                (sign::sign(device.state.word()))
                @if device.health != Level::Ok { (sign::sign(device.health.word())) }
            }
            span class="what" { b { (device.id) } " " span class="dim" { (view.kind(&device.kind)) } }
            span class="say" {
                (view.t(text::names::state(device.state)))
                @for reason in device.reasons.iter().take(2) { " · " (list::reason_text(view, reason)) }
            }
            span class="age dim" { (list::heard(view, device)) }
        }
        @if super::device::has_gas(device) { (values::gases(view, device)) }
    }
}

fn pages(view: &View<'_>, count: usize, page: usize) -> Markup {
    html! {
        section id="pages" { p class="more" {
            @if (page + 1) * PAGE < count { a rel="next" href={ "/tunnel?page=" (page + 1) } { (view.t(text::NEXT_PAGE)) } }
            @if page > 0 { a href="/tunnel" { (view.t(text::FIRST_PAGE)) } }
            a href="/?kind=tunnel" { (view.t(text::ALL_DEVICES)) }
        } }
    }
}
