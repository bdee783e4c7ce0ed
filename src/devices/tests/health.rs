//! Health: domain.md sections 1.2 and 4. A reason ends when its cause ends.
use super::*;
use crate::devices::{Code, Level, Reason};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// Feeds values one minute apart; the reasons after each.
fn feed(metric: &'static str, unit: &'static str, values: &[f64]) -> Vec<Vec<Reason>> {
    let mut fed = Fed::new();
    let each = |(n, value): (i64, &f64)| {
        let reading = ReadingDraft {
            unit,
            ..number(metric, n * MINUTE, *value)
        };
        fed.report(&report("p", n * MINUTE, vec![reading]));
        fed.get("p", n * MINUTE).reasons
    };
    (0..).zip(values).map(each).collect()
}

/// What there is against the device after each value.
fn levels(metric: &'static str, values: &[f64]) -> Vec<Option<Level>> {
    let level = |reasons: Vec<Reason>| reasons.first().map(|reason| reason.level);
    feed(metric, "1", values).into_iter().map(level).collect()
}

const OK: Option<Level> = None;
const LOOK: Option<Level> = Some(Level::Attention);
const BAD: Option<Level> = Some(Level::Fault);

#[test]
fn a_low_battery_takes_three_reports() {
    assert_eq!(
        levels(
            "battery_level",
            &[19.0, 19.0, 25.0, 19.0, 19.0, 18.0, 9.0, 20.0]
        ),
        [OK, OK, OK, OK, OK, LOOK, BAD, OK]
    );
    assert_eq!(
        levels("battery_voltage", &[3.2, 3.2, 3.2, 3.0]),
        [OK, OK, LOOK, BAD]
    );
    assert_eq!(levels("battery_voltage", &[11.9, 11.9, 11.9]), [OK, OK, OK]);
    let reasons = feed("battery_level", "%", &[18.0; 3]).pop().unwrap();
    let reason = &reasons[0];
    assert_eq!(
        (reason.code, reason.since),
        (Code::BatteryLow, at(2 * MINUTE))
    );
    assert_eq!(
        (&*reason.metric, &*reason.value, &*reason.limit),
        ("battery_level", "18 %", "20 %")
    );
    let mut fed = Fed::new();
    fed.report(&report("p", 1, vec![flag("battery_low", 1, true)]));
    assert_eq!(
        fed.get("p", 1).health,
        Level::Attention,
        "its own flag at once"
    );
}

#[test]
fn a_weak_signal_lasts_a_day() {
    let mut fed = Fed::new();
    let mut weak = |hour: i64, dbm: f64| {
        fed.report(&report(
            "p",
            hour * HOUR,
            vec![number("rsrp", hour * HOUR, dbm)],
        ));
        fed.get("p", hour * HOUR)
            .reasons
            .first()
            .map(|reason| reason.code)
    };
    for hour in 0..24 {
        assert_eq!(weak(hour, -120.0), None, "{hour}");
    }
    assert_eq!(weak(24, -116.0), Some(Code::SignalWeak));
    assert_eq!(weak(25, -115.0), None, "at the limit");
    assert_eq!(weak(26, -121.0), None, "another day begins");
}

#[test]
fn alarms_hold_until_the_value_is_back_by_five_percent() {
    // GB 50838-2015 7.5.8: methane 20 and 25 % LEL.
    assert_eq!(
        levels(
            "methane_lel",
            &[19.9, 20.0, 19.1, 18.9, 25.0, 24.0, 23.0, 18.9]
        ),
        [OK, LOOK, LOOK, OK, BAD, BAD, LOOK, OK]
    );
    // GB/T 50493-2019 5.5.2: oxygen 19.5 and 23.5 %.
    assert_eq!(
        levels("oxygen", &[20.9, 19.4, 20.0, 20.5, 23.6, 22.4, 22.3, 20.9]),
        [OK, BAD, BAD, OK, BAD, BAD, OK, OK]
    );
    assert_eq!(
        levels("hydrogen_sulfide", &[10.0, 20.0, 0.0]),
        [LOOK, BAD, OK]
    );
    assert_eq!(
        levels("carbon_monoxide", &[20.0, 40.0, 0.0]),
        [LOOK, BAD, OK]
    );
    let reasons = feed("methane_lel", "%{LEL}", &[26.0]).pop().unwrap();
    assert_eq!(
        (&*reasons[0].value, &*reasons[0].limit),
        ("26 % LEL", "25 % LEL")
    );
}

