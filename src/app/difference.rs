//! What another snapshot changes, and whether it loses devices.
use crate::intake::Knowledge;
use crate::inventory::{Inventory, Standing};
use crate::model::Timestamp;
use crate::profiles::Profiles;
use crate::telemetry::{Changed, Loss};
use std::collections::BTreeSet;
use xxhash_rust::xxh3::Xxh3;

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
        let devices = Inventory::difference(&old.inventory, &new.inventory);
        let (lost, of, code) = lost(&old.inventory, &new.inventory, now);
        Self {
            changed: Changed {
                added: devices.added.count as u64,
                removed: devices.removed.count as u64,
                changed: devices.changed.count as u64,
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

/// How many devices work, or will, and do not any more by another inventory, or not under each of
/// their names; of how many; and a code of just these.
fn lost(old: &Inventory, new: &Inventory, now: Timestamp) -> (u64, u64, String) {
    let (mut lost, mut of, mut names) = (0, 0, Xxh3::new());
    for standing in old.standings(now) {
        let (Standing::Valid(entry) | Standing::Planned(entry)) = standing else {
            continue;
        };
        of += 1;
        let works = matches!(standing, Standing::Valid(_));
        // How it is lost is part of the code: an id has no byte below a blank.
        let how: &[u8] = match new.standing(entry.id(), now) {
            None | Some(Standing::Ended(_)) => b"\n",
            Some(Standing::Planned(_)) if works => b"\r",
            Some(_) if works && !new.has_names_of(entry, now) => b"\t",
            Some(_) => continue,
        };
        lost += 1;
        names.update(entry.id().as_bytes());
        names.update(how);
    }
    (lost, of, format!("{:08x}", names.digest() >> 32))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::inventory::Unknown;
    use jiff::tz::TimeZone;

    const NOW: Timestamp = Timestamp::from_secs(1_795_420_800);

    fn known(rows: impl IntoIterator<Item = String>) -> Knowledge {
        let rows: Vec<String> = rows.into_iter().collect();
        table("id,kind,valid_from,valid_to", &rows)
    }

    fn table(head: &str, rows: &[String]) -> Knowledge {
        let text = format!("{head}\n{}\n", rows.join("\n"));
        let (catalogue, zone) = (Catalogue::shipped(), TimeZone::UTC);
        let inventory = Inventory::of_csv(
            std::path::Path::new("d.csv"),
            &text,
            &catalogue,
            &zone,
            Unknown::Reject,
        );
        Knowledge {
            inventory: inventory.unwrap(),
            ..Knowledge::nothing(Unknown::Reject)
        }
    }

    fn meters(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("m-{n},meter.water,,")).collect()
    }

    fn loss(old: &[String], new: &[String]) -> Option<Loss> {
        let known = |rows: &[String]| known(rows.iter().cloned());
        Difference::between(&known(old), &known(new), NOW).loss("d.csv".to_owned())
    }

    #[test]
    fn a_tenth_may_go_and_one_more_may_not() {
        let all = meters(100);
        assert_eq!(loss(&all, all.get(10..).unwrap()), None);
        let found = loss(&all, all.get(11..).unwrap()).unwrap();
        assert_eq!((found.lost, found.of), (11, 100));
        let others = loss(&all, all.get(..89).unwrap()).unwrap();
        assert_ne!(found.code, others.code, "as many, but others");
        assert_eq!(found.code, loss(&all, all.get(11..).unwrap()).unwrap().code);
        assert_eq!(loss(&[], &all), None);
        assert_eq!(loss(&all, &[]).unwrap().lost, 100);
    }

    #[test]
    fn who_is_retired_is_lost_once_and_who_was_so_before_is_not() {
        let all = meters(10);
        let ended = |n: usize| format!("m-{n},meter.water,2020-01-01,2021-01-01");
        let mut two = all.clone();
        for n in 0..2 {
            *two.get_mut(n).unwrap() = ended(n);
        }
        let found = loss(&all, &two).unwrap();
        assert_eq!((found.lost, found.of), (2, 10));
        assert_eq!(loss(&two, &two), None);
        assert_eq!(loss(&two, two.get(2..).unwrap()), None);
        // An exchange is another row of the same device.
        let mut exchanged = all.clone();
        for n in 0..5 {
            *exchanged.get_mut(n).unwrap() = ended(n);
            exchanged.push(format!("m-{n},meter.water,2021-01-01,"));
        }
        assert_eq!(loss(&all, &exchanged), None);
    }

    #[test]
    fn who_works_and_does_not_yet_any_more_is_lost() {
        let all = meters(10);
        let planned = |rows: &[String]| -> Vec<String> {
            let first = rows
                .iter()
                .take(2)
                .map(|row| row.replace(",,", ",2099-01-01,"));
            first.chain(rows.iter().skip(2).cloned()).collect()
        };
        let found = loss(&all, &planned(&all)).unwrap();
        assert_eq!((found.lost, found.of), (2, 10));
        assert_ne!(found.code, loss(&all, all.get(2..).unwrap()).unwrap().code);
        assert_eq!(loss(&planned(&all), &planned(&all)), None);
        assert_eq!(loss(&planned(&all), &all), None, "sooner than planned");
    }

    #[test]
    fn who_has_lost_a_name_is_lost() {
        let head = "id,kind,aliases,credential";
        let hex = |n: usize| format!("{n:064x}");
        let rows = |change: &dyn Fn(usize) -> Option<(String, String)>| -> Vec<String> {
            let plain = |n| match n % 2 {
                0 => (format!("sn:{n}"), format!("user:u-{n}")),
                _ => (
                    format!("sn:{n};imei:86841105675878{n}"),
                    format!("sha256:{}", hex(n)),
                ),
            };
            (0..10)
                .map(|n| (n, change(n).unwrap_or_else(|| plain(n))))
                .map(|(n, (aliases, proof))| format!("m-{n},meter.water,{aliases},{proof}"))
                .collect()
        };
        let loss = |old: &[String], new: &[String]| {
            let known = |rows: &[String]| table(head, rows);
            let found = Difference::between(&known(old), &known(new), NOW);
            found.loss("d.csv".to_owned()).map(|loss| loss.lost)
        };
        let all = rows(&|_| None);
        assert_eq!(loss(&all, &all), None);
        // No alias, one of two, no user, another token: each row that it was found by.
        let user = |n: usize| format!("user:u-{n}");
        for change in [
            &|n| (n < 4).then(|| (String::new(), String::new())),
            &|n| (n % 2 == 1).then(|| (format!("sn:{n}"), format!("sha256:{}", hex(n)))),
            &|n| (n % 2 == 0).then(|| (format!("sn:{n}"), String::new())),
            &|n| {
                (n % 2 == 1).then(|| {
                    (
                        format!("sn:{n};imei:86841105675878{n}"),
                        format!("sha256:{}", hex(n + 50)),
                    )
                })
            },
        ] as [&dyn Fn(usize) -> Option<(String, String)>; 4]
        {
            let count = loss(&all, &rows(change)).unwrap();
            assert!(count >= 4, "{count}");
        }
        // Swapped: they lead to others. And more names are no loss.
        let swapped = rows(&|n| (n == 0 || n == 2).then(|| (format!("sn:{}", 2 - n), user(n))));
        assert_eq!(loss(&all, &swapped), Some(2));
        let more = rows(&|n| (n % 2 == 0).then(|| (format!("sn:{n} x:{n}"), user(n))));
        assert_eq!(loss(&all, &more), None);
    }

    #[test]
    fn what_is_new_and_what_changed_is_counted() {
        let (old, mut new) = (meters(20), meters(22));
        *new.get_mut(3).unwrap() = "m-3,meter.gas,,".to_owned();
        new.remove(4);
        let found = Difference::between(&known(old), &known(new), NOW).changed;
        assert_eq!((found.added, found.removed, found.changed), (2, 1, 1));
    }
}
