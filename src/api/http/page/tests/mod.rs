//! Pages of made-up devices: what is shown is a function of plain values, so no gateway is needed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod budget;
mod devices;
mod hostile;
mod listed;
mod tunnels;

use super::lang::Lang;
use super::view::View;
use crate::catalogue::Catalogue;
use crate::devices::{Code, Device, LastValue, Level, Listing, Reason, State};
use crate::inventory::Place;
use crate::model::{Quality, Source, Timestamp, Value};
use jiff::tz::TimeZone;
use std::sync::LazyLock;
use std::time::Duration;

/// 2027-01-15T08:00:00Z, 16:00 in Shanghai.
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const LANGS: [Lang; 2] = [Lang::En, Lang::Zh];

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::shipped);
static ZONE: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Asia/Shanghai").unwrap());

fn view(lang: Lang) -> View<'static> {
    View {
        lang,
        now: NOW,
        zone: &ZONE,
        catalogue: &CATALOGUE,
        node: "lixia-1",
    }
}

fn ago(secs: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(secs))
}

fn device(id: &str, kind: &str) -> Device {
    Device {
        id: id.into(),
        kind: kind.into(),
        district: "370102".into(),
        profile: "json".into(),
        profile_version: "".into(),
        aliases: Vec::new(),
        heard_as: Vec::new(),
        known_as: None,
        listing: None,
        state: State::Online,
        state_since: ago(86_400),
        health: Level::Ok,
        reasons: Vec::new(),
        heard_not_accepted: false,
        first_seen: ago(86_400),
        last_seen: ago(120),
        last_report: Some(ago(120)),
        last_reject: None,
        source: Some(Source::Mqtt),
        address: Some(([10, 0, 0, 7], 50_000).into()),
        parent: "".into(),
        parent_silent: None,
        children: 0,
        children_silent: 0,
        reports: 96,
        readings: 288,
        rejects: 0,
        duplicates: 0,
        interval: Some(Duration::from_mins(15)),
        due: Some(NOW.plus(Duration::from_mins(13))),
        late_at: Some(NOW.plus(Duration::from_mins(20))),
        offline_at: Some(NOW.plus(Duration::from_mins(43))),
        sleepy: false,
        values: Vec::new(),
        traces: Vec::new(),
        version: 1,
    }
}

/// A row of the inventory whose every text is this.
fn listing(text: &str) -> Listing {
    Listing {
        place: Some(Place {
            lat: 36.651_2,
            lon: -117.120_123_4,
        }),
        whereabouts: text.into(),
        asset: text.into(),
        metering_point: text.into(),
        multiplier: Some(1_500.0),
        digits: Some((8, 2)),
        valid_from: Some(ago(86_400)),
        valid_to: Some(NOW.plus(Duration::from_hours(1))),
        zone: text.into(),
    }
}

fn value(metric: &str, unit: &str, number: f64, secs: u64) -> LastValue {
    LastValue {
        metric: metric.into(),
        unit: unit.into(),
        value: Value::Number(number),
        quality: Quality::Good,
        observed_at: ago(secs),
        sequence: 1,
        labels: Vec::new(),
        stale: secs > 1350,
    }
}

fn reason(code: Code, level: Level, metric: &str, value: &str, limit: &str) -> Reason {
    Reason {
        code,
        level,
        since: ago(3600),
        metric: metric.into(),
        value: value.to_owned(),
        limit: limit.to_owned(),
    }
}

/// A page's texts, without tags and with references resolved: what a person reads.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => {
                inside = true;
                text.push(' ');
            }
            '>' => inside = false,
            letter if !inside => text.push(letter),
            _ => {}
        }
    }
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    text.replace("&amp;", "&")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
