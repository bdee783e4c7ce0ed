//! What the log keeps of an uplink beside its readings, and what it does not get.
use super::*;
use crate::log::record::Arrived;
use crate::model::Arrival;

/// Topic and kept bytes of each record with an arrival, and how many went on from one before.
fn arrivals(rig: &Rig) -> (Vec<(String, Vec<u8>, u64)>, usize) {
    let (mut here, mut before) = (Vec::new(), 0);
    let mut reader = rig.intake.log.reader(Start::Earliest).unwrap();
    for frame in reader.read(1 << 20).unwrap() {
        for (_, record) in frame.records() {
            match record.arrived {
                Arrived::Here(bytes) => {
                    let arrival = Arrival::parse(bytes).unwrap();
                    assert_eq!(arrival.address, Some(rig.uplink().address));
                    here.push((
                        arrival.topic.to_owned(),
                        arrival.raw.to_vec(),
                        arrival.raw_len,
                    ));
                }
                Arrived::Before => before += 1,
                Arrived::Not => {}
            }
        }
    }
    (here, before)
}

#[test]
fn the_first_record_of_an_uplink_carries_its_bytes() {
    let mut rig = Rig::new();
    let payload = r#"{"a": [{"voltage": 1}], "b": [{"voltage": 2}]}"#;
    assert_eq!(
        rig.payload("v1/gateway/telemetry", payload),
        Verdict::Accepted
    );
    let (here, before) = arrivals(&rig);
    let whole = (
        "v1/gateway/telemetry".to_owned(),
        payload.into(),
        payload.len() as u64,
    );
    assert_eq!(here, [whole]);
    assert_eq!(before, 1, "the second child's report");
}

#[test]
fn no_more_than_keep_raw_is_kept() {
    let mut rig = Rig::with(Setup {
        config: Config {
            keep_raw: 5,
            ..Config::default()
        },
        ..Setup::default()
    });
    assert_eq!(
        rig.payload("city/m-1", r#"{"voltage": 1}"#),
        Verdict::Accepted
    );
    let (here, _) = arrivals(&rig);
    assert_eq!(here, [("city/m-1".to_owned(), b"{\"vol".to_vec(), 14)]);
}

#[test]
fn a_copy_is_a_sign_of_life_and_no_record() {
    let mut rig = Rig::new();
    let payload = r#"{"ts": 1795420000, "voltage": 1}"#;
    assert_eq!(rig.payload("city/m-1", payload), Verdict::Accepted);
    assert!(rig.intake.sightings().is_empty(), "the log says it");
    let later = Timestamp::from_secs(NOW + 60);
    for _ in 0..2 {
        rig.clock.set(later);
        assert_eq!(rig.payload("city/m-1", payload), Verdict::Duplicate);
    }
    rig.intake.sighted("m-2", later);
    let seen = rig.intake.sightings();
    assert_eq!(
        seen["m-1"],
        Sighting {
            at: later,
            copies: 2
        }
    );
    assert_eq!(
        seen["m-2"],
        Sighting {
            at: later,
            copies: 1
        }
    );
    assert!(rig.intake.sightings().is_empty(), "taken");
    rig.intake.count_duplicates(Source::Coap, 2);
    let coap = rig.intake.accounting().snapshot(Source::Coap);
    assert_eq!((coap.received, coap.duplicate), (2, 2));
}
