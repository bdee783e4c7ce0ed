//! The audit log with its thread and its files.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::file::Files;
use super::*;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

const START: Timestamp = Timestamp::from_secs(1_800_000_000);

fn entry<'a>(what: What, grant: &'a str, detail: &'a str) -> Entry<'a> {
    Entry {
        what,
        grant,
        caller: Caller {
            peer: Some([192, 0, 2, 1].into()),
            route: "/v1/devices",
        },
        detail,
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text<'v>(line: &'v Value, key: &str) -> &'v str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn each_entry_is_a_line_of_json_whatever_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    let writer = Writer::start(path.clone()).unwrap();
    writer.note(&entry(What::Login, "gas", ""), START);
    let hostile = format!("\"}}\n{{\"what\":\"login\"\u{0}{}", "x".repeat(5_000));
    writer.note(&entry(What::Operate, "gas", &hostile), START);
    append(&path, &entry(What::TokenRevoked, "gas", ""), START).unwrap();
    writer.close(START);
    writer.note(&entry(What::Login, "late", ""), START);
    assert_eq!(writer.dropped(), 1, "after the end");
    let mut whats: Vec<String> = lines(&path)
        .iter()
        .map(|line| {
            assert_eq!(text(line, "grant"), "gas");
            assert_eq!(text(line, "time"), START.to_string());
            assert!(text(line, "detail").len() <= TEXT_BYTES_MAX);
            text(line, "what").to_owned()
        })
        .collect();
    whats.sort();
    assert_eq!(whats, ["login", "operate", "token_revoked"]);
}

#[test]
fn files_are_numbered_and_the_oldest_goes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    let mut files = Files::open(path.clone(), 100).unwrap();
    for at in 0..100 {
        files.append(format!("{at:09}\n").as_bytes()).unwrap();
    }
    let numbered = |number: usize| PathBuf::from(format!("{}.{number}", path.display()));
    assert_eq!(
        fs::read_to_string(&path).unwrap().lines().last(),
        Some("000000099")
    );
    assert_eq!(
        fs::read_to_string(numbered(1)).unwrap().lines().last(),
        Some("000000089")
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), FILES_MAX);
    assert!(!numbered(FILES_MAX).exists());
    // Somebody else's rotation is followed.
    fs::rename(&path, dir.path().join("taken")).unwrap();
    files.append(b"new\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
}

#[test]
fn a_link_in_the_files_place_leads_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    let target = dir.path().join("target");
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let note = || append(&path, &entry(What::Login, "gas", ""), START);
    assert!(note().is_err());
    assert!(!target.exists(), "made through the link");
    fs::write(&target, "theirs").unwrap();
    assert!(note().is_err() && Writer::start(path.clone()).is_err());
    assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
    fs::remove_file(&path).unwrap();
    note().unwrap();
    note().unwrap();
    assert_eq!(lines(&path).len(), 2);
}

#[test]
fn a_disk_that_fails_costs_entries_and_the_next_line_says_how_many() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("audit.log");
    let writer = Writer::start(path.clone()).unwrap();
    // The folder goes: what is appended then has no place.
    fs::remove_dir_all(&folder).unwrap();
    writer.note(&entry(What::Login, "lost", ""), START);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while writer.dropped() == 0 {
        assert!(std::time::Instant::now() < until, "the loss is not counted");
        std::thread::yield_now();
    }
    fs::create_dir(&folder).unwrap();
    writer.note(&entry(What::Login, "kept", ""), START);
    writer.close(START);
    let lines = lines(&path);
    let [line] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert_eq!(text(line, "grant"), "kept");
    assert_eq!(line.get("dropped").and_then(Value::as_u64), Some(1));
}
