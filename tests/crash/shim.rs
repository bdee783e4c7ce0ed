//! Does the disk lose what a disk may lose, and keep what it must keep?
//!
//! A second process (this test binary again) plays a script of file operations under the shim; then the power is cut.
use crate::disk::{Counters, Cut, Disk};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

/// Linux, on the platforms that we build for.
const O_SYNC: i32 = 0o4_010_000;
const SCRIPT: &str = "CITYGATE_CRASH_SCRIPT";

/// Not a test: the process under the shim. Without a script it does nothing.
#[test]
fn actor() {
    let Ok(script) = std::env::var(SCRIPT) else {
        return;
    };
    let root = std::env::var("CITYGATE_SHIM_ROOT").unwrap();
    std::env::set_current_dir(root).unwrap();
    let cwd = std::env::current_dir().unwrap();
    for line in script.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let path = cwd.join(words[1]);
        let other = || cwd.join(words[2]);
        let append = || File::options().append(true).open(&path).unwrap();
        match words[0] {
            "create" => drop(File::create_new(&path).unwrap()),
            "append" => append().write_all(words[2].as_bytes()).unwrap(),
            "replace" => fs::write(&path, words[2]).unwrap(),
            "poke" => {
                let file = File::options().write(true).open(&path).unwrap();
                file.write_all_at(words[3].as_bytes(), number(words[2]))
                    .unwrap();
            }
            "cloned" => {
                let clone = append().try_clone().unwrap();
                (&clone).write_all(words[2].as_bytes()).unwrap();
                clone.sync_data().unwrap();
            }
            "resize" => append().set_len(number(words[2])).unwrap(),
            "datasync" => append().sync_data().unwrap(),
            "sync" => File::open(&path).unwrap().sync_all().unwrap(),
            "copy" => drop(fs::copy(&path, other()).unwrap()),
            "rename" => fs::rename(&path, other()).unwrap(),
            "raw_rename" => rustix::fs::rename(&path, other()).unwrap(),
            "link" => fs::hard_link(&path, other()).unwrap(),
            "unlink" => fs::remove_file(&path).unwrap(),
            "mkdir" => fs::create_dir(&path).unwrap(),
            "remove_all" => fs::remove_dir_all(&path).unwrap(),
            "kill_at" => control(0, number(words[1])),
            "roll_at" => control(1, number(words[1])),
            "o_sync" => {
                let mut options = File::options();
                std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, O_SYNC);
                drop(options.write(true).open(&path).unwrap());
            }
            unknown => panic!("`{unknown}` is no operation"),
        }
    }
}

fn control(field: u64, value: u64) {
    let path = std::env::var("CITYGATE_SHIM_CTL").unwrap();
    let control = File::options().write(true).open(path).unwrap();
    control
        .write_all_at(&value.to_ne_bytes(), field * 8)
        .unwrap();
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

struct After {
    files: BTreeMap<String, String>,
    cut: Cut,
    killed: bool,
    counters: Counters,
}

/// Plays `script`, cuts the power and returns what is left. `durable` was there before.
fn after(durable: &[(&str, &str)], script: &str, relax: bool) -> After {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path());
    for (name, content) in durable {
        fs::write(disk.root().join(name), content).unwrap();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "shim::actor"]).env(SCRIPT, script);
    disk.attach(&mut command, "*.seg", 0, relax);
    let output = command.output().unwrap();
    let killed = output.status.signal() == Some(9);
    assert!(
        killed || output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let counters = disk.counters();
    assert_eq!(counters.died != 0, killed);
    let cut = disk.cut(0);
    After {
        files: files(disk.root()),
        cut,
        killed,
        counters,
    }
}

/// Files with their content, directories with a slash.
fn files(root: &Path) -> BTreeMap<String, String> {
    crate::disk::tree(root)
        .into_iter()
        .map(|path| {
            let name = path.to_str().unwrap().to_owned();
            match fs::read_to_string(root.join(&path)) {
                Ok(content) => (name, content),
                Err(_) => (name + "/", String::new()),
            }
        })
        .collect()
}

#[track_caller]
fn leaves(script: &str, expected: &[(&str, &str)]) {
    leaves_of(&[("old", "old")], script, expected);
}

#[track_caller]
fn leaves_of(durable: &[(&str, &str)], script: &str, expected: &[(&str, &str)]) {
    let expected: BTreeMap<String, String> = expected
        .iter()
        .map(|(name, content)| ((*name).to_owned(), (*content).to_owned()))
        .collect();
    assert_eq!(after(durable, script, false).files, expected, "{script}");
}

#[test]
fn unsynced_bytes_are_lost() {
    let after = after(&[("old", "old")], "append old er", false);
    assert_eq!(after.files["old"], "old");
    assert_eq!((after.cut.bytes, after.cut.names), (2, 0));
    leaves(
        "append old er\ndatasync old\nappend old !",
        &[("old", "older")],
    );
    leaves("poke old 1 X\nsync old\npoke old 0 Y", &[("old", "oXd")]);
    leaves("cloned old er", &[("old", "older")]);
    leaves("replace old n\nsync old", &[("old", "n")]);
    leaves("replace old n", &[("old", "old")]);
}

