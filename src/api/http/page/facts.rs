//! What is known of a device besides what it says: where it is, and what the inventory says of it.
use super::layout::section;
use super::list;
use super::sign;
use super::text::{self, Text};
use super::view::{View, device_path};
use super::words;
use crate::devices::{Device, Listing, State};
use crate::inventory;
use maud::{Markup, html};

/// Letters of a fact.
const FACT_LEN_MAX: usize = 200;

/// Where it is: in words, and as a link that a phone opens in its map.
pub fn place(view: &View<'_>, listing: &Listing) -> Option<Markup> {
    if listing.whereabouts.is_empty() && listing.place.is_none() {
        return None;
    }
    let body = html! {
        @if !listing.whereabouts.is_empty() { p { b { (words::cut(&listing.whereabouts, FACT_LEN_MAX)) } } }
        @if let Some(place) = listing.place {
            p { a class="button" href=(geo(place)) { (view.t(text::OPEN_MAP)) }
                " " span class="dim" { (coordinates(place)) " (WGS-84)" } }
        }
    };
    Some(section("place", view.t(text::PLACE), &body))
}

/// RFC 5870 §3.4.1: WGS-84 is what a `geo` URI means where it names nothing else.
pub fn geo(place: inventory::Place) -> String {
    format!("geo:{},{}", degrees(place.lat), degrees(place.lon))
}

fn coordinates(place: inventory::Place) -> String {
    format!("{}, {}", degrees(place.lat), degrees(place.lon))
}

/// Seven places are a centimetre.
fn degrees(degrees: f64) -> String {
    let text = format!("{degrees:.7}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// Names under which it is also known, each with a link, and why it is silent where that is not its
/// own fault.
pub fn notes(view: &View<'_>, device: &Device) -> Markup {
    let silent = matches!(device.state, State::Late | State::Offline);
    html! {
        @if let (true, Some((state, since))) = (silent, device.parent_silent) {
            p class="finding" id="parent-silent" { (sign::sign(state.word()))
                (view.pick("What carries it, ", "其上级设备 ")) a href=(device_path(&device.parent)) { (device.parent) }
                (view.pick(", is ", " 已")) (view.t(text::names::state(state)))
                (view.pick(" since ", "，始于 ")) (view.clock(since))
                (view.pick(": look there first.", "：请先检查上级设备。"))
            }
        }
        @if let Some(other) = &device.known_as {
            p class="finding" {
                (view.t(text::KNOWN_AS)) " " a href=(device_path(other)) { (other) } (view.pick(". ", "。"))
                (view.t(text::KNOWN_AS_WHY))
            }
        }
        @if !device.heard_as.is_empty() {
            p class="finding" {
                (view.t(text::ALSO_HEARD_AS))
                @for other in &device.heard_as { " " a href=(device_path(other)) { (other) } }
            }
        }
    }
}

/// Name and value.
type Fact = (Text, String);

fn about(view: &View<'_>, device: &Device) -> Vec<Fact> {
    let aliases: Vec<&str> = device.aliases.iter().map(|alias| &**alias).collect();
    let interval = match device.interval {
        Some(interval) => words::span(interval, view.lang),
        None => view.t(text::NOT_LEARNED).to_owned(),
    };
    let profile = match &*device.profile_version {
        "" => (*device.profile).to_owned(),
        version => format!("{} ({version})", device.profile),
    };
    let source = device.source.map(|source| source.name().to_uppercase());
    let address = device.address.map(|address| address.to_string());
    vec![
        (text::ID, (*device.id).to_owned()),
        (text::ALIASES, aliases.join(", ")),
        (
            text::KIND,
            format!("{} ({})", view.kind(&device.kind), device.kind),
        ),
        (text::DISTRICT, (*device.district).to_owned()),
        (text::PROFILE, profile),
        (text::SOURCE, source.unwrap_or_default()),
        (text::ADDRESS, address.unwrap_or_default()),
        (text::INTERVAL, interval),
        (text::REPORTS, device.reports.to_string()),
        (text::REJECTS, device.rejects.to_string()),
        (text::DUPLICATES, device.duplicates.to_string()),
    ]
}

fn listed(view: &View<'_>, listing: &Listing) -> Vec<Fact> {
    let digits = listing.digits.map(|(all, behind)| {
        let before = all.saturating_sub(behind);
        view.pick(
            format!("{before} before and {behind} behind the point"),
            format!("小数点前 {before} 位，后 {behind} 位"),
        )
    });
    let multiplier = listing.multiplier.map(|times| words::number(times, true));
    let full = |time| words::full(time, view.zone);
    vec![
        (text::ASSET, (*listing.asset).to_owned()),
        (text::METERING_POINT, (*listing.metering_point).to_owned()),
        (text::MULTIPLIER, multiplier.unwrap_or_default()),
        (text::DIGITS, digits.unwrap_or_default()),
        (
            text::VALID_FROM,
            listing.valid_from.map(full).unwrap_or_default(),
        ),
        (
            text::VALID_TO,
            listing.valid_to.map(full).unwrap_or_default(),
        ),
        (text::ZONE, (*listing.zone).to_owned()),
    ]
}

/// What is known of the device, folded away.
pub fn facts(view: &View<'_>, device: &Device) -> Markup {
    let heard = !list::is_unheard(device);
    let mut facts = about(view, device);
    facts.extend(device.listing.iter().flat_map(|own| listed(view, own)));
    let times = [
        (text::FIRST_SEEN, heard.then_some(device.first_seen)),
        (text::LAST_REPORT, device.last_report),
        (text::LAST_REJECT, device.last_reject),
    ];
    html! {
        section id="facts" {
            @if !device.parent.is_empty() {
                p { (view.t(text::PARENT)) " " a href=(device_path(&device.parent)) { (device.parent) } }
            }
            details id="about" {
                summary { (view.t(text::FACTS)) }
                dl class="facts" {
                    @for (name, value) in &facts { @if !value.is_empty() {
                        div { dt { (view.t(*name)) } dd { (words::cut(value, FACT_LEN_MAX)) } }
                    } }
                    @for (name, time) in times { @if let Some(time) = time {
                        div { dt { (view.t(name)) } dd { (words::full(time, view.zone)) } }
                    } }
                    @if device.sleepy { div { dt { (view.t(text::names::state(State::Sleeping))) } dd { (view.t(text::SLEEPY)) } } }
                    @if device.listing.is_none() { div { dt { (view.t(text::INVENTORY)) } dd { (view.t(text::NOT_LISTED)) } } }
                }
            }
        }
    }
}
