//! The profiles of a folder, laid over the shipped ones.
use super::reading::FILE_BYTES_MAX;
use super::shipped::SHIPPED;
use super::{Profile, Profiles};
use crate::catalogue::Catalogue;
use crate::codecs;
use crate::model::settings::Problem;
use crate::profiles::inner::Inner;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most profiles of a folder; each is read, checked and kept in memory.
const FILES_MAX: usize = 1_000;
/// Most entries of a folder that are looked at.
const ENTRIES_MAX: usize = 10_000;

impl Profiles {
    /// The profiles that come with the binary.
    pub fn shipped(catalogue: &Catalogue) -> Self {
        let mut profiles = Self::default();
        for (file, text) in SHIPPED {
            match Profile::parse(&format!("profiles/{file}"), text, catalogue) {
                Ok(profile) => profiles.insert(profile),
                Err(problems) => debug_assert!(problems.is_empty(), "{problems:#?}"),
            }
        }
        profiles
    }

    /// The shipped profiles and those of `folder`, which replace shipped ones of their name. Files
    /// that do not end in `.toml` are left alone; a folder that is not there has none. It may be a file
    /// alone, too.
    ///
    /// # Errors
    /// Every mistake of every file.
    pub fn read(folder: &Path, catalogue: &Catalogue) -> Result<Self, Vec<Problem>> {
        let (profiles, problems) = Self::read_what_is_right(folder, catalogue);
        if problems.is_empty() {
            Ok(profiles)
        } else {
            Err(problems)
        }
    }

    /// As [`Profiles::read`], the profiles without mistakes beside every mistake of the others.
    pub fn read_what_is_right(folder: &Path, catalogue: &Catalogue) -> (Self, Vec<Problem>) {
        let mut profiles = Self::shipped(catalogue);
        let mut problems = Vec::new();
        let of_folder = |rule| Problem::new("devices.profiles", folder.display(), rule);
        let files = match files(folder) {
            Ok(files) => files,
            Err(error) => return (profiles, vec![of_folder(error.to_string())]),
        };
        if files.len() > FILES_MAX {
            let rule = format!("has {} profiles; at most {FILES_MAX} are read", files.len());
            return (profiles, vec![of_folder(rule)]);
        }
        for file in files {
            let read = text(&file)
                .map_err(|rule| vec![Problem::new("file", file.display(), rule).at(&file, 1)]);
            let name = file.display().to_string();
            match read.and_then(|text| Profile::parse(&name, &text, catalogue)) {
                Ok(profile) => profiles.insert(profile),
                Err(wrong) => problems.extend(wrong),
            }
            profiles.files.push(file);
        }
        if problems.is_empty() {
            problems = profiles.check();
        }
        (profiles, problems)
    }

    /// Profiles that are at hand, such as those of a test.
    ///
    /// # Errors
    /// One names an inner profile that is not there, or has an inner one itself.
    pub fn of(all: impl IntoIterator<Item = Profile>) -> Result<Self, Vec<Problem>> {
        let mut profiles = Self::default();
        all.into_iter().for_each(|profile| profiles.insert(profile));
        let problems = profiles.check();
        if problems.is_empty() {
            Ok(profiles)
        } else {
            Err(problems)
        }
    }

    /// The files that were read, for who watches them; the folder itself is watched for others.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Every `.toml` file of a folder, sorted; what is watched, with [`Profiles::files`].
    ///
    /// # Errors
    /// The folder cannot be read, or has too many entries.
    pub fn candidates(folder: &Path) -> io::Result<Vec<PathBuf>> {
        files(folder)
    }

    fn insert(&mut self, profile: Profile) {
        self.by_name
            .insert(profile.name().into(), Arc::new(profile));
    }

