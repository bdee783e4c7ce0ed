//! The files that a configuration names, read and checked as one: at the start, when it is read again,
//! and by `citygate check`.
use crate::access;
use crate::config::Config;
use crate::model::chain;
use crate::model::settings::Problem;
use crate::sources::mqtt::Users;
use crate::sources::push::{self, Doors};
use std::error::Error;
use std::path::{Path, PathBuf};

/// What the files say.
#[derive(Debug)]
pub(super) struct Files {
    /// `mqtt.users_file`.
    pub(super) users: Option<Users>,
    /// The secrets of `[[route]]` with `push`.
    pub(super) doors: Doors,
}

impl Files {
    /// Files that these files name.
    pub(super) fn named(&self) -> impl Iterator<Item = PathBuf> {
        let users = self.users.iter().flat_map(Users::files);
        users.cloned()
    }
}

/// Reads them. Blocks.
///
/// # Errors
/// What is wrong with each of them.
pub(super) fn open(config: &Config) -> Result<Files, Vec<Problem>> {
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
    if problems.is_empty() {
        Ok(Files { users, doors })
    } else {
        Err(config.placed(problems))
    }
}

/// Everything that is wrong with the files that a configuration names, as `run` would find it. Blocks.
pub fn check(config: &Config) -> Vec<Problem> {
    open(config).err().unwrap_or_default()
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