#[test]
fn a_saturated_sensor_of_safety_alarms() {
    for (metric, value) in [("methane_lel", 100.5), ("water_level", 12.0)] {
        let mut fed = Fed::new();
        let reading = ReadingDraft {
            quality: Quality::Uncertain,
            ..number(metric, 1, value)
        };
        fed.report(&report("p", 1, vec![reading]));
        let device = fed.get("p", 1);
        assert_eq!(
            (device.reasons[0].code, device.health),
            (Code::Alarm, Level::Fault),
            "{metric}"
        );
        // UNCERTAIN for its time only.
        let reading = ReadingDraft {
            quality: Quality::Uncertain,
            ..number(metric, 2, 1.0)
        };
        fed.report(&report("p", 2, vec![reading]));
        assert_eq!(fed.get("p", 2).health, Level::Ok, "{metric}");
    }
}

#[test]
fn flags_say_it_themselves_and_last_until_they_read_false() {
    for (metric, code, level) in [
        ("smoke_alarm", Code::Alarm, Level::Fault),
        ("water_immersion", Code::Alarm, Level::Fault),
        ("tamper", Code::Tamper, Level::Fault),
        ("pump_fault", Code::Tamper, Level::Fault),
        ("hatch_open", Code::Tamper, Level::Attention),
    ] {
        let mut fed = Fed::new();
        fed.report(&report("p", 1, vec![flag(metric, 1, true)]));
        fed.report(&report("p", 2, vec![number("voltage", 2, 230.0)]));
        let device = fed.get("p", 2);
        assert_eq!(
            (device.reasons[0].code, device.health),
            (code, level),
            "{metric}"
        );
        // Back-fill from before does not end it.
        fed.report(&report("p", 3, vec![flag(metric, 0, false)]));
        assert_eq!(fed.get("p", 3).health, level, "{metric}");
        fed.report(&report("p", 4, vec![flag(metric, 4, false)]));
        assert_eq!(fed.get("p", 4).health, Level::Ok, "{metric}");
    }
    let mut fed = Fed::new();
    for (secs, word) in [(1, "fault"), (2, "open")] {
        let value = Value::Text(word.into());
        let reading = ReadingDraft {
            value,
            ..number("valve_state", secs, 0.0)
        };
        fed.report(&report("p", secs, vec![reading]));
        let fault = word == "fault";
        assert_eq!(fed.get("p", secs).health == Level::Fault, fault, "{word}");
    }
}

#[test]
fn a_value_out_of_range_counts_until_one_is_in_it() {
    let mut fed = Fed::new();
    let mut health = |secs, value, quality| {
        let reading = ReadingDraft {
            quality,
            unit: "Cel",
            ..number("air_temperature", secs, value)
        };
        fed.report(&report("p", secs, vec![reading]));
        fed.get("p", secs).reasons
    };
    let reasons = health(1, 85.0, Quality::Bad);
    assert_eq!(reasons[0].code, Code::OutOfRange);
    assert_eq!((&*reasons[0].value, &*reasons[0].limit), ("85 °C", "70 °C"));
    assert_eq!(&*health(2, -60.0, Quality::Bad)[0].limit, "-50 °C");
    assert_eq!(health(3, 20.0, Quality::Good), []);
}

#[test]
fn a_sensor_that_stands_still_is_frozen() {
    let frozen = |metric: &'static str, value: f64, step: i64, count: i64| {
        let mut fed = Fed::new();
        for n in 0..count {
            fed.report(&report(
                "p",
                n * step,
                vec![number(metric, n * step, value)],
            ));
        }
        fed.get("p", count * step)
            .reasons
            .first()
            .map(|reason| reason.code)
    };
    let hit = Some(Code::Frozen);
    assert_eq!(
        frozen("air_temperature", 21.5, 15 * MINUTE, 24),
        hit,
        "24 reports"
    );
    assert_eq!(frozen("air_temperature", 21.5, 15 * MINUTE, 23), None);
    assert_eq!(frozen("air_temperature", 21.5, 10, 300), None, "50 minutes");
    assert_eq!(frozen("air_temperature", 21.5, 12 * HOUR, 3), hit, "24 h");
    assert_eq!(frozen("wind_speed", 0.0, HOUR, 40), None, "calm");
    for metric in [
        "active_energy_import",
        "tilt_angle",
        "water_level",
        "rainfall",
    ] {
        assert_eq!(frozen(metric, 3.0, HOUR, 40), None, "{metric}");
    }
    let mut fed = Fed::new();
    for n in 0..30 {
        let value = if n < 29 { 21.5 } else { 21.6 };
        fed.report(&report(
            "p",
            n * HOUR,
            vec![number("air_temperature", n * HOUR, value)],
        ));
    }
    assert_eq!(fed.get("p", 30 * HOUR).reasons, [], "it moves again");
}

