//! Refusals, answers to commands, requests, status words.
use super::*;

#[test]
fn refusals_are_told_in_words() {
    // C# Dlt645.Core.Tests (unattributed public code)
    let decoded = decode(&bytes("6812907856341268d101358d16"));
    assert_eq!(
        notes(&decoded),
        ["meter_error function=read, error=02, words=no such data"]
    );
    assert!(decoded.samples.is_empty() && decoded.faults.is_empty());
    assert_eq!(
        decoded.device_of(decoded.notes[0].group),
        Some("dlt645:123456789012")
    );
    let all = decode(&computed(0xd4, &[0x44]));
    assert_eq!(
        notes(&all),
        [
            "meter_error function=write, error=44, words=wrong password or not authorised, too many tariffs"
        ]
    );
    let none = decode(&computed(0xd1, &[]));
    assert_eq!(
        notes(&none),
        ["meter_error function=read, words=no error named"]
    );
    assert!(none.faults.is_empty());
    // SERR, two bytes with bits of its own.
    assert_eq!(
        notes(&decode(&computed(0xc3, &[0x02, 0x00]))),
        ["meter_error function=security, error=0002, words=security error 0002"]
    );
    assert_eq!(
        notes(&decode(&computed(0xc3, &[0x02]))),
        ["meter_error function=security, error=02, words=security error 02"]
    );
}

#[test]
fn answers_to_commands_are_told() {
    // C PLC log comment 2014-11-28 (unattributed public code)
    let decoded = decode(&bytes("6800361900000068930633694c3333333916"));
    assert_eq!(
        notes(&decoded),
        ["meter_answer function=read address, address=000000193600"]
    );
    assert_eq!(
        notes(&decode(&computed(0x94, &[]))),
        ["meter_answer function=write"]
    );
    assert_eq!(
        notes(&decode(&computed(0x97, &[0x08]))),
        ["meter_answer function=baud rate, data=08"]
    );
    assert_eq!(
        notes(&decode(&computed(0x9f, &[1]))),
        ["meter_answer function=function 1f, data=01"]
    );
}

#[test]
fn a_request_is_told_where_it_is_alone() {
    // Jayla630/Dlt645Master: the wildcard is nobody
    let request = bytes("68aaaaaaaaaaaa68110433333433ae16");
    let decoded = decode(&request);
    assert_eq!(
        notes(&decoded),
        ["meter_request function=read, di=00010000"]
    );
    assert!(decoded.devices.is_empty());
    let reply = bytes("6861010000000068910833333433593333338a16");
    let decoded = decode(&[request, reply].concat());
    assert!(decoded.notes.is_empty());
    assert_eq!(decoded.devices, ["dlt645:000000000161"]);
    assert!(
        pieces(&decoded)
            .iter()
            .any(|piece| piece.contains("request, read"))
    );
}

/// Passwords and operator codes of every request that has them, and a new password in an answer.
#[test]
fn passwords_are_not_shown() {
    let secret = [0x02, 0x87, 0x65, 0x43, 0x78, 0x56, 0x34, 0x12];
    let with = |before: &[u8], after: &[u8]| [before, &secret, after].concat();
    for (control, data) in [
        (0x14, with(&[3, 1, 0, 4], &[0x15])),
        (0x14, with(&[1, 0x0c, 0, 4], &secret)),
        (0x18, with(&[1, 0x0c, 0, 4], &[])),
        (0x19, with(&[], &[])),
        (0x1a, with(&[], &[])),
        (0x1b, with(&[], &[0xff; 4])),
        (
            0x1c,
            with(&[], &[0x1a, 0, 0x59, 0x59, 0x23, 0x31, 0x12, 0x25]),
        ),
        (0x98, secret[..4].to_vec()),
        (0x91, with(&[1, 0x0c, 0, 4], &[])),
        (0xb1, with(&[0xff, 0x0c, 0, 4], &[])),
        (0x92, with(&[0xff, 0x0c, 0, 4], &[1])),
        (0x03, with(&[1, 0, 0, 7], &secret)),
        (0x0f, secret.to_vec()),
        (0x04, with(&[0x10, 0xc0], &[])),
    ] {
        let payload = computed(control, &data);
        let decoded = decode(&payload);
        let shown = [pieces(&decoded), notes(&decoded), faults(&decoded)]
            .concat()
            .join("\n");
        for hidden in ["876543", "785634", "ba9876", "ab8967"] {
            assert!(!shown.contains(hidden), "{control:02x} {hidden}: {shown}");
        }
        assert!(shown.contains("(not shown)"), "{control:02x}: {shown}");
    }
}

