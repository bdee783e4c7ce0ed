//! Tests of the timetable.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

fn options() -> CityOptions {
    let now = Timestamp::from_secs(1_795_392_000);
    CityOptions {
        seed: 1,
        devices: 100,
        mix: Mix::default(),
        rate: Some(50.0),
        battery_every: None,
        speed: 1.0,
        start: now,
        now,
        faults: 0.05,
        frames: 0.0,
        oddities: Oddities::default(),
        split: Split::evenly(vec![(
            Protocol::Mqtt,
            "demo/{kind}/{district}/{device}".to_owned(),
        )]),
    }
}

fn play(options: &CityOptions, messages: usize) -> Vec<(Duration, Message)> {
    let mut city = City::new(options);
    (0..messages).map(|_| city.next_message()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let first = play(&options(), 2_000);
    assert_eq!(first, play(&options(), 2_000));
    assert_ne!(
        first,
        play(
            &CityOptions {
                seed: 2,
                ..options()
            },
            2_000
        )
    );
}

#[test]
fn messages_are_due_in_order_and_at_the_rate() {
    let played = play(
        &CityOptions {
            faults: 0.0,
            ..options()
        },
        5_000,
    );
    assert!(played.is_sorted_by_key(|(due, _)| *due));
    let (last, message) = played.last().unwrap();
    assert!(
        (95.0..105.0).contains(&last.as_secs_f64()),
        "{last:?} for 5000 at 50/s"
    );
    let parts: Vec<&str> = message.topic.split('/').collect();
    assert!(matches!(parts.as_slice(), ["demo", kind, district, device]
        if kind.contains('.') && district.starts_with("3701") && DeviceId::check(device).is_ok()));
}

#[test]
fn a_time_lapse_ends_at_the_real_time() {
    let now = Timestamp::from_secs(1_795_392_000);
    let city = City::new(&CityOptions {
        speed: 3_601.0,
        start: now.minus(Duration::from_hours(10)),
        ..options()
    });
    let at = |secs| city.time_at(Duration::from_secs(secs));
    assert_eq!(at(1), now.minus(Duration::from_secs(36_000 - 3_601)));
    assert_eq!(at(10), now.plus(Duration::from_secs(10)));
    assert_eq!(at(60), now.plus(Duration::from_mins(1)));
}

/// Who sent how often in a simulated hour, and where to.
fn hour(oddities: Oddities) -> std::collections::HashMap<String, (usize, u32)> {
    let mut city = City::new(&CityOptions {
        faults: 0.0,
        oddities,
        split: Split::by_power("demo/{kind}/{district}/{device}"),
        ..options()
    });
    let mut sent = std::collections::HashMap::new();
    loop {
        let (due, message) = city.next_message();
        if due > Duration::from_hours(1) {
            return sent;
        }
        let entry = sent
            .entry(message.device.to_string())
            .or_insert((message.target, 0));
        entry.1 += 1;
    }
}

#[test]
fn who_stands_out_does_so_and_changes_no_other() {
    let odd = hour(Oddities {
        vanish: 0.02,
        pause: 0.02,
        weak: 0.1,
        concentrators: 2,
        collectors: 0,
        strangers: 10,
    });
    let usual = hour(Oddities::default());
    let few = |least: u32, most: u32| {
        let devices = odd.iter().filter(|(id, _)| usual.contains_key(*id));
        let devices = devices.filter(|(_, (_, count))| (least..=most).contains(count));
        devices.count()
    };
    assert_eq!(few(6, 10), 2, "two fall silent for good");
    assert_eq!((usual.len(), few(0, u32::MAX)), (100, 100));
    let halved = odd.iter().filter(|(id, (_, count))| {
        usual
            .get(*id)
            .is_some_and(|(_, before)| *count > 10 && *count * 10 < *before * 7)
    });
    assert_eq!(halved.count(), 2, "two are silent for a while");
    // Meters of gas, water and heat live on a battery and speak CoAP.
    for (id, (target, _)) in &odd {
        if usual.contains_key(id) {
            let battery = ["gm", "wm", "hm"].iter().any(|first| id.starts_with(first));
            assert_eq!(*target, usize::from(battery), "{id}");
        }
    }
    let [mqtt, coap] = [0, 1].map(|wanted| {
        let strangers = odd.iter().filter(|(id, _)| !usual.contains_key(*id));
        let strangers = strangers.filter(|(id, _)| !id.starts_with("dc-"));
        strangers
            .filter(|(_, (target, _))| *target == wanted)
            .count()
    });
    assert_eq!((mqtt, coap), (5, 5));
    let vanished = odd.get("dc-0001").map(|(_, count)| *count);
    assert_eq!((vanished, odd.contains_key("dc-0002")), (Some(10), true));
}

#[test]
fn meters_on_a_battery_speak_as_seldom_as_asked() {
    let mut city = City::new(&CityOptions {
        faults: 0.0,
        rate: None,
        battery_every: Some(Duration::from_hours(6)),
        ..options()
    });
    let (mut sleepy, mut others) = (0, 0);
    loop {
        let (due, message) = city.next_message();
        if due > Duration::from_hours(12) {
            break;
        }
        if message.sleepy {
            sleepy += 1;
        } else {
            others += 1;
        }
    }
    // 30 of 100 devices, twice each; the others every minute or faster.
    assert!((55..=65).contains(&sleepy), "{sleepy}");
    assert!(others > 12 * 60 * 70, "{others}");
}

#[test]
fn meters_that_speak_frames_are_the_share_asked_for_and_change_no_other() {
    let half = CityOptions {
        frames: 0.5,
        faults: 0.0,
        oddities: Oddities {
            collectors: 2,
            ..Oddities::default()
        },
        split: Split::by_power("demo/{kind}/{district}/{device}"),
        ..options()
    };
    let plain = CityOptions {
        frames: 0.0,
        oddities: Oddities::default(),
        ..half.clone()
    };
    let played = play(&half, 4_000);
    assert_eq!(played, play(&half, 4_000));
    let topics = |played: &[(Duration, Message)], opaque: bool| {
        let messages = played.iter().map(|(_, message)| message);
        let messages = messages.filter(|message| message.opaque == opaque);
        let topics = messages.map(|message| message.topic.to_string());
        topics.collect::<std::collections::BTreeSet<String>>()
    };
    let frames = topics(&played, true);
    let ending = |end: &str| frames.iter().filter(|topic| topic.ends_with(end)).count();
    // Half of 30 meters of electricity, of 10 of gas, 12 of water, 8 of heat.
    assert_eq!(
        ["/dlt645", "/dlt698", "/cjt188", "/meters"].map(ending),
        [10, 5, 15, 2]
    );
    let over_coap = frames.iter().filter(|topic| topic.starts_with("t/"));
    assert_eq!(over_coap.count(), 15, "who lives on a battery");
    let others = topics(&played, false);
    assert!(others.is_subset(&topics(&play(&plain, 4_000), false)));
    assert_eq!(others.len() + 30, 100);
}

#[test]
fn an_inventory_names_each_meter_that_speaks_frames() {
    let city = City::new(&CityOptions {
        frames: 0.1,
        oddities: Oddities {
            concentrators: 1,
            collectors: 1,
            ..Oddities::default()
        },
        ..options()
    });
    let text = city.inventory();
    let inventory = crate::inventory::Inventory::of_csv(
        std::path::Path::new("devices.csv"),
        &text,
        &crate::catalogue::Catalogue::shipped(),
        &jiff::tz::TimeZone::UTC,
        crate::inventory::Unknown::Accept,
    );
    let inventory = inventory.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    let at = options().now;
    let found = |alias: &str| {
        let entry = inventory.lookup(alias, at);
        entry.map(|entry| (entry.id(), entry.kind(), entry.parent()))
    };
    assert_eq!(
        found("dlt698:370110000002"),
        Some(("dc-0002-em-3", "meter.electricity", "dc-0002"))
    );
    assert_eq!(
        found("cjt188:30:37010010000006"),
        Some(("dc-0002-gm-7", "meter.gas", "dc-0002"))
    );
    // Of 30 meters of electricity every tenth, of 12 of water and 10 of gas one each, of 8 of heat none.
    assert_eq!(
        text.lines().count(),
        1 + 3 + 1 + 1 + 1 + frames::CHILDREN,
        "{text}"
    );
}
