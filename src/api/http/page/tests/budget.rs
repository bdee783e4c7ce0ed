//! First load at most 30 kB, refresh at most 2 kB, compressed, with as much as a page can show.
use super::*;
use crate::api::http::page::answer::gzip;
use crate::api::http::page::assets::{SCRIPT, STYLE};
use crate::api::http::page::chart::{Chart, Columns, Range, Series};
use crate::api::http::page::device::{self, Shown};
use crate::api::http::page::home::{self, Home};
use crate::api::http::page::layout::{self, Frame, Place};
use crate::api::http::page::live::{REFRESH_BYTES_MAX, Sections};
use crate::api::http::page::timeline::{ROWS_MAX, Row, What};
use crate::api::http::page::tunnel;
use crate::devices::{Concern, Counts, Stranger};
use maud::html;

const FIRST_LOAD_MAX: usize = 30_000;

/// Sizes of the files and of the largest page, and of every section by itself.
#[track_caller]
fn check(what: &str, view: &View<'_>, sections: &Sections) {
    let frame = Frame {
        title: what,
        place: Place::Devices,
        target: "/d/meter-0000001",
        refresh_secs: Some(5),
        logged_in: true,
    };
    let page = layout::document(view, &frame, &html! {}, sections);
    let page = gzip(page.as_bytes()).len();
    let files = STYLE.packed_len() + SCRIPT.packed_len();
    println!("{what}: page {page} B, style and script {files} B");
    assert!(page + files <= FIRST_LOAD_MAX, "{what}: {page} + {files}");
    // A client that has everything but one section gets that one alone.
    for (id, size) in sections.sizes() {
        println!("  {id}: {size}");
        if id != "chart" {
            assert!(
                size <= REFRESH_BYTES_MAX,
                "{what}: section {id} has {size} B"
            );
        }
    }
    let (html, _) = sections.changes("\"0\"", None);
    let refresh = gzip(html.as_bytes()).len();
    assert!(refresh <= REFRESH_BYTES_MAX, "{what}: {refresh}");
}

/// Ids and numbers that do not repeat.
fn noise(seed: usize) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&seed.to_le_bytes()))
}

fn troubled(at: usize) -> Device {
    let mut device = device(&format!("meter-{}", noise(at)), "meter.electricity");
    device.state = State::Late;
    device.last_seen = ago(u64::try_from(at).unwrap() * 1000);
    device.health = Level::Fault;
    device.heard_not_accepted = true;
    device.reasons = vec![
        reason(
            Code::BatteryLow,
            Level::Attention,
            "battery_level",
            &noise(at)[..4],
            "20 %",
        ),
        reason(
            Code::OutOfRange,
            Level::Fault,
            "active_power",
            &noise(at)[4..8],
            "80 kW",
        ),
    ];
    device
}

#[test]
fn a_full_first_page_fits() {
    let concern = |at| Concern {
        device: troubled(at),
        folded: 37,
    };
    let stranger = |at| Stranger {
        name: noise(at).into(),
        address: Some(([10, 0, 0, 7], 50_000).into()),
        topic: "".into(),
        profile: "".into(),
        first: ago(10),
        last: ago(10),
        rejects: 1,
        reason: crate::codecs::Reason::ALL[at].as_str().into(),
        sentence: noise(at).into(),
        sequence: 1,
        known: false,
        device: None,
    };
    let problem = |at: usize| (0..13).map(|part| noise(at * 13 + part)).collect();
    let home = Home {
        concerns: (0..home::CONCERNS_MAX).map(concern).collect(),
        gateway: Some(home::Gateway {
            problems: (0..home::PROBLEMS_MAX).map(problem).collect(),
            more_problems: 98,
            inventory: Some((1_000_000, ago(100_000))),
            ..home::Gateway::default()
        }),
        strangers: Some((0..=home::STRANGERS_MAX).map(stranger).collect()),
        ..Home::default()
    };
    for lang in LANGS {
        check("/", &view(lang), &home::sections(&view(lang), &home));
    }
    let list = Home {
        found: Some(crate::devices::Page {
            devices: (0..crate::api::http::page::filter::PAGE)
                .map(troubled)
                .collect(),
            next: Some(25),
            ..Default::default()
        }),
        ..Home::default()
    };
    for lang in LANGS {
        check("a list", &view(lang), &home::sections(&view(lang), &list));
    }
}

