#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::sources::mqtt::connect::Will;
use crate::state::State;
use std::path::Path;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// Opens for `client` at `secs`.
fn open(
    sessions: &Sessions,
    client: &str,
    clean: bool,
    expiry_secs: u32,
    secs: i64,
) -> (Opened, Arc<Handle>) {
    let handle = Arc::<Handle>::default();
    let opened = sessions.open(&Open {
        client,
        clean,
        expiry_secs,
        handle: &handle,
        now: at(secs),
    });
    (opened.unwrap(), handle)
}

#[test]
fn a_session_is_found_again_until_it_expires() {
    let sessions = Sessions::in_memory(10);
    let (first, _) = open(&sessions, "a", false, 60, 0);
    assert!(!first.present);
    assert!(sessions.end("a", first.epoch, None, at(10)));
    let (second, _) = open(&sessions, "a", false, 60, 70);
    assert!(second.present);
    assert_eq!(second.number, first.number);
    assert_ne!(second.epoch, first.epoch);
    sessions.end("a", second.epoch, None, at(80));
    let (third, _) = open(&sessions, "a", false, 60, 141);
    assert!(!third.present);
    assert_ne!(third.number, first.number);
}

#[test]
fn a_clean_start_and_an_end_without_expiry_forget() {
    let sessions = Sessions::in_memory(10);
    let (first, _) = open(&sessions, "a", false, 60, 0);
    sessions.end("a", first.epoch, None, at(1));
    let (second, _) = open(&sessions, "a", true, 60, 2);
    assert!(!second.present);
    assert_ne!(second.number, first.number);
    assert!(sessions.end("a", second.epoch, Some(0), at(3)));
    assert!(sessions.is_empty());
    assert!(!open(&sessions, "a", false, 0, 4).0.present);
}

#[test]
fn after_a_takeover_the_old_end_counts_for_nothing() {
    let sessions = Sessions::in_memory(10);
    let (old, handle) = open(&sessions, "a", false, 60, 0);
    assert!(!*handle.taken());
    let (new, _) = open(&sessions, "a", false, 60, 1);
    assert!(new.took_over && new.present);
    assert!(*handle.taken());
    assert!(!sessions.end("a", old.epoch, Some(0), at(2)));
    assert!(sessions.end("a", new.epoch, None, at(3)));
    // The session of a connection that keeps none ends with it, taken over or not.
    let (clean, _) = open(&sessions, "b", true, 0, 0);
    let (next, _) = open(&sessions, "b", false, 0, 1);
    assert!(next.took_over && !next.present);
    assert_ne!(clean.number, next.number);
}

#[test]
fn past_the_limit_the_session_that_ended_first_goes() {
    let sessions = Sessions::in_memory(2);
    for (client, secs) in [("a", 5), ("b", 3)] {
        let (opened, _) = open(&sessions, client, false, 60, 0);
        sessions.end(client, opened.epoch, None, at(secs));
    }
    open(&sessions, "c", false, 60, 10);
    assert_eq!((sessions.len(), sessions.evicted()), (2, 1));
    assert!(open(&sessions, "a", false, 60, 10).0.present);
    let handle = Arc::default();
    let full = sessions.open(&Open {
        client: "d",
        clean: true,
        expiry_secs: 0,
        handle: &handle,
        now: at(11),
    });
    assert_eq!(full.unwrap_err(), OpenError::Full { limit: 2 });
}

#[test]
fn a_sweep_forgets_what_has_expired() {
    let sessions = Sessions::in_memory(10);
    let (gone, _) = open(&sessions, "a", false, 10, 0);
    sessions.end("a", gone.epoch, None, at(0));
    let (kept, _) = open(&sessions, "b", false, 100, 0);
    sessions.end("b", kept.epoch, None, at(0));
    open(&sessions, "c", false, 10, 0);
    sessions.sweep(at(50));
    assert_eq!(sessions.len(), 2);
    assert!(open(&sessions, "b", false, 100, 50).0.present);
}

