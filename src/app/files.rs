//! The files that a configuration names, read and checked as one: at the start, when it is read again,
//! and by `citygate check`.
use super::snapshot::{self, Snapshot};
use super::wrong::Wrong;
use crate::access;
use crate::config::Config;
use crate::intake::Routes;
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
    /// Who may come in.
    pub(super) admission: Admission,
    /// Inventory and profiles.
    pub(super) snapshot: Snapshot,
}

/// Who may come in.
#[derive(Debug)]
pub(super) struct Admission {
    /// `mqtt.users_file`.
    pub(super) users: Option<Users>,
    /// The secrets of `[[route]]` with `push`.
    pub(super) doors: Doors,
}

/// Something is wrong with the files.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) wrong: Vec<Wrong>,
    /// If that is only inventory or profiles: no reason to let somebody in who may not come any more.
    pub(super) admission: Option<Box<Admission>>,
}

/// What works while another configuration is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct InForce<'c> {
    /// The configuration of the start.
    pub(super) config: &'c Config,
    /// Routes that work on until a restart, whatever the other configuration says of them.
    pub(super) routes: Option<&'c Routes>,
    /// Inventory and profiles.
    pub(super) snapshot: Option<&'c Snapshot>,
}

/// Files that a configuration names, and files that these name, as far as they can be read; the
/// inventory first, for a watch has room for so many. Blocks.
pub(super) fn named(config: &Config) -> Vec<PathBuf> {
    let inventory = config.inventory.file.clone();
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
    all.retain(|file| Some(file) != inventory.as_ref());
    inventory.into_iter().chain(all).collect()
}

/// Reads them for the first time. Blocks.
///
/// # Errors
/// What is wrong with each of them.
pub(super) fn open_first(config: &Config) -> Result<Files, Vec<Wrong>> {
    let in_force = InForce {
        config,
        routes: None,
        snapshot: None,
    };
    open(config, in_force, true).map_err(|refusal| refusal.wrong)
}

/// Reads them. Blocks. Unless all is read `anew`, the snapshot in force is taken again if its files are
/// as they were; else the next has the generation after it.
///
/// # Errors
/// What is wrong with each of them.
pub(super) fn open(config: &Config, in_force: InForce<'_>, anew: bool) -> Result<Files, Refusal> {
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
    let may_come = wrong.is_empty();
    let admission = Admission { users, doors };
    match snapshot_of(config, in_force, anew) {
        Ok(snapshot) if may_come => Ok(Files {
            admission,
            snapshot,
        }),
        snapshot => {
            let others = snapshot.err().unwrap_or_default();
            let is_content = |wrong: &Wrong| matches!(wrong.part, Part::Inventory | Part::Profiles);
            let may_come = may_come && others.iter().all(is_content);
            wrong.extend(others);
            Err(Refusal {
                wrong,
                admission: may_come.then(|| Box::new(admission)),
            })
        }
    }
}

