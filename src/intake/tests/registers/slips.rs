//! What looks wrong and is not: clocks, last digits, counters that are set to zero.
use super::*;

fn qualities(rig: &Rig) -> Vec<bool> {
    rig.judged().iter().map(|(_, good)| *good).collect()
}

#[test]
fn a_clock_that_was_ahead_makes_nothing_after_it_late() {
    let mut rig = Rig::new();
    // Fifty minutes ahead, then set right.
    rig.metered("em-9", &at(-0.035, "active_energy_import", 100.0));
    for minute in 1..4 {
        let now = NOW + minute * 60;
        rig.clock.set(Timestamp::from_secs(now));
        let value = format!("{{\"ts\": {now}, \"active_energy_import\": 100.{minute}}}");
        rig.metered("em-9", &value);
        if minute == 2 {
            rig = rig.restart();
        }
    }
    assert_eq!(qualities(&rig), [true; 4], "{:?}", rig.told());
    // Back-fill of two readings ahead of one reception, the later one first.
    let ahead = [(-0.03, 101.0), (-0.02, 100.5)];
    let ahead = ahead.map(|(days, value)| at(days, "active_energy_import", value));
    rig.metered("em-9", &format!("[{}]", ahead.join(",")));
    assert_eq!(rig.told().len(), 0, "{:?}", rig.judged());
}

#[test]
fn what_history_knows_of_a_clock_ahead_is_before_now_too() {
    let rig = Rig::new();
    rig.intake.look_back_by(LookBack {
        series: Box::new(|asked| {
            let ahead = Point {
                at: (NOW + 1_800) * 1_000_000_000,
                value: 100.0,
            };
            let around = Around {
                before: None,
                after: Some(ahead),
            };
            Ok(Past {
                newest: Some(ahead),
                around: vec![around; asked.times.len()],
                ..Past::default()
            })
        }),
        device: Box::new(|_, _, _| Ok(false)),
    });
    let mut rig = rig;
    rig.metered("em-9", &at(0.0, "active_energy_import", 100.5));
    assert_eq!(qualities(&rig), [true], "{:?}", rig.told());
}

#[test]
fn a_last_digit_that_flickers_is_none_of_a_number_with_decimals() {
    let mut rig = Rig::new();
    let values = ["1234.56", "1234.55", "1234.56", "1234.5", "1235", "1234.99"];
    for (day, value) in (-6..).zip(values) {
        let now = NOW + day * DAY;
        let payload = format!("{{\"ts\": {now}, \"active_energy_import\": {value}}}");
        rig.metered("em-9", &payload);
    }
    assert_eq!(qualities(&rig), [true; 6], "{:?}", rig.told());
    rig.metered("em-9", &at(0.0, "active_energy_import", 1234.97));
    assert_eq!(rig.told(), ["register_rollback"]);
}

#[test]
fn counters_that_are_set_to_zero_are_not_judged() {
    let mut rig = Rig::new();
    let counters = [
        "people_in_total",
        "people_out_total",
        "pulse_count",
        "electric_charge",
        "ev_charge_energy",
    ];
    for counter in counters {
        for (days, value) in [(2.0, 500.0), (1.0, 3.0)] {
            rig.metered("dv-9", &at(days, counter, value));
        }
    }
    assert_eq!(qualities(&rig), [true; 10]);
    assert_eq!(rig.told().len(), 0, "{:?}", rig.told());
}
