//! Promise 6: duplicates, and what must not be one.
use super::*;

const DATED: &[u8] = br#"{"ts": 1795420000, "voltage": 229}"#;
const UNDATED: &[u8] = br#"{"lamp_on": true}"#;
const HALF_BAD: &[u8] = br#"{"ts": 1795420000, "voltage": 229, "voltge": 1}"#;

fn sent(rig: &Rig, payload: &'static [u8], delivery: Option<Delivery>) -> Uplink<'static> {
    Uplink {
        payload,
        delivery,
        ..rig.uplink()
    }
}

#[test]
fn thirty_identical_undated_payloads_a_day_apart_are_thirty_reports() {
    let mut rig = Rig::new();
    for day in 0..30 {
        rig.clock.set(Timestamp::from_secs(NOW + day * 86_400));
        // One packet id, as a client with one message in flight uses.
        let uplink = sent(&rig, UNDATED, delivery(1, 1, false, false));
        assert_eq!(rig.send(&uplink), Verdict::Accepted);
    }
    assert_eq!(rig.logged().reports.len(), 30);
    assert_eq!(rig.counts().logged, 30);
}

#[test]
fn the_same_content_with_device_times_is_a_duplicate_also_after_a_restart() {
    let mut rig = Rig::new();
    let uplink = sent(&rig, DATED, None);
    assert_eq!(rig.send(&uplink), Verdict::Accepted);
    assert_eq!(rig.send(&uplink), Verdict::Duplicate);
    assert_eq!(
        rig.send(&Uplink {
            topic: "city/m-2",
            ..uplink
        }),
        Verdict::Accepted
    );
    assert_eq!(
        rig.payload("city/m-1", r#"{"ts": 1795420000, "voltage": 229.5}"#),
        Verdict::Accepted
    );
    let mut rig = rig.restart();
    assert_eq!(rig.send(&uplink), Verdict::Duplicate);
    rig.clock.set(Timestamp::from_secs(NOW + 86_402));
    assert_eq!(rig.send(&uplink), Verdict::Accepted, "past the window");
    assert_eq!(rig.counts().duplicate, 1, "since the restart");
    assert_eq!(rig.logged().reports.len(), 4);
}

#[test]
fn one_undated_reading_makes_the_report_undated() {
    let mut rig = Rig::new();
    let payload = br#"[{"ts": 1795420000, "voltage": 229}, {"current": 1}]"#;
    let uplink = sent(&rig, payload, None);
    assert_eq!(rig.send(&uplink), Verdict::Accepted);
    assert_eq!(rig.send(&uplink), Verdict::Accepted);
}

#[test]
fn a_redelivery_on_a_later_connection_is_a_duplicate() {
    let mut rig = Rig::new();
    let first = sent(&rig, UNDATED, delivery(1, 1, false, false));
    let again = sent(&rig, UNDATED, delivery(1, 2, true, false));
    assert_eq!(rig.send(&first), Verdict::Accepted);
    assert_eq!(rig.send(&again), Verdict::Duplicate);
    assert_eq!(
        rig.send(&Uplink {
            topic: "city/m-2",
            ..again
        }),
        Verdict::Accepted,
        "another topic"
    );
    let mut rig = rig.restart();
    let again = sent(&rig, UNDATED, delivery(1, 1, true, false));
    assert_eq!(
        rig.send(&Uplink {
            topic: "city/m-2",
            ..again
        }),
        Verdict::Duplicate,
        "before the restart"
    );
    assert_eq!(
        rig.send(&again),
        Verdict::Accepted,
        "the id has been used since"
    );
    assert_eq!(rig.send(&first), Verdict::Accepted, "without DUP it is new");
    rig.counts();
}

#[test]
fn copies_within_one_batch_are_found() {
    let mut rig = Rig::new();
    for _ in 0..3 {
        let uplink = sent(&rig, DATED, None);
        rig.take(&uplink);
    }
    let answers = rig.commit();
    let verdicts: Vec<_> = answers.iter().map(|a| a.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Accepted, Verdict::Duplicate, Verdict::Duplicate]
    );
    assert!(
        answers.iter().all(|a| a.ticket == answers[0].ticket),
        "they wait for the original"
    );
    assert_eq!(rig.counts().duplicate, 2);
    assert_eq!(rig.logged().reports.len(), 1);
}

#[test]
fn a_copy_of_an_append_in_flight_waits_for_it() {
    let mut rig = Rig::new();
    let first = sent(&rig, DATED, delivery(1, 1, false, false));
    let again = sent(&rig, DATED, delivery(1, 2, true, false));
    rig.take(&first);
    let original = rig.intake.commit(&mut rig.pending, &Arc::default());
    rig.take(&again);
    let copy = rig.intake.commit(&mut rig.pending, &rig.waiter);
    assert_eq!(copy[0].verdict, Verdict::Duplicate);
    assert_eq!(copy[0].ticket, original[0].ticket);
    rig.wait(copy[0].ticket);
    assert_eq!(rig.counts().logged, 1);
}

#[test]
fn an_id_of_qos_2_is_open_until_released_across_restarts() {
    let mut rig = Rig::new();
    let waiter = Arc::clone(&rig.waiter);
    let first = sent(&rig, UNDATED, delivery(9, 1, false, true));
    let again = sent(&rig, UNDATED, delivery(9, 1, true, true));
    assert_eq!(rig.send(&first), Verdict::Accepted);
    assert_eq!(
        rig.send(&again),
        Verdict::Duplicate,
        "an open id has no other message"
    );
    let mut rig = rig.restart();
    assert_eq!(rig.send(&again), Verdict::Duplicate);
    assert_eq!(rig.intake.release(77, 8, &waiter), Ok(None), "never open");
    let ticket = rig.intake.release(77, 9, &rig.waiter).unwrap().unwrap();
    rig.wait(ticket);
    assert_eq!(rig.intake.release(77, 9, &waiter), Ok(None), "released");
    let mut rig = rig.restart();
    assert_eq!(
        rig.intake.release(77, 9, &waiter),
        Ok(None),
        "released before the restart"
    );
    assert_eq!(rig.send(&first), Verdict::Accepted, "the id is free");
    assert_eq!((rig.logged().reports.len(), rig.logged().releases), (2, 1));
}

#[test]
fn a_rejected_uplink_stays_rejected_and_counts_once() {
    let mut rig = Rig::new();
    let first = sent(&rig, b"rubbish", delivery(1, 1, false, false));
    let again = sent(&rig, b"rubbish", delivery(1, 2, true, false));
    assert_eq!(rig.send(&first), Verdict::RejectedPayload);
    assert_eq!(rig.send(&again), Verdict::RejectedPayload);
    let counts = rig.counts();
    assert_eq!((counts.rejected, counts.duplicate), (1, 1));
    let mut rig = rig.restart();
    assert_eq!(rig.send(&again), Verdict::RejectedPayload);
    assert_eq!(rig.counts().duplicate, 1);
    assert_eq!(rig.logged().rejects.len(), 1);
}

#[test]
fn bad_parts_of_a_copy_are_copies_too() {
    let mut rig = Rig::new();
    let uplink = sent(&rig, HALF_BAD, None);
    assert_eq!(rig.send(&uplink), Verdict::Accepted);
    assert_eq!(rig.send(&uplink), Verdict::Duplicate);
    let mut rig = rig.restart();
    assert_eq!(rig.send(&uplink), Verdict::Duplicate);
    let logged = rig.logged();
    assert_eq!((logged.reports.len(), logged.rejects.len()), (1, 1));
}

/// The disk was full for one log, or a crash came between the two appends.
#[test]
fn a_redelivery_appends_only_the_half_that_is_missing() {
    for transmissions in [
        [delivery(1, 1, false, false), delivery(1, 2, true, false)],
        [None; 2],
    ] {
        let mut rig = Rig::full();
        let first = sent(&rig, HALF_BAD, transmissions[0]);
        assert_eq!(rig.send(&first), Verdict::Refused(Refusal::DiskFull));
        rig.reopen_with_room();
        let again = sent(&rig, HALF_BAD, transmissions[1]);
        assert_eq!(
            rig.send(&again),
            Verdict::Accepted,
            "the report was not there yet"
        );
        let logged = rig.logged();
        assert_eq!(
            (logged.reports.len(), logged.rejects.len()),
            (1, 1),
            "{transmissions:?}"
        );

        rig.close();
        std::fs::remove_dir_all(rig.dir.path().join("rejects")).unwrap();
        let mut rig = rig.restart();
        assert_eq!(rig.send(&again), Verdict::Duplicate, "the report is there");
        let logged = rig.logged();
        assert_eq!(
            (logged.reports.len(), logged.rejects.len()),
            (1, 1),
            "{transmissions:?}"
        );
        let counts = rig.counts();
        assert_eq!((counts.duplicate, counts.reject_parts), (1, 1));
    }
}

#[test]
fn a_refused_original_leaves_no_key() {
    let mut rig = Rig::full();
    let uplink = sent(&rig, DATED, delivery(1, 1, false, false));
    for _ in 0..2 {
        rig.take(&uplink);
    }
    rig.take(&Uplink {
        unassured: true,
        delivery: None,
        ..uplink
    });
    let refused = Verdict::Refused(Refusal::DiskFull);
    let verdicts: Vec<_> = rig.commit().iter().map(|a| a.verdict).collect();
    assert_eq!(verdicts, [refused; 3], "copies share their original's fate");
    let counts = rig.counts();
    assert_eq!(
        (
            counts.received,
            counts.refused,
            counts.dropped,
            counts.duplicate
        ),
        (3, 2, 1, 0)
    );
    rig.reopen_with_room();
    let again = sent(&rig, DATED, delivery(1, 2, true, false));
    assert_eq!(rig.send(&again), Verdict::Accepted);
    assert_eq!(rig.send(&uplink), Verdict::Duplicate);
}
