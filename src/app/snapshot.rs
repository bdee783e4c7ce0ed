//! Inventory and profiles, read and checked together: at the start, when they are read again, by
//! `citygate check` and by `citygate decode`.
//!
//! Decision: what is named across files (a route's profile, a device's profile) is checked here, where
//! all of them are known. A name that belongs to a file with mistakes is no mistake of who names it.
use super::wrong::Wrong;
use crate::codecs::CODECS;
use crate::config::Config;
use crate::intake::{Knowledge, Routes};
use crate::inventory::{self, Inventory};
use crate::model::FileIdentity;
use crate::model::settings::{Problem, nearest_name};
use crate::profiles::{self, Profiles};
use crate::telemetry::{Part, SnapshotState};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// What is known, and the files that say it.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) knowledge: Arc<Knowledge>,
    /// What became of reading it, for those who look.
    pub(super) state: SnapshotState,
    origin: Origin,
}

/// The files of a snapshot, as they were before they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    inventory: inventory::Config,
    profiles: profiles::Config,
    files: Vec<(PathBuf, Option<FileIdentity>)>,
}

impl Origin {
    fn of(config: &Config) -> Self {
        let identity = |path: PathBuf| {
            let found = fs::metadata(&path).ok();
            (path, found.as_ref().map(FileIdentity::of))
        };
        Self {
            inventory: config.inventory.clone(),
            profiles: config.profiles.clone(),
            files: files(config).into_iter().map(identity).collect(),
        }
    }

    /// Files that are others than those that were read, are new, or are gone.
    fn changed(&self, now: &Self) -> Vec<Wrong> {
        let of = |origin: &Self, file: &PathBuf| {
            let mut files = origin.files.iter();
            files.find(|(path, _)| path == file).map(|(_, is)| *is)
        };
        let files = self.files.iter().chain(&now.files).map(|(path, _)| path);
        let changed: BTreeSet<&PathBuf> = files
            .filter(|path| of(self, path) != of(now, path))
            .collect();
        let changed = changed.into_iter().map(|path| {
            let part = match &self.inventory.file {
                Some(file) if file == path => Part::Inventory,
                _ => Part::Profiles,
            };
            let rule = "changed while it was read; it is read again once it rests";
            let problem = Problem::new("file", path.display(), rule);
            Wrong { part, problem }
        });
        changed.collect()
    }
}

/// The files of the snapshot that a configuration names.
pub(super) fn files(config: &Config) -> Vec<PathBuf> {
    // What cannot be listed is said by who reads it.
    let profiles = config.profiles.files().unwrap_or_default();
    let inventory = config.inventory.file.iter().cloned();
    inventory.chain(profiles).collect()
}

impl Snapshot {
    /// Reads it. Blocks, for seconds where there are a million devices. `in_force` has the catalogue and
    /// the zone that are so: profiles point into the first.
    pub(super) fn read(
        config: &Config,
        in_force: &Config,
        generation: u64,
    ) -> Result<Self, Vec<Wrong>> {
        Self::of(config, || read(config, in_force, generation))
    }

    /// `read` reads the files: of one that is written meanwhile it may have seen a half.
    fn of(
        config: &Config,
        read: impl FnOnce() -> Result<Knowledge, Vec<Wrong>>,
    ) -> Result<Self, Vec<Wrong>> {
        let started = Instant::now();
        let origin = Origin::of(config);
        let knowledge = read();
        let changed = origin.changed(&Origin::of(config));
        if !changed.is_empty() {
            // Whatever is wrong in a half is no mistake of who writes it.
            return Err(changed);
        }
        let knowledge = knowledge?;
        let inventory = &knowledge.inventory;
        let state = SnapshotState {
            generation: knowledge.generation,
            took: started.elapsed(),
            devices: (!inventory.is_absent()).then(|| inventory.devices() as u64),
            profiles: knowledge.profiles.iter().count() as u64,
            ..SnapshotState::default()
        };
        Ok(Self {
            knowledge: Arc::new(knowledge),
            state,
            origin,
        })
    }

    /// Would this configuration read the same files, as they were? Then nobody has to read a million
    /// rows because a token was made.
    pub(super) fn is_current(&self, config: &Config) -> bool {
        self.origin == Origin::of(config)
    }

    /// What is wrong with routes by it: the profiles that they name and that it does not know.
    pub(super) fn lacks(&self, routes: &Routes) -> Vec<Problem> {
        let read = self.knowledge.profiles.iter();
        let known = read.map(|profile| profile.name()).chain(built_in());
        unknown_profiles(routes, &known.collect::<Vec<_>>())
    }
}