fn will(client: &str) -> DueWill {
    DueWill {
        client: client.into(),
        user: "".into(),
        will: Box::new(Will {
            topic: "t".into(),
            payload: "gone".into(),
            delay_secs: 5,
        }),
        cause: "closed",
    }
}

#[test]
fn a_reconnect_cancels_a_delayed_will() {
    let sessions = Sessions::in_memory(10);
    sessions.delay(will("a"), at(5)).unwrap();
    sessions.delay(will("b"), at(5)).unwrap();
    assert!(sessions.due_wills(at(4)).is_empty());
    open(&sessions, "a", false, 60, 4);
    let due = sessions.due_wills(at(5));
    assert_eq!(due.len(), 1);
    assert_eq!(&*due[0].client, "b");
    // Connected again before its will could wait.
    sessions.delay(will("a"), at(6)).unwrap();
    assert!(sessions.due_wills(at(10)).is_empty());
}

#[test]
fn stop_reaches_every_connection() {
    let sessions = Sessions::in_memory(10);
    let (_, a) = open(&sessions, "a", false, 60, 0);
    let (_, b) = open(&sessions, "b", true, 0, 0);
    assert!(!a.halting());
    sessions.stop_all();
    assert!(a.halting() && b.halting());
}

fn load(dir: &Path, now: Timestamp) -> Sessions {
    let disk = SessionDisk::new(Arc::new(State::open(dir).unwrap()));
    Sessions::load(disk, 10, now, |error| panic!("{error}")).unwrap()
}

#[test]
fn sessions_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = load(dir.path(), at(0));
    let mut numbers = HashMap::new();
    for client in ["ended", "connected", "expired", "clean"] {
        if client == "clean" {
            sessions.end("expired", numbers["expired"], None, at(1));
            open(&sessions, client, true, 0, 5);
            continue;
        }
        let expiry_secs = if client == "expired" { 5 } else { 60 };
        let (opened, _) = open(&sessions, client, false, expiry_secs, 0);
        // The CONNACK waits for this.
        assert!(opened.written.unwrap().blocking_recv().unwrap());
        numbers.insert(
            client,
            if client == "expired" {
                opened.epoch
            } else {
                opened.number
            },
        );
        if client == "ended" {
            sessions.end(client, opened.epoch, None, at(1));
        }
    }
    sessions.close();
    drop(sessions);

    let sessions = load(dir.path(), at(50));
    assert_eq!(sessions.len(), 2);
    let (ended, _) = open(&sessions, "ended", false, 60, 60);
    assert!(ended.present);
    assert_eq!(ended.number, numbers["ended"]);
    // Nothing new is promised, so the CONNACK need not wait.
    assert!(ended.written.is_none());
    // Connected when the gateway stopped: its time runs from the restart.
    let (connected, _) = open(&sessions, "connected", false, 60, 109);
    assert!(connected.present);
    assert_eq!(connected.number, numbers["connected"]);
}

#[test]
fn thousands_that_connect_at_once_share_their_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SessionDisk::new(Arc::new(State::open(dir.path()).unwrap()));
    let sessions = Sessions::load(disk, 5_000, at(0), |error| panic!("{error}")).unwrap();
    let waiting: Vec<_> = (0..2_000)
        .map(|n| {
            open(&sessions, &format!("d{n}"), false, 60, 0)
                .0
                .written
                .unwrap()
        })
        .collect();
    for written in waiting {
        assert!(written.blocking_recv().unwrap());
    }
}

#[test]
fn a_closed_writer_promises_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = load(dir.path(), at(0));
    sessions.close();
    let handle = Arc::default();
    let mut asked = Open {
        client: "a",
        clean: false,
        expiry_secs: 60,
        handle: &handle,
        now: at(0),
    };
    assert_eq!(sessions.open(&asked).unwrap_err(), OpenError::Busy);
    assert!(sessions.is_empty());
    // What is not to persist needs no disk.
    asked.expiry_secs = 0;
    assert!(sessions.open(&asked).unwrap().written.is_none());
}
