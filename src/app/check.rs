//! What `citygate check` asks: everything that is wrong with the files of a configuration, and with the
//! fixtures of its profiles.
//!
//! Decision: the fixtures of shipped profiles are run by the tests of citygate itself. Here run those of
//! the operator's files, and none may hide another: also where some profiles have mistakes, the fixtures
//! of the others run.
use super::files;
use super::snapshot::Snapshot;
use super::wrong::Wrong;
use crate::catalogue::Catalogue;
use crate::config::Config;
use crate::intake::{Difference, Knowledge, check_fixtures};
use crate::model::settings::Problem;
use crate::profiles::{self, Profiles};
use std::sync::Arc;

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Each mistake of each file.
    pub problems: Vec<Problem>,
    /// Fixtures that are not read as they should be.
    pub failed: Vec<Difference>,
    /// Profiles of the operator without mistakes.
    pub profiles: usize,
    /// Their fixtures, those that failed included.
    pub fixtures: usize,
    /// Devices in the inventory; `None`: there is none.
    pub devices: Option<u64>,
}

/// Checks the files that a configuration names, as `run` would read them, and the fixtures. Blocks.
pub fn check(config: &Config) -> Checked {
    let mut checked = Checked::default();
    match files::open_first(config) {
        Ok(files) => checked.devices = files.snapshot.state.devices,
        Err(wrong) => checked.problems = Wrong::problems(wrong),
    }
    let (profiles, _) = Profiles::read_what_is_right(&config.profiles.folder, &config.catalogue);
    checked.run(&profiles, &config.catalogue);
    checked
}

/// Inventory and profiles that a configuration names, as `run` would read them. Blocks.
///
/// # Errors
/// Every mistake in them.
pub fn knowledge(config: &Config) -> Result<Arc<Knowledge>, Vec<Problem>> {
    let snapshot = Snapshot::read(config, config, 1).map_err(Wrong::problems)?;
    Ok(snapshot.knowledge)
}

/// Checks a folder of profiles, or a profile alone. Blocks.
pub fn check_profiles(place: &profiles::Config, catalogue: &Catalogue) -> Checked {
    let mut checked = Checked::default();
    if let Err(error) = place.files() {
        let problem = Problem::new("--profiles", place.folder.display(), error.to_string());
        checked.problems.push(problem);
        return checked;
    }
    let (profiles, problems) = Profiles::read_what_is_right(&place.folder, catalogue);
    checked.problems = problems;
    checked.run(&profiles, catalogue);
    checked
}

impl Checked {
    fn run(&mut self, profiles: &Profiles, catalogue: &Catalogue) {
        let read = |file: &str| profiles.files().iter().any(|own| own.as_os_str() == file);
        let own = profiles.iter().filter(|profile| read(profile.file()));
        for profile in own {
            self.profiles += 1;
            self.fixtures += profile.fixtures().len();
            self.failed
                .extend(check_fixtures(profile, catalogue, profiles));
        }
    }
}
