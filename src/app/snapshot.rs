//! Inventory and profiles, read and checked together: at the start, when they are read again, by
//! `citygate check` and by `citygate decode`.
//!
//! Decision: what is named across files (a route's profile, a device's profile) is checked here, where
//! all of them are known. A name that belongs to a file with mistakes is no mistake of who names it.
use super::wrong::Wrong;
use crate::codecs::CODECS;
use crate::config::Config;
use crate::intake::Knowledge;
use crate::inventory::{self, Inventory};
use crate::model::FileIdentity;
use crate::model::settings::{Problem, nearest};
use crate::profiles::{self, Profiles};
use crate::telemetry::{Part, SnapshotState};
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
        let started = Instant::now();
        let origin = Origin::of(config);
        let knowledge = read(config, in_force, generation)?;
        let inventory = &knowledge.inventory;
        let state = SnapshotState {
            generation,
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
}

fn read(config: &Config, in_force: &Config, generation: u64) -> Result<Knowledge, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let profiles = profiles_of(config, in_force);
    let inventory = inventory_of(config, in_force);
    let names = names(config, profiles.as_ref().ok(), in_force);
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    for (at, name) in config.routes.profiles() {
        if !known.contains(&name) {
            let near = nearest(name, known.iter().copied());
            let near = near.map(|near| format!("; did you mean `{near}`?"));
            let rule = format!("is no profile{}", near.unwrap_or_default());
            let problem = Problem::new(format!("route[{at}].profile"), format!("{name:?}"), rule);
            wrong.extend(Wrong::all(Part::Config, config.placed(vec![problem])));
        }
    }
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
    let built_in = CODECS.iter().map(|(name, _)| (*name).to_owned());
    let files = config.profiles.files().unwrap_or_default();
    let stem = |file: &PathBuf| Some(file.file_stem()?.to_str()?.to_owned());
    let files = files.iter().filter_map(stem);
    let mut names: Vec<String> = built_in.chain(read).chain(files).collect();
    names.sort();
    names.dedup();
    names
}
