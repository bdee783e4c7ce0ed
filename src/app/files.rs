//! The files that a configuration names, read and checked as one: at the start, when it is read again,
//! and by `citygate check`.
use super::snapshot::{self, Snapshot};
use super::wrong::Wrong;
use crate::access;
use crate::config::Config;
use crate::model::chain;
use crate::model::settings::Problem;
use crate::sources::mqtt::Users;
use crate::sources::push::{self, Doors};
use crate::telemetry::Part;
use std::error::Error;
use std::path::{Path, PathBuf};

/// What the files say.
#[derive(Debug)]
pub(super) struct Files {
    /// `mqtt.users_file`.
    pub(super) users: Option<Users>,
    /// Inventory and profiles.
    pub(super) snapshot: Snapshot,
    /// The secrets of `[[route]]` with `push`.
    pub(super) doors: Doors,
}

/// Files that a configuration names, and files that these name, as far as they can be read. Blocks.
pub(super) fn named(config: &Config) -> Vec<PathBuf> {
    let mut all = config.files();
    let users = config.mqtt.users_file.as_deref();
    // What is wrong with them is said by who reads them for their content.
    let users = users.and_then(|path| Users::load(path).ok());
    all.extend(users.iter().flat_map(Users::files).cloned());
    // A folder changes when a file of it comes or goes.
    all.push(config.profiles.folder.clone());
    all.extend(snapshot::files(config));
    all.sort();
    all.dedup();
    all
}

/// Reads them. Blocks. `in_force` is the configuration of the start; `before` is the snapshot that works,
/// which is taken again if its files are as they were, else the next has the generation after it.
///
/// # Errors
/// What is wrong with each of them.
pub(super) fn open(
    config: &Config,
    in_force: &Config,
    before: Option<&Snapshot>,
    anew: bool,
) -> Result<Files, Vec<Wrong>> {
    let mut problems = Vec::new();
    let users = config.mqtt.users_file.as_deref();
    let users =
        users.and_then(|path| noted("mqtt.users_file", path, Users::load(path), &mut problems));
    if let Some(access) = &config.access {
        let read = access::read_tokens(access.tokens_file.clone(), &config.catalogue);
        // Before the first `citygate token create` there is no file, and nobody is admitted.
        let read = read.map_or_else(
            |error| {
                if error.is_missing() {
                    Ok(())
                } else {
                    Err(error)
                }
            },
            |_| Ok(()),
        );
        noted(
            "access.tokens_file",
            &access.tokens_file,
            read,
            &mut problems,
        );
    }
    let doors = push::open(config.routes.pushes()).unwrap_or_else(|wrong| {
        problems.extend(wrong);
        Doors::default()
    });
    let mut wrong = Wrong::all(Part::Files, config.placed(problems));
    let current = before.filter(|before| !anew && before.is_current(config));
    let snapshot = current.map_or_else(
        || {
            let generation = before.map_or(1, |before| before.state.generation + 1);
            Snapshot::read(config, in_force, generation)
        },
        |current| Ok(current.clone()),
    );
    match snapshot {
        Ok(snapshot) if wrong.is_empty() => Ok(Files {
            users,
            snapshot,
            doors,
        }),
        snapshot => {
            wrong.extend(snapshot.err().into_iter().flatten());
            Err(wrong)
        }
    }
}

fn noted<T>(
    key: &str,
    path: &Path,
    read: Result<T, impl Error>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    read.inspect_err(|error| {
        problems.push(Problem::new(key, path.display(), chain(error)));
    })
    .ok()
}