/// Reports each `step` seconds whose clock is `off` seconds ahead.
fn skewed(step: i64, off: i64, count: i64) -> Vec<Reason> {
    let mut fed = Fed::new();
    for n in 0..count {
        let reading = number(
            "voltage",
            n * step + off,
            230.0 + f64::from(i32::try_from(n).unwrap()),
        );
        fed.report(&report("p", n * step, vec![reading]));
    }
    fed.get("p", count * step).reasons
}

#[test]
fn a_clock_that_is_off_is_found() {
    let code = |reasons: Vec<Reason>| reasons.first().map(|reason| reason.code);
    let hit = Some(Code::ClockWrong);
    assert_eq!(code(skewed(60, 301, 1)), hit, "ahead");
    assert_eq!(code(skewed(60, 299, 9)), None);
    assert_eq!(code(skewed(60, -301, 9)), hit, "behind");
    assert_eq!(code(skewed(60, -299, 9)), None);
    assert_eq!(
        code(skewed(HOUR, 3_000, 9)),
        None,
        "one that sleeps has an hour"
    );
    assert_eq!(
        code(skewed(24 * HOUR, -8 * HOUR, 9)),
        None,
        "reports at eight what was at midnight"
    );
    let reasons = skewed(60, -400, 9);
    assert_eq!(
        (&*reasons[0].value, &*reasons[0].limit),
        ("-400 s", "300 s")
    );
}

#[test]
fn back_fill_is_no_wrong_clock() {
    let mut fed = Fed::new();
    for n in 0..5 {
        fed.report(&report("p", n * 900, vec![number("voltage", n * 900, 1.0)]));
    }
    for n in 0..50 {
        let observed = 4_500 + n * 900;
        let value = f64::from(i32::try_from(n).unwrap());
        fed.report(&report(
            "p",
            50_000 + n,
            vec![number("voltage", observed, value)],
        ));
        assert_eq!(fed.get("p", 50_000).health, Level::Ok, "{n}");
    }
}

#[test]
fn the_event_clock_wrong_counts_until_a_time_is_right() {
    let mut fed = Fed::new();
    fed.heard("p", 0);
    fed.event("p", "clock_wrong", 1, true);
    assert_eq!(fed.get("p", 1).reasons[0].code, Code::ClockWrong);
    fed.report(&report("p", 60, vec![number("voltage", 60, 1.0)]));
    assert_eq!(
        fed.get("p", 60).health,
        Level::Attention,
        "this one says no time"
    );
    fed.report(&report("p", 120, vec![number("voltage", 119, 1.0)]));
    assert_eq!(fed.get("p", 120).health, Level::Ok);
}

#[test]
fn more_than_three_refused_in_a_row_are_a_decode_failure() {
    let mut fed = Fed::new();
    fed.heard("p", 0);
    for n in 1..=4 {
        // Three parts of one uplink are one.
        for _ in 0..3 {
            fed.reject("p", n, "syntax");
        }
        let health = fed.get("p", n).health;
        assert_eq!(health, if n > 3 { Level::Fault } else { Level::Ok }, "{n}");
    }
    let device = fed.get("p", 4);
    let reason = &device.reasons[0];
    assert_eq!(
        (reason.code, &*reason.value, &*reason.limit),
        (Code::DecodeFailure, "4", "3")
    );
    assert_eq!(device.rejects, 12);
    fed.heard("p", 5);
    assert_eq!(fed.get("p", 5).health, Level::Ok);
}

#[test]
fn parts_of_uplinks_that_were_taken_are_no_failures() {
    for parts_first in [false, true] {
        let mut fed = Fed::new();
        for n in 0..40 {
            if parts_first {
                fed.reject("p", n, "unknown_metric");
            }
            fed.heard("p", n);
            if !parts_first {
                fed.reject("p", n, "unknown_metric");
            }
        }
        let device = fed.get("p", 40);
        assert_eq!(
            (device.health, device.heard_not_accepted),
            (Level::Ok, false),
            "{parts_first}"
        );
    }
}

