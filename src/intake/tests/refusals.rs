//! Bad input: reason, sentence, bytes, budget.
use super::*;

/// (payload, reason, part, words of the sentence)
const BAD: &[(&str, &str, &str, &[&str])] = &[
    ("", "no_readings", "", &["empty"]),
    ("{}", "no_readings", "", &["no reading"]),
    (r#"{"voltage": 22"#, "truncated", "", &["byte 14"]),
    (r#"{"voltage" 22}"#, "malformed", "", &["byte 11"]),
    (
        r#"{"voltage": "high"}"#,
        "wrong_type",
        "voltage",
        &["\"high\"", "number"],
    ),
    (
        r#"{"voltage": "229.8"}"#,
        "wrong_type",
        "voltage",
        &["without quotes"],
    ),
    (r#"{"voltage": true}"#, "wrong_type", "voltage", &["true"]),
    (
        r#"{"door_open": 2}"#,
        "wrong_type",
        "door_open",
        &["2", "true or false"],
    ),
    (
        r#"{"valve_state": "ajar"}"#,
        "unknown_word",
        "valve_state",
        &["ajar", "open"],
    ),
    (
        r#"{"voltage": NaN}"#,
        "not_finite",
        "voltage",
        &["NaN", "null"],
    ),
    (r#"{"voltage": 1e999}"#, "not_finite", "voltage", &["1e999"]),
    (
        r#"{"voltge": 1}"#,
        "unknown_metric",
        "voltge",
        &["voltge", "`voltage`"],
    ),
    (
        r#"{"voltage": {"value": 1, "unit": "kg"}}"#,
        "unit_mismatch",
        "voltage",
        &["kg", "V"],
    ),
    (
        r#"{"voltage": {"value": 1, "unit": "furlong"}}"#,
        "unknown_unit",
        "voltage",
        &["furlong"],
    ),
    (
        r#"{"door_open": {"value": true, "unit": "V"}}"#,
        "unit_mismatch",
        "door_open",
        &["no unit"],
    ),
    (
        r#"{"voltage": [[[[[[[[[[1]]]]]]]]]]}"#,
        "too_deep",
        "voltage[0]",
        &["at most 8"],
    ),
    (
        r#"{"voltage": {"value": 1, "labels": {"fase": "a"}}}"#,
        "invalid_label",
        "voltage",
        &["fase", "phase"],
    ),
    (
        r#"{"voltage": {"value": 1, "labels": {"phase": "a b"}}}"#,
        "invalid_label",
        "voltage",
        &["a b"],
    ),
];

#[test]
fn every_kind_of_bad_input_has_a_reason_and_a_sentence() {
    let mut rig = Rig::new();
    for (at, (payload, reason, part, words)) in BAD.iter().enumerate() {
        assert_eq!(
            rig.payload("city/m-1", payload),
            Verdict::RejectedPayload,
            "{payload}"
        );
        let logged = rig.logged();
        let reject = &logged.rejects[at];
        assert_eq!(
            (reject.reason.as_str(), reject.part.as_str()),
            (*reason, *part),
            "{}",
            reject.sentence
        );
        for word in *words {
            assert!(
                reject.sentence.contains(word),
                "{word}: {}",
                reject.sentence
            );
        }
        assert_eq!(reject.raw, payload.as_bytes());
        assert_eq!(
            (reject.device_id.as_str(), reject.topic.as_str()),
            ("m-1", "city/m-1")
        );
    }
    let counts = rig.counts();
    assert_eq!(counts.rejected, BAD.len() as u64);
    let by_reason: u64 = rig.intake.stats().rejects().map(|(_, count)| count).sum();
    assert_eq!(by_reason, BAD.len() as u64);
}

#[test]
fn a_bad_topic_or_size_is_refused_before_decoding() {
    let mut rig = Rig::new();
    let good = r#"{"voltage": 1}"#;
    assert_eq!(rig.payload("city/m 1", good), Verdict::RejectedPayload);
    assert_eq!(rig.payload("elsewhere/m-1", good), Verdict::RejectedPayload);
    assert_eq!(rig.payload("city/m-1/jsn", good), Verdict::RejectedPayload);
    let large = format!(r#"{{"voltage": 1, "x": "{}"}}"#, "y".repeat(128 << 10));
    assert_eq!(rig.payload("city/m-1", &large), Verdict::RejectedPayload);
    let uplink = Uplink {
        payload: b"{\"voltage\": \xff}",
        ..rig.uplink()
    };
    assert_eq!(rig.send(&uplink), Verdict::RejectedPayload);
    let logged = rig.logged();
    let reasons: Vec<&str> = logged.reasons().iter().map(|(reason, _)| *reason).collect();
    assert_eq!(
        reasons,
        [
            "invalid_device_id",
            "no_route",
            "unknown_profile",
            "too_large",
            "not_utf8"
        ]
    );
    assert!(logged.rejects[2].sentence.contains("there are: json"));
    assert_eq!(
        (logged.rejects[3].raw.len(), logged.rejects[3].raw_len),
        (4_096, large.len() as u64)
    );
    assert!(logged.rejects[4].sentence.contains("byte 12"));
}

#[test]
fn a_metric_twice_in_one_object_is_taken_neither_way() {
    let mut rig = Rig::new();
    let text = r#"{"voltage": 229, "current": 1, "voltage": 231, "voltage": 232}"#;
    assert_eq!(rig.payload("city/m-1", text), Verdict::Accepted);
    let logged = rig.logged();
    let metrics: Vec<&str> = logged.reports[0]
        .readings
        .iter()
        .map(|r| r.metric.as_str())
        .collect();
    assert_eq!(metrics, ["current"]);
    assert_eq!(logged.reasons(), [("duplicate_key", "voltage"); 2]);
    let sentence = &logged.rejects[0].sentence;
    assert!(
        sentence.contains("229") && sentence.contains("231"),
        "{sentence}"
    );
    assert!(logged.rejects[1].sentence.contains("232"));
}

#[test]
fn a_metric_twice_is_found_behind_times_and_labels_of_its_own() {
    let mut rig = Rig::new();
    let text = r#"[{"voltage": {"value": 1, "ts": 1795420000}, "current": 1,
                    "voltage": {"value": 2, "ts": 1795420000},
                    "active_power": [{"value": 1, "labels": {"phase": "a"}}, {"value": 2, "labels": {"phase": "a"}},
                                     {"value": 3, "labels": {"phase": "b"}}, {"value": 4, "ts": 1795420001}]},
                   {"voltage": 5, "current": 2}]"#;
    assert_eq!(rig.payload("city/m-1", text), Verdict::Accepted);
    let logged = rig.logged();
    let values: Vec<f64> = logged.reports[0].readings.iter().map(number).collect();
    assert_eq!(values, [1.0, 3.0, 4.0, 5.0, 2.0]);
    assert_eq!(
        logged.reasons(),
        [
            ("duplicate_key", "[0].voltage"),
            ("duplicate_key", "[0].active_power[1]")
        ]
    );
}

#[test]
fn good_readings_are_kept_beside_bad_ones() {
    let mut rig = Rig::new();
    let text = r#"{"voltage": 229, "voltge": 1, "current": "x", "active_power": NaN}"#;
    assert_eq!(rig.payload("city/m-1", text), Verdict::Accepted);
    let logged = rig.logged();
    assert_eq!(logged.reports[0].readings.len(), 1);
    assert_eq!(
        logged.reasons(),
        [
            ("unknown_metric", "voltge"),
            ("wrong_type", "current"),
            ("not_finite", "active_power")
        ]
    );
    let counts = rig.counts();
    assert_eq!(
        (counts.logged, counts.rejected, counts.reject_parts),
        (1, 0, 3)
    );
}

#[test]
fn many_bad_parts_are_summed_up() {
    let mut rig = Rig::new();
    let many: Vec<String> = (0..100).map(|n| format!("\"x{n}\": 1")).collect();
    rig.payload("city/m-1", &format!("{{{}}}", many.join(",")));
    let logged = rig.logged();
    assert_eq!(logged.rejects.len(), crate::codecs::FAULTS_MAX + 1);
    assert!(
        logged
            .rejects
            .last()
            .unwrap()
            .sentence
            .starts_with("68 more")
    );
    assert_eq!(rig.counts().rejected, 1);
}

#[test]
fn who_sends_rubbish_is_refused_after_his_budget_and_nobody_else() {
    let config = Config {
        reject_budget: 64 << 10,
        ..Config::default()
    };
    let mut rig = Rig::with(Setup {
        config,
        ..Setup::default()
    });
    let rubbish = "x".repeat(4_000);
    let mut refused = 0;
    for _ in 0..40 {
        match rig.payload("city/m-1", &rubbish) {
            Verdict::Refused(Refusal::Budget) => refused += 1,
            verdict => assert_eq!((verdict, refused), (Verdict::RejectedPayload, 0)),
        }
    }
    assert!(refused > 20, "{refused}");
    assert_eq!(
        rig.payload("city/m-1", r#"{"voltage": 1}"#),
        Verdict::Accepted,
        "good ones cost nothing"
    );
    let elsewhere = Uplink {
        address: "10.0.0.9:1".parse().unwrap(),
        topic: "city/m-2",
        payload: b"x",
        ..rig.uplink()
    };
    assert_eq!(rig.send(&elsewhere), Verdict::RejectedPayload);
    let unassured = Uplink {
        payload: b"x",
        unassured: true,
        ..rig.uplink()
    };
    assert_eq!(rig.send(&unassured), Verdict::Refused(Refusal::Budget));
    let counts = rig.counts();
    assert_eq!((counts.refused, counts.dropped), (refused, 1));
    rig.clock.set(Timestamp::from_secs(NOW + 3_601));
    assert_eq!(rig.payload("city/m-1", &rubbish), Verdict::RejectedPayload);
}

#[test]
fn voided_uplinks_were_refused_after_all() {
    let accounting = Arc::new(Accounting::default());
    let (log, rejects) = (
        settle_log(Arc::clone(&accounting)),
        settle_rejects(Arc::clone(&accounting)),
    );
    let mut weights = [0; crate::log::LANES];
    weights[settle::lane(Source::Coap, false)] = 3;
    weights[settle::lane(Source::Coap, true)] = 2;
    weights[settle::lane_of_parts(Source::Coap)] = 7;
    accounting.update(Source::Coap, |counts| {
        counts.received = 20;
        counts.in_flight = 20;
    });
    log(&weights, true);
    log(&weights, false);
    rejects(&weights, true);
    rejects(&weights, false);
    let counts = accounting.snapshot(Source::Coap);
    assert!(counts.identity_holds());
    let seen = (
        counts.logged,
        counts.rejected,
        counts.refused,
        counts.dropped,
        counts.reject_parts,
    );
    assert_eq!((seen, counts.in_flight), ((5, 5, 6, 4, 7), 0));
}
