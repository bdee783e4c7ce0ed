//! The house rules that a compiler does not check: the direction of imports, sizes, licences, the README.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lowest first; a module may use only modules of lower ranks. `use` one module a line: `crate::{a, b}` is refused.
const RANKS: &[&[&str]] = &[
    &["model"],
    &["telemetry"],
    &["log", "state"],
    &["tls"],
    &["catalogue"],
    &["inventory", "access"],
    &["codecs"],
    &["profiles"],
    &["intake"],
    &["history"],
    &["devices"],
    &["store"],
    &["sources"],
    &["api"],
    &["sim"],
    &["config"],
    &["app"],
    &["cli"],
];
/// May name every module.
const FREE: &[&str] = &["lib", "main"];

/// Nine files in ten, tests included; the measured projects have 369 to 469.
const FILE_LINES_P90_MAX: usize = 400;
/// Any file.
const FILE_LINES_MAX: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|names| names.contains(&module))
}

/// Files below a folder of the project, with this extension ("" for all).
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(dir) = open.pop() {
        let Ok(entries) = fs::read_dir(dir) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if extension.is_empty() || path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Problems of one source file: each use of a module that is not below its own.
fn wrong_uses(module: &str, text: &str) -> Vec<String> {
    let own = rank(module);
    let mut wrong = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        if line.contains("super::super") {
            wrong.push("`super::super`: spell `crate::..`".to_owned());
        }
        for used in line.split("crate::").skip(1) {
            let end = used.find(|c: char| !c.is_alphanumeric() && c != '_');
            let used = &used[..end.unwrap_or(used.len())];
            if used != module && (rank(used).is_none() || rank(used) >= own) {
                wrong.push(format!("`{module}` may not use `{used}`"));
            }
        }
    }
    wrong
}

#[test]
fn modules_use_only_lower_ranks() {
    let src = root().join("src");
    let mut wrong = Vec::new();
    for path in files("src", "rs") {
        let inside = path.strip_prefix(&src).unwrap();
        let module = Path::new(inside.iter().next().unwrap())
            .file_stem()
            .unwrap();
        let module = module.to_str().unwrap();
        if FREE.contains(&module) {
            continue;
        }
        if rank(module).is_none() {
            wrong.push(format!("`{module}` has no rank"));
        }
        let found = wrong_uses(module, &fs::read_to_string(&path).unwrap());
        wrong.extend(
            found
                .iter()
                .map(|what| format!("{}: {what}", inside.display())),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn wrong_uses_are_seen() {
    assert!(wrong_uses("intake", "use crate::log::Log;").is_empty());
    assert!(wrong_uses("intake", "use crate::intake::route::Route;").is_empty());
    assert!(wrong_uses("intake", "/// See [`crate::api`].").is_empty());
    for line in [
        "use crate::api::Api;",
        "use crate::{log, model};",
        "let x = crate::nowhere::x();",
        "use super::super::log;",
    ] {
        assert_eq!(wrong_uses("intake", line).len(), 1, "{line}");
    }
    assert_eq!(wrong_uses("log", "use crate::state::State;").len(), 1);
}

#[test]
fn files_stay_small() {
    let mut sizes: Vec<(usize, PathBuf)> = files("src", "rs")
        .into_iter()
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .collect();
    sizes.sort();
    let (largest, path) = sizes.last().unwrap();
    assert!(
        *largest <= FILE_LINES_MAX,
        "{} has {largest} lines",
        path.display()
    );
    let long = sizes
        .iter()
        .filter(|(lines, _)| *lines > FILE_LINES_P90_MAX);
    let long: Vec<_> = long.collect();
    assert!(
        long.len() * 10 <= sizes.len(),
        "over {FILE_LINES_P90_MAX} lines: {long:#?}"
    );
}

#[test]
fn the_readme_names_what_exists() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["cargo run --release -- demo", "scripts/test.sh"] {
        assert!(
            readme.contains(command),
            "the README does not say `{command}`"
        );
    }
    let code = readme.split("```").skip(1).step_by(2);
    let mut commands: Vec<&str> = code
        .flat_map(str::lines)
        .filter_map(|line| {
            let line = line.trim_start_matches("$ ");
            let words = line.strip_prefix("citygate ");
            words.or_else(|| line.strip_prefix("cargo run --release -- "))
        })
        .filter_map(|words| words.split_whitespace().next())
        .filter(|word| !word.starts_with('-'))
        .collect();
    commands.sort_unstable();
    commands.dedup();
    for command in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_citygate"))
            .args([command, "--help"])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "`citygate {command}` does not exist"
        );
    }
    for path in paths_in(&readme) {
        assert!(root().join(path).exists(), "the README names `{path}`");
    }
}