/// Names of profiles that need no file.
fn built_in<'n>() -> impl Iterator<Item = &'n str> {
    CODECS.iter().map(|(name, _)| -> &'n str { name })
}

fn unknown_profiles(routes: &Routes, known: &[&str]) -> Vec<Problem> {
    let named = routes.profiles();
    let unknown = named.filter(|(_, name)| !known.contains(name));
    let problem = |(at, name): (usize, &str)| {
        let near = nearest_name(name, known.iter().copied());
        let near = near.map(|near| format!("; did you mean `{near}`?"));
        let rule = format!("is no profile{}", near.unwrap_or_default());
        Problem::new(format!("route[{at}].profile"), format!("{name:?}"), rule)
    };
    unknown.map(problem).collect()
}

fn read(config: &Config, in_force: &Config, generation: u64) -> Result<Knowledge, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let profiles = profiles_of(config, in_force);
    let inventory = inventory_of(config, in_force);
    let names = names(config, profiles.as_ref().ok(), in_force);
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let unknown = unknown_profiles(&config.routes, &known);
    wrong.extend(Wrong::all(Part::Config, config.placed(unknown)));
    let inventory = inventory.and_then(|inventory| {
        let unknown = inventory.unknown_profiles(&known);
        unknown.is_empty().then_some(inventory).ok_or(unknown)
    });
    match (inventory, profiles) {
        (Ok(inventory), Ok(profiles)) if wrong.is_empty() => Ok(Knowledge {
            inventory,
            profiles,
            generation,
        }),
        (inventory, profiles) => {
            let placed = |problems: Option<Vec<Problem>>| {
                // Those of the files themselves have a place, or are none of a key.
                let problems = problems.unwrap_or_default().into_iter();
                let (keys, own): (Vec<_>, Vec<_>) =
                    problems.partition(|problem| problem.key.starts_with("devices."));
                config.placed(keys).into_iter().chain(own)
            };
            wrong.extend(Wrong::all(Part::Inventory, placed(inventory.err())));
            wrong.extend(Wrong::all(Part::Profiles, placed(profiles.err())));
            Err(wrong)
        }
    }
}

fn profiles_of(config: &Config, in_force: &Config) -> Result<Profiles, Vec<Problem>> {
    let folder = &config.profiles.folder;
    // One that is named must be there.
    let problem = |error: std::io::Error| {
        Problem::new("devices.profiles", folder.display(), error.to_string())
    };
    config
        .profiles
        .files()
        .map_err(|error| vec![problem(error)])?;
    Profiles::read(folder, &in_force.catalogue)
}

fn inventory_of(config: &Config, in_force: &Config) -> Result<Inventory, Vec<Problem>> {
    let inventory::Config { file, unknown } = &config.inventory;
    match file {
        None => Ok(Inventory::none(*unknown)),
        Some(file) => inventory::load(file, &in_force.catalogue, &in_force.zone, *unknown),
    }
}

/// Names of all profiles: of those that need no file, of those out of files, and of files with mistakes.
fn names(config: &Config, profiles: Option<&Profiles>, in_force: &Config) -> Vec<String> {
    let shipped = Profiles::shipped(&in_force.catalogue);
    let read = profiles.unwrap_or(&shipped).iter();
    let read = read.map(|profile| profile.name().to_owned());
    let built_in = built_in().map(str::to_owned);
    let files = config.profiles.files().unwrap_or_default();
    let stem = |file: &PathBuf| Some(file.file_stem()?.to_str()?.to_owned());
    let files = files.iter().filter_map(stem);
    let mut names: Vec<String> = built_in.chain(read).chain(files).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_changes_while_it_is_read_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("profiles")).unwrap();
        let csv = "id,kind\nm-1,meter.water\nm-2,meter.water\n";
        fs::write(at("devices.csv"), csv).unwrap();
        let (inventory, profiles) = (at("devices.csv"), at("profiles"));
        let text = format!(
            "[devices]\ninventory = '{}'\nprofiles = '{}'\n",
            inventory.display(),
            profiles.display()
        );
        let config = Config::parse(&text, []).unwrap();
        let meanwhile = |change: &dyn Fn()| {
            Snapshot::of(&config, || {
                let knowledge = read(&config, &config, 1);
                change();
                knowledge
            })
        };
        // Rewritten in place: what was read is a half, right or wrong.
        for half in ["id,kind\nm-1,meter.water\n", "id,kind\nm-1,meter.wa"] {
            let found = meanwhile(&|| fs::write(&inventory, half).unwrap());
            let found = found.map(|_| ()).unwrap_err();
            let [wrong] = found.as_slice() else {
                panic!("{found:?}");
            };
            assert_eq!(wrong.part, Part::Inventory);
            let said = wrong.problem.to_string();
            assert!(
                said.contains("devices.csv: changed while it was read"),
                "{said}"
            );
        }
        fs::write(&inventory, csv).unwrap();
        let added = profiles.join("new.toml");
        let found = meanwhile(&|| fs::write(&added, "").unwrap());
        let found = found.map(|_| ()).unwrap_err();
        assert_eq!(found.first().unwrap().part, Part::Profiles);
        fs::remove_file(added).unwrap();
        let read = meanwhile(&|| ()).unwrap();
        assert_eq!(read.state.devices, Some(2));
    }
}