#[test]
fn more_than_five_percent_of_an_hour_are_a_decode_failure() {
    let mut fed = Fed::new();
    for n in 0..50 {
        if n % 10 == 9 {
            fed.reject("p", n, "syntax");
        } else {
            fed.heard("p", n);
        }
    }
    let device = fed.get("p", 50);
    assert_eq!(
        (device.reasons[0].code, device.health),
        (Code::DecodeFailure, Level::Attention)
    );
    assert_eq!(&*device.reasons[0].limit, "5 %");
    for n in 0..30 {
        fed.heard("p", HOUR + 100 + n);
    }
    assert_eq!(fed.get("p", 2 * HOUR).health, Level::Ok);
}

#[test]
fn more_than_three_restarts_a_day_are_a_fault() {
    let mut fed = Fed::new();
    let mut health = |hour: i64, uptime: f64| {
        fed.report(&report(
            "p",
            hour * HOUR,
            vec![number("uptime", hour * HOUR, uptime)],
        ));
        fed.get("p", hour * HOUR).health
    };
    health(0, 1e6);
    for (hour, level) in [
        (1, Level::Ok),
        (2, Level::Ok),
        (3, Level::Ok),
        (4, Level::Fault),
    ] {
        assert_eq!(
            health(hour, 5.0 - f64::from(i32::try_from(hour).unwrap())),
            level
        );
    }
    assert_eq!(health(20, 60_000.0), Level::Fault);
    assert_eq!(health(26, 80_000.0), Level::Ok, "a day later");
}

#[test]
fn one_time_with_two_values_is_a_conflict_until_the_next() {
    let mut fed = Fed::new();
    for (received, observed, value, health) in [
        (10, 10, 1.0, Level::Ok),
        (11, 10, 1.0, Level::Ok),
        (12, 10, 2.0, Level::Attention),
        (13, 12, 3.0, Level::Ok),
    ] {
        fed.report(&report(
            "p",
            received,
            vec![number("gas_volume", observed, value)],
        ));
        assert_eq!(fed.get("p", received).health, health, "{received}");
    }
}

#[test]
fn an_alarm_comes_before_all_else() {
    let mut fed = Fed::new();
    fed.report(&report("gas", 1, vec![number("methane_lel", 1, 21.0)]));
    fed.report(&report("fan", 2, vec![flag("fan_fault", 2, true)]));
    fed.event("fan", "will", 3, false);
    let concerns = fed.table.concerns(9, at(3));
    let ids: Vec<&str> = concerns.iter().map(|concern| &*concern.device.id).collect();
    assert_eq!(ids, ["gas", "fan"]);
    assert_eq!(fed.table.count().healths, [0, 1, 1]);
}

#[test]
fn what_is_wrong_with_a_register_lasts_until_a_good_value() {
    for (name, value, limit) in [
        ("register_rollback", "99 kW.h", "120 kW.h"),
        ("consumption_implausible", "7 kW.h/h", "5 kW.h/h"),
    ] {
        let mut fed = Fed::new();
        let register = |secs: i64, value: f64, quality: Quality| ReadingDraft {
            unit: "kW.h",
            quality,
            labels: vec![("tariff".into(), "1".into())],
            ..number("active_energy_import", secs, value)
        };
        let give = |fed: &mut Fed, secs: i64, value: f64, quality: Quality| {
            fed.report(&report("m", secs, vec![register(secs, value, quality)]));
            fed.get("m", secs).reasons
        };
        assert_eq!(give(&mut fed, 0, 120.0, Quality::Good), []);
        assert_eq!(give(&mut fed, HOUR, 99.0, Quality::Uncertain), []);
        let detail = [
            ("metric", "active_energy_import"),
            ("labels", "tariff=1"),
            ("from", "120"),
            ("to", "99"),
            ("rate", "7"),
            ("limit", "5"),
        ];
        fed.log += 1;
        let event = proto::Event {
            device_id: "m".into(),
            name: name.into(),
            at: Some(at(HOUR).into()),
            detail: detail.map(|(name, text)| (name.into(), text.into())).into(),
            ..proto::Event::default()
        };
        fed.table.apply_event(fed.log, &event, true);
        let reason = fed.get("m", HOUR).reasons.remove(0);
        assert_eq!((reason.code.word(), reason.level), (name, Level::Attention));
        assert_eq!((&*reason.value, &*reason.limit), (value, limit));
        assert_eq!(give(&mut fed, 2 * HOUR, 99.5, Quality::Uncertain).len(), 1);
        assert_eq!(give(&mut fed, 3 * HOUR, 121.0, Quality::Good), []);
        // One that stands still is no reason at all.
        fed.event("m", "register_not_advancing", 4 * HOUR, true);
        assert_eq!(fed.get("m", 4 * HOUR).reasons, []);
    }
}