/// Relative links and files in backticks below the project's own folders.
fn paths_in(text: &str) -> Vec<&str> {
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let links = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    let links = links.filter_map(|link| link.split('#').next());
    let ticks = text.split('`').filter(|word| {
        let first = word.split('/').next().unwrap_or_default();
        [
            "benches", "deploy", "examples", "proto", "scripts", "src", "tests",
        ]
        .contains(&first)
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
    });
    links.chain(ticks).collect()
}

#[test]
fn the_changelog_has_entries() {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(changelog.lines().any(|line| line.starts_with("- ")));
}

/// Nothing of one machine, and no package server but the default one, stands in the repository.
#[test]
fn no_traces_of_a_machine() {
    let listed = Command::new("git")
        .arg("-C")
        .arg(root())
        .args(["ls-files", "-z"])
        .output();
    let Ok(listed) = listed.map(|output| String::from_utf8(output.stdout).unwrap()) else {
        return; // An archive without git has no tracked files to speak of.
    };
    let mut traces: Vec<String> = ["/root/", "/home/", "-index-url", "pypi.", "index.crates."]
        .map(str::to_owned)
        .into();
    // Where this clone lies, unless that is a name which might stand in any text.
    let parent = root().parent().unwrap().to_str().unwrap();
    if parent.len() > 5 {
        traces.push(format!("{parent}/"));
    }
    let mut found = Vec::new();
    for name in listed
        .split('\0')
        .filter(|name| !name.is_empty() && *name != "tests/house.rs")
    {
        let Ok(text) = fs::read_to_string(root().join(name)) else {
            continue;
        };
        for (at, line) in text.lines().enumerate() {
            if traces.iter().any(|trace| line.contains(trace.as_str())) {
                found.push(format!("{name}:{}: {line}", at + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Every package of the lock file comes from the one registry, under a licence of deny.toml, and none is banned.
#[test]
fn packages_are_as_deny_toml_says() {
    let deny: toml::Table = fs::read_to_string(root().join("deny.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let allowed: Vec<&str> = strings(&deny["licenses"]["allow"]).collect();
    let exceptions = deny["licenses"]["exceptions"].as_array().unwrap();
    let banned = deny["bans"]["deny"].as_array().unwrap().iter();
    let banned: Vec<&str> = banned.map(|ban| ban["name"].as_str().unwrap()).collect();
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--all-features",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_default();
        let source = package["source"].as_str();
        let own = exceptions
            .iter()
            .filter(|one| one["name"].as_str() == Some(name));
        let own = own.flat_map(|one| strings(&one["allow"]));
        let allowed: Vec<&str> = allowed.iter().copied().chain(own).collect();
        if !permits(&licence.replace('/', " OR "), &allowed) {
            wrong.push(format!("{name}: licence `{licence}`"));
        }
        if banned.contains(&name) {
            wrong.push(format!("{name}: banned"));
        }
        if source.is_some_and(|source| !source.starts_with("registry+")) {
            wrong.push(format!("{name}: from {source:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn strings(array: &toml::Value) -> impl Iterator<Item = &str> {
    array
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
}

/// SPDX with OR inside parentheses or alone, AND between: as much of the grammar as the lock file uses.
fn permits(expression: &str, allowed: &[&str]) -> bool {
    !expression.is_empty()
        && expression.split(" AND ").all(|part| {
            let part = part.trim_matches(['(', ')', ' ']);
            part.split(" OR ")
                .any(|licence| allowed.contains(&licence.trim()))
        })
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = ["MIT", "Unicode-3.0"];
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
    ] {
        assert!(permits(good, &allowed), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR Apache-2.0) AND GPL-3.0",
    ] {
        assert!(!permits(bad, &allowed), "{bad}");
    }
}
