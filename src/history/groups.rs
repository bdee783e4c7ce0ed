//! Which days share a keyspace.
//!
//! fjall opens every keyspace at start and keeps a memtable for each, so there are about
//! [`GROUPS_MAX`] whatever the retention: a day each for 35 days, 122 days each for 20 years.
//! A keyspace keeps its days when the retention is changed; only new ones get the new length.
use super::key::DayGroup;
use std::time::Duration;

/// Day groups that one retention is divided into. With those that a change of the retention leaves
/// over, and the other keyspaces of the state, fjall has at most 64 open.
const GROUPS_MAX: u64 = 60;
/// Fewest groups that a new retention is divided into while others are left over.
const GROUPS_MIN: u64 = 4;
const DAY: Duration = Duration::from_hours(24);

/// Days of a new group.
fn days(retain: Duration, groups: &[DayGroup]) -> i64 {
    let retain_days = retain.as_secs().div_ceil(DAY.as_secs()).max(1);
    let usual = retain_days.div_ceil(GROUPS_MAX);
    let shorter = |group: &&DayGroup| group.first.abs_diff(group.last) + 1 < usual;
    let left_over = groups.iter().filter(shorter).count() as u64;
    let places = GROUPS_MAX.saturating_sub(left_over).max(GROUPS_MIN);
    retain_days.div_ceil(places).cast_signed()
}

/// The group of `day` among `groups` (in order, disjoint), added if there is none.
pub(super) fn group_of(day: i64, groups: &mut Vec<DayGroup>, retain: Duration) -> DayGroup {
    let at = groups.partition_point(|group| group.last < day);
    if let Some(group) = groups.get(at).filter(|group| group.contains(day)) {
        return *group;
    }
    let days = days(retain, groups);
    let first = day - day.rem_euclid(days);
    let before = at.checked_sub(1).and_then(|before| groups.get(before));
    let group = DayGroup {
        first: before.map_or(first, |before| first.max(before.last + 1)),
        last: groups.get(at).map_or(first + days - 1, |after| {
            (first + days - 1).min(after.first - 1)
        }),
    };
    groups.insert(at, group);
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const YEAR: u64 = 365;

    fn retain(days: u64) -> Duration {
        DAY * u32::try_from(days).expect("small")
    }

    proptest! {
        #[test]
        fn every_day_has_one_group_under_changing_retentions(
            steps in prop::collection::vec((-2000i64..2000, 1u64..40_000), 1..80),
        ) {
            let mut groups = Vec::new();
            for (day, days) in steps {
                let group = group_of(day, &mut groups, retain(days));
                prop_assert!(group.contains(day));
                prop_assert_eq!(group_of(day, &mut groups, retain(1)), group);
                prop_assert!(groups.is_sorted_by(|a, b| a.last < b.first));
            }
        }
    }

    #[test]
    fn a_retention_is_divided_into_sixty_groups_at_most() {
        for days in [1, 35, 60, 61, 20 * YEAR, 100 * YEAR] {
            let mut groups = Vec::new();
            for day in 0..days.cast_signed() {
                group_of(20_000 + day, &mut groups, retain(days));
            }
            assert!(groups.len() <= 61, "{days}: {}", groups.len());
        }
        let mut groups = Vec::new();
        assert_eq!(group_of(7, &mut groups, retain(35)).name(), "d7_7");
        assert_eq!(group_of(-1, &mut groups, retain(61)).name(), "d-2_-1");
    }

    #[test]
    fn a_longer_retention_leaves_room_for_the_days_there_are() {
        let mut groups = Vec::new();
        for day in 0..35 {
            group_of(day, &mut groups, retain(35));
        }
        for day in 35..(20 * YEAR).cast_signed() {
            group_of(day, &mut groups, retain(20 * YEAR));
        }
        assert!(groups.len() <= 62, "{}", groups.len());
    }
}