#[test]
fn a_full_device_fits() {
    let mut meter = troubled(1);
    let metrics = CATALOGUE.metrics().take(40);
    meter.values = (1..)
        .zip(metrics)
        .map(|(at, metric)| value(&metric.name, &metric.unit, f64::from(at) * 1.37, 60))
        .collect();
    meter.parent = noise(901).into();
    meter.parent_silent = Some((State::Offline, ago(60)));
    meter.listing = Some(Box::new(listing(&noise(902).repeat(4))));
    meter.aliases = (903..919).map(|at| noise(at).into()).collect();
    meter.heard_as = meter.aliases.iter().take(2).cloned().collect();
    let children: Vec<Device> = (2..2 + device::CHILDREN_MAX).map(troubled).collect();
    meter.children = 90_000;
    let family = Counts {
        total: 90_000,
        states: [15_000; 6],
        ..Counts::default()
    };
    let rows: Vec<Row> = (0..ROWS_MAX)
        .map(|at| Row {
            at: ago(u64::try_from(at).unwrap() * 907),
            what: What::Reject {
                sequence: 1_800_000_000_000_000 + u64::try_from(at * 7919).unwrap(),
                reason: crate::codecs::Reason::ALL[at].as_str().to_owned(),
                part: noise(at),
                recovered: at % 2 == 1,
            },
        })
        .collect();
    let chart = dense_chart();
    let shown = Shown {
        device: &meter,
        children: &children,
        family,
        rows: &rows,
        older: true,
        chart: Some(&chart),
    };
    for lang in LANGS {
        check(
            "a device",
            &view(lang),
            &device::sections(&view(lang), &shown),
        );
    }
}

/// Three phases, each of them noise: the worst that a chart can be.
fn dense_chart() -> Chart {
    let (from, to, _) = Range::Month.window(NOW, &ZONE);
    let series = |phase: usize| {
        let mut columns = Columns::new(from, to);
        for at in 0..30 * 24 * 12 {
            let secs = i64::try_from(at).unwrap() * 300;
            let noise = xxhash_rust::xxh3::xxh3_64(&(at * 3 + phase).to_le_bytes()) % 1000;
            let noise = f64::from(u32::try_from(noise).unwrap());
            columns.add(
                from.plus(Duration::from_secs(secs.unsigned_abs())),
                230.0 + noise / 100.0,
            );
        }
        Series {
            label: ["a", "b", "c"][phase].to_owned(),
            columns,
        }
    };
    Chart {
        metric: "voltage".to_owned(),
        unit: "V".to_owned(),
        range: Range::Month,
        from,
        to,
        series: (0..3).map(series).collect(),
        more: 0,
        cut: false,
        unreadable: false,
    }
}

#[test]
fn a_page_of_tunnels_fits() {
    let detector = |at: usize| {
        let mut detector = troubled(at);
        detector.kind = "tunnel.gas".into();
        detector.district = noise(at / 5).into();
        let gases = crate::api::http::page::values::GASES;
        detector.values = gases
            .iter()
            .map(|gas| {
                let number = f64::from(u32::try_from(at).unwrap()) * 1.13;
                value(gas, &CATALOGUE.metric(gas).unwrap().unit, number, 5000)
            })
            .collect();
        detector
    };
    let mut devices: Vec<Device> = (0..30).map(detector).collect();
    tunnel::sort(&mut devices);
    for lang in LANGS {
        check(
            "/tunnel",
            &view(lang),
            &tunnel::sections(&view(lang), &devices, 0),
        );
    }
}