fn snapshot_of(config: &Config, in_force: InForce<'_>, anew: bool) -> Result<Snapshot, Vec<Wrong>> {
    let before = in_force.snapshot;
    let current = before.filter(|before| !anew && before.is_current(config));
    let snapshot = if let Some(current) = current {
        let wrong = config.placed(current.lacks(&config.routes));
        if !wrong.is_empty() {
            return Err(Wrong::all(Part::Config, wrong));
        }
        current.clone()
    } else {
        let generation = before.map_or(1, |before| before.state.generation + 1);
        Snapshot::read(config, in_force.config, generation)?
    };
    let waits = in_force.routes.map(|routes| snapshot.lacks(routes));
    let waits = waits.unwrap_or_default().into_iter();
    let wrong: Vec<Problem> = waits
        .map(|mut problem| {
            problem.rule += "; the routes of the start name it until the restart";
            problem
        })
        .collect();
    if wrong.is_empty() {
        Ok(snapshot)
    } else {
        Err(Wrong::all(Part::Config, wrong))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::fs;

    const WRONG: &str = "[[route]]\ntopic = 'a/{device}'\nprofile = 'sen-ml'\n";

    /// A configuration with an inventory and profiles in a folder.
    fn config(dir: &Path, more: &str) -> Config {
        let at = |name: &str| dir.join(name).display().to_string();
        let (inventory, profiles) = (at("devices.csv"), at("profiles"));
        let devices = format!("[devices]\ninventory = '{inventory}'\nprofiles = '{profiles}'\n");
        Config::parse(&format!("{more}{devices}"), []).unwrap()
    }

    fn city() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("profiles")).unwrap();
        fs::write(dir.path().join("devices.csv"), "id,kind\nm-1,meter.water\n").unwrap();
        dir
    }

    fn refused(refusal: Result<Files, Refusal>) -> (Vec<Part>, Vec<String>, bool) {
        let Refusal { wrong, admission } = refusal.unwrap_err();
        let parts = wrong.iter().map(|it| it.part).collect();
        let problems = wrong.iter().map(|it| it.problem.to_string());
        (parts, problems.collect(), admission.is_some())
    }

    #[test]
    fn routes_are_checked_against_the_snapshot_that_is_taken_again() {
        let city = city();
        let plain = config(city.path(), "");
        let first = open_first(&plain).unwrap().snapshot;
        let in_force = InForce {
            config: &plain,
            routes: None,
            snapshot: Some(&first),
        };
        let (parts, problems, may_come) =
            refused(open(&config(city.path(), WRONG), in_force, false));
        assert_eq!((parts, may_come), (vec![Part::Config], false));
        assert!(
            problems
                .first()
                .unwrap()
                .contains("route[0].profile = \"sen-ml\": is no profile; did you mean `senml`?"),
            "{problems:?}"
        );
        let right = WRONG.replace("sen-ml", "senml");
        let again = open(&config(city.path(), &right), in_force, false).unwrap();
        assert_eq!(again.snapshot.state.generation, 1, "it is taken again");

        // Routes that wait for a restart: those of the start work on.
        let started = config(city.path(), WRONG);
        let in_force = InForce {
            routes: Some(&started.routes),
            ..in_force
        };
        for anew in [false, true] {
            let (parts, problems, _) = refused(open(&plain, in_force, anew));
            assert_eq!(parts, [Part::Config]);
            let found = problems.first().unwrap();
            assert!(found.contains("until the restart"), "{problems:?}");
        }
    }

    #[test]
    fn a_mistake_in_the_inventory_is_no_reason_to_let_anybody_in() {
        let city = city();
        let users = city.path().join("users.toml");
        fs::write(&users, "").unwrap();
        let text = format!("[mqtt]\nusers_file = '{}'\n", users.display());
        let config = config(city.path(), &text);
        let first = open_first(&config).unwrap().snapshot;
        let in_force = InForce {
            config: &config,
            routes: None,
            snapshot: Some(&first),
        };
        fs::write(city.path().join("devices.csv"), "id,kind\nm-1,meter.wata\n").unwrap();
        let (parts, _, may_come) = refused(open(&config, in_force, false));
        assert_eq!((parts, may_come), (vec![Part::Inventory], true));
        fs::remove_file(users).unwrap();
        let (parts, _, may_come) = refused(open(&config, in_force, false));
        assert_eq!(parts, [Part::Files, Part::Inventory]);
        assert!(!may_come);
    }

    #[test]
    fn the_inventory_is_the_first_that_is_watched() {
        let city = city();
        for n in 0..30 {
            fs::write(city.path().join("profiles").join(format!("a-{n}.toml")), "").unwrap();
        }
        let named = named(&config(city.path(), ""));
        assert_eq!(named.first(), Some(&city.path().join("devices.csv")));
        assert_eq!(named.len(), 32, "{named:?}");
    }
}