    /// What can only be wrong with several profiles.
    fn check(&self) -> Vec<Problem> {
        let one = |profile: &Arc<Profile>, inner: &Inner| {
            let name = inner.profile();
            let rule = match self.find(name) {
                // Given by the inventory, when a payload comes.
                _ if name.is_empty() => return None,
                None => format!("no such profile; there are {}", self.names()),
                Some(super::Codec::File(inner)) if inner.has_inner() => {
                    "has an inner payload itself: payloads lie two deep at most".to_owned()
                }
                Some(_) => return None,
            };
            let problem = Problem::new("inner.profile", format!("{name:?}"), rule);
            Some(problem.at(Path::new(profile.file()), profile.inner_line()))
        };
        let wrong = |profile: &Arc<Profile>| {
            let mut all = profile.inners().into_iter();
            all.find_map(|inner| one(profile, inner))
        };
        let taken = |profile: &Arc<Profile>| {
            let name = profile.name();
            let taken = codecs::named(name).is_some();
            taken.then(|| {
                let rule = "is the name of a profile that needs no file";
                Problem::new("name", format!("{name:?}"), rule).at(Path::new(profile.file()), 1)
            })
        };
        let all = self.by_name.values();
        all.flat_map(|profile| [wrong(profile), taken(profile)])
            .flatten()
            .collect()
    }
}

/// Every `.toml` file of a folder, sorted by name; a file alone is itself.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for (at, entry) in entries.enumerate() {
        if at >= ENTRIES_MAX {
            let sentence =
                format!("more than {ENTRIES_MAX} entries; a folder of its own is needed");
            return Err(io::Error::other(sentence));
        }
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|end| end == "toml") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The text of a file; the error is a rule for people.
fn text(file: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let read = fs::File::open(file).and_then(|open| open.take(bound + 1).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("a profile has at most {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("byte {at} is no UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_profiles_are_right() {
        let catalogue = Catalogue::shipped();
        for (file, text) in SHIPPED {
            if let Err(problems) = Profile::parse(&format!("profiles/{file}"), text, &catalogue) {
                let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
                panic!("{}", shown.join("\n"));
            }
        }
        assert_eq!(Profiles::shipped(&catalogue).iter().count(), SHIPPED.len());
        assert_eq!(Profiles::shipped(&catalogue).check(), []);
    }

    #[test]
    fn a_folder_is_read_whole_and_every_mistake_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let catalogue = Catalogue::shipped();
        let missing = Profiles::read(&dir.path().join("none"), &catalogue).expect("nothing there");
        assert_eq!(missing.files(), <&[PathBuf]>::default());
        let write = |name: &str, text: &str| {
            fs::write(dir.path().join(name), text).expect("a file");
        };
        let good = |name: &str, rest: &str| {
            let value = "[[value]]\nmetric = 'voltage'\npath = 'u'\n";
            let head = format!("name = '{name}'\nversion = '1'\nformat = 'json'\n");
            write(&format!("{name}.toml"), &[&head, value, rest].concat());
        };
        good("a", "");
        good("b", "[inner]\npath = 'x'\nprofile = 'a'\n");
        write("notes.txt", "no profile");
        let profiles = Profiles::read(dir.path(), &catalogue).expect("two good ones");
        assert_eq!(profiles.files().len(), 2);
        assert!(profiles.find("a").is_some() && profiles.find("json").is_some());
        good("c", "[inner]\npath = 'x'\nprofile = 'b'\n");
        good("d", "[inner]\npath = 'x'\nprofile = 'nobody'\n");
        good("json", "");
        let shown = |dir: &Path| {
            let problems = Profiles::read(dir, &catalogue).expect_err("three wrong ones");
            let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
            shown.join("\n")
        };
        let three = shown(dir.path());
        assert_eq!(three.lines().count(), 3, "{three}");
        assert!(
            three.contains("c.toml:9: inner.profile = \"b\": has an inner payload"),
            "{three}"
        );
        assert!(
            three.contains("no such profile; there are json, cbor, senml, thingsboard, ")
                && three.contains(", a, b, c, "),
            "{three}"
        );
        write("e.toml", "name = 'e'\nversion = ");
        write("f.toml", &"#".repeat(FILE_BYTES_MAX + 1));
        let two = shown(dir.path());
        assert!(
            two.contains("e.toml:2: ") && two.contains("at most 262144 bytes"),
            "{two}"
        );
    }
}
