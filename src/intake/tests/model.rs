//! Random uplinks: no panic, and promise 2's identity with what the logs hold.
use super::*;
use crate::inventory::Unknown;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Sent {
    device: u8,
    payload: Vec<u8>,
    delivery: Option<(u16, u64, bool, bool)>,
    commit: bool,
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0u8..3, 0u8..3).prop_map(|(v, t)| {
            format!("{{\"ts\": 17954200{t:02}, \"voltage\": {v}}}").into_bytes()
        }),
        3 => (0u8..3).prop_map(|v| format!("{{\"voltage\": {v}}}").into_bytes()),
        2 => (0u8..3).prop_map(|v| format!("{{\"ts\": 1795420000, \"voltage\": 1, \"x\": {v}}}").into_bytes()),
        2 => Just(b"{\"ts\": 3, \"voltage\": 1}".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let delivery = prop::option::of((1u16..4, 1u64..4, any::<bool>(), any::<bool>()));
    (0u8..3, payload(), delivery, any::<bool>()).prop_map(|(device, payload, delivery, commit)| {
        Sent {
            device,
            payload,
            delivery,
            commit,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn counts_match_the_logs(all in prop::collection::vec(sent(), 1..40), restart_at in 0usize..40) {
        let mut rig = Rig::new();
        let mut before = Counts::default();
        let (mut accepted, mut duplicate, mut rejected) = (0, 0, 0);
        let mut verdicts = Vec::new();
        for (at, sent) in all.iter().enumerate() {
            if at == restart_at {
                verdicts.extend(rig.commit());
                before = rig.counts();
                rig = rig.restart();
            }
            let topic = format!("city/m-{}", sent.device);
            let uplink = Uplink {
                topic: &topic,
                payload: &sent.payload,
                delivery: sent.delivery.and_then(|(id, connection, dup, exactly_once)| {
                    delivery(id, connection, dup, exactly_once)
                }),
                ..rig.uplink()
            };
            rig.intake.take(&uplink, &mut rig.pending);
            if sent.commit {
                verdicts.extend(rig.commit());
            }
        }
        verdicts.extend(rig.commit());
        for answer in &verdicts {
            match answer.verdict {
                Verdict::Accepted => accepted += 1,
                Verdict::Duplicate => duplicate += 1,
                Verdict::RejectedPayload => rejected += 1,
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let after = rig.counts();
        let total = |of: fn(&Counts) -> u64| of(&before) + of(&after);
        prop_assert_eq!(total(|c| c.received), all.len() as u64);
        prop_assert_eq!(verdicts.len(), all.len());
        prop_assert_eq!(total(|c| c.logged), accepted);
        prop_assert_eq!(total(|c| c.rejected) + total(|c| c.duplicate), duplicate + rejected);
        let logged = rig.logged();
        prop_assert_eq!(total(|c| c.logged), logged.reports.len() as u64);
        let rejects = total(|c| c.rejected) + total(|c| c.reject_parts);
        prop_assert_eq!(rejects, logged.rejects.len() as u64);
        let mut seen = std::collections::HashSet::new();
        for report in &logged.reports {
            let reading = &report.readings[0];
            let observed = reading.observed_at.unwrap().seconds;
            if observed != NOW {
                let key = (report.device_id.clone(), observed, number(reading).to_bits());
                prop_assert!(seen.insert(key), "a dated report is there twice");
            }
        }
    }

    #[test]
    fn nothing_that_arrives_panics(
        topic in "(city|v1|plant|[a-z]{0,3})(/[a-z0-9 +#{}é]{0,4}){0,4}",
        client in ".{0,8}",
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            r#"[\[\]{}":,a-c0-9eE.\\ Nts-]{0,40}"#.prop_map(String::into_bytes),
        ],
    ) {
        thread_local!(static RIG: std::cell::RefCell<Rig> = std::cell::RefCell::new(Rig::new()));
        RIG.with_borrow_mut(|rig| {
            let uplink = Uplink { topic: &topic, client: &client, payload: &payload, ..rig.uplink() };
            rig.intake.take(&uplink, &mut rig.pending);
            rig.intake.device_of(&topic, &client, "");
            rig.pending.clear();
        });
    }

    /// Nothing vanishes between sample and reading.
    #[test]
    fn every_value_is_a_reading_or_a_fault(
        values in prop::collection::btree_map(
            prop::sample::select(vec![
                "voltage", "current", "door_open", "valve_state", "firmware_version", "voltge", "csq",
            ]),
            prop::sample::select(vec![
                "1", "-3.5e300", "99", "0", "true", "null", "NaN", "\"open\"", "\"x\"", "[]", "[1]", "{}",
                "{\"value\":2,\"unit\":\"kV\"}", "{\"value\":2,\"unit\":\"kg\"}", "{\"value\":2,\"ts\":0}",
            ]),
            1..7,
        ),
        ts in prop::sample::select(vec!["1795420000", "0", "null", "\"2026-11-23 08:00:00\""]),
    ) {
        let members: Vec<String> = values.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let payload = format!("{{\"ts\":{ts},{}}}", members.join(","));
        let assumed = Assumed {
            profile: "json",
            device: "",
            kind: "unknown",
            zone: &TimeZone::UTC,
            received_at: Timestamp::from_secs(NOW),
            readings_max: 100,
        };
        let preview = preview(&Catalogue::shipped(), &Knowledge::nothing(Unknown::Accept), payload.as_bytes(), &assumed);
        prop_assert_eq!(preview.readings.len() + preview.faults.len(), values.len(), "{}: {:?}", payload, preview);
        prop_assert_eq!(preview.origins.len(), preview.readings.len());
        for reading in &preview.readings {
            prop_assert_ne!(quality_name(reading), "QUALITY_UNSPECIFIED");
        }
    }
}