#[test]
fn status_words_are_flags_and_one_event() {
    let decoded = decode(&computed(0x91, &answer(0x0400_0504, &[0x01, 0x01])));
    let readings = samples(&decoded);
    assert_eq!(readings.len(), 9);
    assert_eq!(readings[0], "voltage_loss{phase=a} true");
    assert_eq!(readings[1], "undervoltage{phase=a} false");
    assert_eq!(readings[8], "current_interrupted{phase=a} true");
    assert_eq!(
        notes(&decoded),
        ["meter_alarm voltage_loss_a=true, current_interrupted_a=true, word=04000504"]
    );
    let block = decode(&computed(
        0x91,
        &answer(
            0x0400_05ff,
            &[0x04, 0, 0x11, 0, 0x10, 0, 0, 0, 0, 0, 0xff, 0xff, 0x20, 0],
        ),
    ));
    assert_eq!(faults(&block), [""; 0]);
    assert_eq!(
        notes(&block),
        ["meter_alarm clock_battery_low=true, mains_failure=true, word=04000501 04000507"]
    );
    let readings = samples(&block);
    for expected in [
        "active_power_reversed{phase=a} true",
        "relay_open true",
        "power_supply main",
        "overload{phase=c} null",
    ] {
        assert!(
            readings.iter().any(|reading| reading == expected),
            "{readings:#?}"
        );
    }
    // Both covers (computed after bits 9 and 10 of the supplement of 2013).
    let open = decode(&bytes("686101000000006891063a38333733391116"));
    assert_eq!(
        notes(&open),
        ["meter_alarm cover_open=true, terminal_cover_open=true, word=04000507"]
    );
    let calm = decode(&computed(0x91, &answer(0x0400_0507, &[0, 0])));
    assert!(calm.notes.is_empty());
}

#[test]
fn every_metric_is_in_the_catalogue() {
    let catalogue = crate::catalogue::Catalogue::shipped();
    let mut names: Vec<String> = Vec::new();
    for high in 0..=0x06_ffff_u32 {
        let [_, group, kind, of] = high.to_be_bytes();
        for last in [0x00, 0x01, 0x02, 0x07, 0x0a, 0x0c] {
            if let Some(item) = item::named([group, kind, of, last]) {
                let known = match item {
                    item::Item::Number(quantity, _) | item::Item::Demand(quantity, _) => {
                        let metric = catalogue.metric(quantity.metric);
                        metric.is_some_and(|metric| {
                            catalogue.convert(metric, 1.0, quantity.unit).is_ok()
                        })
                    }
                    item::Item::Digits { metric, .. } => catalogue.metric(metric).is_some(),
                    item::Item::Status(word) => status::flags(word, Some(0))
                        .iter()
                        .all(|flag| catalogue.metric(flag.metric).is_some()),
                    item::Item::Date
                    | item::Item::Time
                    | item::Item::Clock
                    | item::Item::Setting { .. } => true,
                };
                if !known {
                    names.push(format!("{item:?}"));
                }
            }
        }
    }
    for metric in ["meter_date", "meter_time", "meter_clock", "freeze_time"] {
        if catalogue.metric(metric).is_none() {
            names.push(metric.to_owned());
        }
    }
    assert!(names.is_empty(), "{names:#?}");
}
