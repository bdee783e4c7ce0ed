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