#[test]
fn sizes_are_durable_by_sync_alone() {
    leaves("resize old 1", &[("old", "old")]);
    leaves("resize old 1\nsync old", &[("old", "o")]);
    leaves("resize old 1\nresize old 3\nsync old", &[("old", "o\0\0")]);
    leaves(
        "resize old 5\nsync old\nappend old x",
        &[("old", "old\0\0")],
    );
}

#[test]
fn a_new_file_needs_the_sync_of_its_directory() {
    leaves("create new\nappend new n\nsync new", &[("old", "old")]);
    leaves(
        "create new\nappend new n\nsync .",
        &[("old", "old"), ("new", "")],
    );
    leaves(
        "create new\nappend new n\ndatasync new\nsync .",
        &[("old", "old"), ("new", "n")],
    );
    leaves(
        "copy old new\nsync new\nsync .",
        &[("old", "old"), ("new", "old")],
    );
    leaves(
        "link old new\nsync .\nappend new er\nsync new",
        &[("old", "older"), ("new", "older")],
    );
}

#[test]
fn names_change_by_the_sync_of_the_directory() {
    for rename in ["rename", "raw_rename"] {
        leaves(&format!("{rename} old new"), &[("old", "old")]);
        leaves(&format!("{rename} old new\nsync new"), &[("old", "old")]);
        leaves(&format!("{rename} old new\nsync ."), &[("new", "old")]);
    }
    leaves("unlink old", &[("old", "old")]);
    leaves("unlink old\nsync .", &[]);
    // The inode number is free after the unlink: the next file may get it, and must not be taken for the first.
    leaves(
        "unlink old\ncreate new\nappend new n\nsync new",
        &[("old", "old")],
    );
    // The way to replace a file atomically.
    leaves(
        "create new\nappend new n\nsync new\nrename new old\nsync .",
        &[("old", "n")],
    );
}

#[test]
fn directories_are_entries_of_their_parent() {
    leaves("mkdir d\ncreate d/f\nsync d/f\nsync d", &[("old", "old")]);
    leaves("mkdir d\ncreate d/f\nsync .", &[("old", "old"), ("d/", "")]);
    leaves(
        "mkdir d\ncreate d/f\nsync d\nsync .",
        &[("old", "old"), ("d/", ""), ("d/f", "")],
    );
    leaves(
        "mkdir d\ncreate d/f\nsync d\nsync .\nremove_all d",
        &[("old", "old"), ("d/", ""), ("d/f", "")],
    );
    let relaxed = after(&[], "mkdir d\nmkdir d/e\ncreate d/e/f\nsync d/e", true);
    let names: Vec<_> = relaxed.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["d/", "d/e/", "d/e/f"]);
}

#[test]
fn the_process_dies_at_the_operation_asked_for() {
    // Each operation has a beginning and an end, and either is a place to die: opening a file that exists is none.
    let script =
        |at| format!("kill_at {at}\nappend old 1\ndatasync old\nappend old 2\ndatasync old");
    let content = |at| {
        let after = after(&[("old", "")], &script(at), false);
        (after.files["old"].clone(), after.cut.bytes, after.killed)
    };
    assert_eq!(content(1), (String::new(), 0, true));
    assert_eq!(content(2), (String::new(), 1, true));
    assert_eq!(content(3), (String::new(), 1, true));
    assert_eq!(content(4), ("1".to_owned(), 0, true));
    assert_eq!(content(6), ("1".to_owned(), 1, true));
    assert_eq!(content(8), ("12".to_owned(), 0, true));
    assert_eq!(content(9), ("12".to_owned(), 0, false));
}

#[test]
fn a_roll_lasts_from_the_creation_to_the_sync_of_the_directory() {
    let script = |at| {
        format!(
            "roll_at {at}\ncreate a.seg\nappend a.seg x\nsync a.seg\nsync .\nappend a.seg y\nsync a.seg"
        )
    };
    let none = after(&[], &script(0), false);
    let counters = none.counters;
    assert_eq!(
        (counters.rolls, counters.syncs, counters.directory_syncs),
        (1, 2, 1)
    );
    assert_eq!((none.files["a.seg"].as_str(), none.killed), ("xy", false));
    // At the third operation the write has ended; at the latest it ends where the directory would be synced.
    for (at, bytes) in [(1, 0), (3, 1), (5, 1), (99, 1)] {
        let after = after(&[], &script(at), false);
        assert!(after.killed && after.counters.died_in_roll, "{at}");
        assert_eq!(
            (after.files.len(), after.cut.bytes, after.cut.names),
            (0, bytes, 1),
            "{at}"
        );
    }
}

#[test]
fn what_cannot_be_followed_ends_the_process() {
    let died = std::panic::catch_unwind(|| after(&[("old", "old")], "o_sync old", false));
    let said = died.err().and_then(|said| said.downcast::<String>().ok());
    assert!(said.is_some_and(|said| said.contains("O_SYNC is not modelled")));
}
