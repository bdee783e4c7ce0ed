//! On the real database.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

fn all(state: &State, space: &str) -> Vec<(String, String)> {
    let access = state.access().unwrap();
    let Some(space) = access.existing(space).unwrap() else {
        return Vec::new();
    };
    let text = |slice: &Slice| String::from_utf8(slice.to_vec()).unwrap();
    space
        .range(b"", b"\xff")
        .map(|item| item.unwrap())
        .map(|(key, value)| (text(&key), text(&value)))
        .collect()
}

fn put(state: &State, space: &str, key: &str, value: &str) {
    let access = state.access().unwrap();
    let space = access.space(space).unwrap();
    let mut batch = access.batch();
    batch.insert(&space, key.as_bytes(), value.as_bytes());
    batch.commit(&[space]).unwrap();
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    wanted.iter().map(owned).collect()
}

#[test]
fn what_is_committed_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    put(&state, "a", "1", "one");
    put(&state, "b", "2", "two");
    state.check().unwrap();
    state.reopen().unwrap();
    put(&state, "a", "3", "three");
    drop(state);
    let state = State::open(dir.path()).unwrap();
    assert_eq!(all(&state, "a"), pairs(&[("1", "one"), ("3", "three")]));
    assert_eq!(all(&state, "b"), pairs(&[("2", "two")]));
}

#[test]
fn an_access_sees_what_was_committed_when_it_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    put(&state, "a", "1", "one");
    let before = state.access().unwrap();
    put(&state, "a", "1", "other");
    let space = before.space("a").unwrap();
    assert_eq!(space.get(b"1").unwrap().as_deref(), Some(&b"one"[..]));
    drop(space);
    drop(before);
    assert_eq!(all(&state, "a"), pairs(&[("1", "other")]));
}

#[test]
fn a_batch_that_is_dropped_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    put(&state, "a", "1", "one");
    let access = state.access().unwrap();
    let space = access.space("a").unwrap();
    let mut batch = access.batch();
    batch.remove(&space, b"1");
    drop(batch);
    drop(space);
    drop(access);
    assert_eq!(all(&state, "a"), pairs(&[("1", "one")]));
}

#[test]
fn a_deleted_keyspace_is_gone_with_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    put(&state, "a", "1", "one");
    put(&state, "b", "2", "two");
    let access = state.access().unwrap();
    access.delete("a").unwrap();
    access.delete("never").unwrap();
    assert_eq!(access.names(), ["b"]);
    assert!(access.existing("a").unwrap().is_none());
    drop(access);
    put(&state, "a", "1", "new");
    state.reopen().unwrap();
    assert_eq!(all(&state, "a"), pairs(&[("1", "new")]));
}

#[test]
fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    let error = State::open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error:?}");
    drop(state);
    State::open(dir.path()).unwrap();
}

#[test]
fn an_empty_range_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    put(&state, "a", "1", "one");
    let access = state.access().unwrap();
    let space = access.space("a").unwrap();
    assert_eq!(space.range(b"2", b"0").count(), 0);
    assert_eq!(space.range(b"1", b"1").count(), 0);
}
