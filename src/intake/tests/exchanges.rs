//! What `CoAP` asks of intake: its own copies, its formats, its paths.
use super::*;

const UNDATED: &[u8] = br#"{"lamp_on": true}"#;

fn sent(rig: &Rig, message_id: u16, payload: &'static [u8]) -> Uplink<'static> {
    Uplink {
        source: Source::Coap,
        topic: "t/m-1",
        payload,
        delivery: Some(Delivery::Exchange {
            peer: 0x0123_4567_89ab_cdef,
            message_id,
        }),
        ..rig.uplink()
    }
}

fn counts(rig: &Rig) -> Counts {
    let counts = rig.intake.accounting.snapshot(Source::Coap);
    assert!(counts.identity_holds(), "{counts:?}");
    counts
}

#[test]
fn a_copy_is_one_for_the_lifetime_of_its_exchange_also_after_a_restart() {
    let mut rig = Rig::new();
    let first = sent(&rig, 7, UNDATED);
    assert_eq!(rig.send(&first), Verdict::Accepted);
    assert_eq!(rig.send(&first), Verdict::Duplicate);
    assert_eq!(rig.send(&sent(&rig, 8, UNDATED)), Verdict::Accepted);
    let elsewhere = Uplink {
        topic: "t/m-2",
        ..first
    };
    assert_eq!(rig.send(&elsewhere), Verdict::Accepted, "it took the id");
    assert_eq!(rig.send(&first), Verdict::Accepted, "and took it back");
    let mut rig = rig.restart();
    rig.clock.set(Timestamp::from_secs(NOW + 247));
    assert_eq!(rig.send(&first), Verdict::Duplicate);
    rig.clock.set(Timestamp::from_secs(NOW + 248));
    assert_eq!(rig.send(&first), Verdict::Accepted, "the id is free again");
    let mut rig = rig.restart();
    rig.clock.set(Timestamp::from_secs(NOW + 248 + 248));
    assert_eq!(rig.send(&first), Verdict::Accepted, "restored, and over");
    assert_eq!(counts(&rig).logged, 1, "since the restart");
    assert_eq!(rig.logged().reports.len(), 6);
}

#[test]
fn ids_of_both_protocols_are_apart() {
    let mut rig = Rig::new();
    let mqtt = Uplink {
        payload: UNDATED,
        delivery: Some(Delivery::Packet {
            session: 0x0123_4567_89ab_cdef,
            packet_id: 7,
            connection: 2,
            dup: true,
            exactly_once: false,
        }),
        ..rig.uplink()
    };
    assert_eq!(rig.send(&sent(&rig, 7, UNDATED)), Verdict::Accepted);
    assert_eq!(rig.send(&mqtt), Verdict::Accepted);
    let mut rig = rig.restart();
    assert_eq!(rig.send(&mqtt), Verdict::Duplicate);
    assert_eq!(rig.send(&sent(&rig, 7, UNDATED)), Verdict::Duplicate);
}

#[test]
fn many_exchanges_push_out_no_packet_id() {
    let mut rig = Rig::with(Setup {
        config: Config {
            dedup_entries: 2,
            ..Config::default()
        },
        ..Setup::default()
    });
    let first = Uplink {
        payload: UNDATED,
        delivery: delivery(1, 1, false, false),
        ..rig.uplink()
    };
    rig.send(&first);
    for message_id in 0..10 {
        rig.send(&sent(&rig, message_id, UNDATED));
    }
    assert_eq!(rig.send(&sent(&rig, 9, UNDATED)), Verdict::Duplicate);
    assert_eq!(rig.send(&sent(&rig, 0, UNDATED)), Verdict::Accepted);
    assert_eq!(rig.intake.stats.dedup_evictions(), 9);
    let again = Uplink {
        delivery: delivery(1, 2, true, false),
        ..first
    };
    assert_eq!(rig.send(&again), Verdict::Duplicate);
}

#[test]
fn a_refused_payload_is_said_at_once_and_a_copy_of_it_is_one() {
    let mut rig = Rig::new();
    let bad = sent(&rig, 1, br#"{"voltge": 1}"#);
    let fault = rig.intake.take(&bad, &mut rig.pending).unwrap();
    assert_eq!(
        fault.to_string(),
        "unknown_metric: `voltge` is no metric of the catalogue; the nearest is `voltage`"
    );
    assert_eq!(rig.commit()[0].verdict, Verdict::RejectedPayload);
    assert_eq!(rig.send(&bad), Verdict::RejectedPayload);
    let half = sent(&rig, 2, br#"{"voltge": 1, "voltage": 230}"#);
    assert_eq!(rig.intake.take(&half, &mut rig.pending), None);
    assert_eq!(rig.commit()[0].verdict, Verdict::Accepted);
    let counts = counts(&rig);
    assert_eq!((counts.rejected, counts.duplicate), (1, 1));
    assert_eq!(rig.logged().rejects.len(), 2);
}

#[test]
fn copies_that_a_source_knows_are_counted() {
    let rig = Rig::new();
    rig.intake.count_duplicates(Source::Coap, 3);
    let counts = counts(&rig);
    assert_eq!((counts.received, counts.duplicate), (3, 3));
}

#[test]
fn an_unknown_content_format_is_named() {
    let mut rig = Rig::new();
    let xml = Uplink {
        content_format: Some(41),
        ..sent(&rig, 1, UNDATED)
    };
    let fault = rig.intake.take(&xml, &mut rig.pending).unwrap();
    assert_eq!(fault.reason, Reason::UnsupportedContentFormat);
    assert!(
        fault.sentence.contains("41") && fault.sentence.contains("110"),
        "{fault}"
    );
    let unsaid = Uplink {
        content_format: Some(0),
        ..sent(&rig, 2, UNDATED)
    };
    assert_eq!(rig.send(&unsaid), Verdict::RejectedPayload);
    assert_eq!(rig.logged().reports.len(), 1);
    assert_eq!(rig.logged().reports[0].profile, "json");
}

#[test]
fn a_token_names_its_device_and_is_never_shown() {
    let mut rig = Rig::new();
    let uplink = Uplink {
        topic: "api/v1/S3CRET/telemetry",
        ..sent(&rig, 1, UNDATED)
    };
    assert_eq!(rig.send(&uplink), Verdict::Accepted);
    let attributes = Uplink {
        topic: "api/v1/S3CRET/attributes",
        ..sent(&rig, 2, br#"{"model": "x"}"#)
    };
    assert_eq!(rig.send(&attributes), Verdict::Accepted);
    let bad = Uplink {
        topic: "api/v1/S3CRET/telemetry",
        ..sent(&rig, 3, b"rubbish")
    };
    assert_eq!(rig.send(&bad), Verdict::RejectedPayload);
    let empty = Uplink {
        topic: "api/v1//telemetry",
        ..sent(&rig, 4, UNDATED)
    };
    let fault = rig.intake.take(&empty, &mut rig.pending).unwrap();
    assert_eq!(fault.reason, Reason::InvalidDeviceId);
    rig.commit();
    let logged = rig.logged();
    // The first 6 bytes of `printf S3CRET | sha256sum`.
    let name = "token:d580fbb16524";
    assert_eq!(logged.reports[0].device_id, name);
    assert_eq!(logged.events[0].device_id, name);
    assert_eq!(logged.rejects[0].device_id, name);
    assert_eq!(logged.rejects[0].topic, "api/v1/***/telemetry");
    let shown = format!(
        "{:?}{:?}{:?}",
        logged.reports, logged.events, logged.rejects
    );
    assert!(!shown.contains("S3CRET"), "{shown}");
}

#[test]
fn a_path_of_another_protocol_leads_nowhere_and_the_right_one_is_said() {
    let mut rig = Rig::new();
    let coap = Uplink {
        topic: "city/m-1",
        ..sent(&rig, 1, UNDATED)
    };
    let fault = rig.intake.take(&coap, &mut rig.pending).unwrap();
    assert_eq!(fault.reason, Reason::NoRoute);
    assert!(fault.sentence.contains("t/{device}/{profile}"), "{fault}");
    assert_eq!(
        rig.payload("t/m-1", r#"{"lamp_on": true}"#),
        Verdict::RejectedPayload
    );
}
