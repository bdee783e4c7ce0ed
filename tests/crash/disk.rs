//! A disk whose cache is lost with the power: the Rust side of `shim/shim.c`.
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Compares files in steps of this many bytes.
const BLOCK_BYTES: usize = 4096;
/// At most this much of an unsynced tail is kept: fjall's journals grow by 64 MiB of nothing.
const TAIL_BYTES_MAX: u64 = 1 << 20;

/// What a power cut took away.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Written and not synced, or in a file whose name was not synced. Overwritten blocks count whole.
    pub bytes: u64,
    /// Files and directories that are gone.
    pub names: u64,
    /// Bytes of unsynced tails that the platter kept all the same (see [`Disk::cut`]).
    pub torn: u64,
}

/// Counters of the shim since the process started.
#[derive(Debug, Clone, Copy)]
pub struct Counters {
    /// Of files.
    pub syncs: u64,
    pub directory_syncs: u64,
    /// Files created that match the roll pattern.
    pub rolls: u64,
    /// Operation at which the shim ended the process, 0 if it did not.
    pub died: u64,
    /// Did it do so between the creation of a segment and the sync of its directory?
    pub died_in_roll: bool,
}

static LIBRARY: OnceLock<PathBuf> = OnceLock::new();

fn compile() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/shim/shim.c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
    // Another run of these tests may have the old one loaded: replace the file, never write into it.
    let new = library.with_extension(std::process::id().to_string());
    let status = Command::new("cc")
        .args([
            "-shared", "-fPIC", "-O1", "-pthread", "-Wall", "-Werror", "-o",
        ])
        .arg(&new)
        .arg(&source)
        .status()
        .expect("a C compiler is a prerequisite of the tests");
    assert!(status.success(), "{} does not compile", source.display());
    fs::rename(&new, &library).unwrap();
    library
}

pub struct Disk {
    library: PathBuf,
    root: PathBuf,
    shadow: PathBuf,
    control: PathBuf,
    next: PathBuf,
}

impl Disk {
    /// Makes a directory to watch inside `dir`.
    pub fn new(dir: &Path) -> Self {
        let dir = dir.canonicalize().unwrap();
        let disk = Self {
            library: LIBRARY.get_or_init(compile).clone(),
            root: dir.join("data"),
            shadow: dir.join("shadow"),
            control: dir.join("control"),
            next: dir.join("next"),
        };
        fs::create_dir(&disk.root).unwrap();
        disk
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Puts the process that `command` starts onto this disk. What the directory holds now is durable.
    pub fn attach(&self, command: &mut Command, roll_pattern: &str, delay_us: u32, relax: bool) {
        let _ = fs::remove_dir_all(&self.shadow);
        fs::create_dir(&self.shadow).unwrap();
        fs::write(&self.control, [0; 4096]).unwrap();
        command
            .env("LD_PRELOAD", &self.library)
            .env("CITYGATE_SHIM_ROOT", &self.root)
            .env("CITYGATE_SHIM_SHADOW", &self.shadow)
            .env("CITYGATE_SHIM_CTL", &self.control)
            .env("CITYGATE_SHIM_ROLL", roll_pattern)
            .env("CITYGATE_SHIM_DELAY_US", delay_us.to_string())
            .env("CITYGATE_SHIM_RELAX", if relax { "dirs" } else { "" });
    }

    /// Ends the process at its `operations`-th operation from now.
    pub fn arm(&self, operations: u64) {
        self.put(0, operations);
    }

    /// Ends it at this operation after it began its next segment, at the directory's sync at the latest.
    pub fn arm_roll(&self, operations: u64) {
        self.put(1, operations);
    }

    /// From now on a sync does nothing and says that it did: the negative control of the test.
    pub fn lie(&self) {
        self.put(2, 1);
    }

    /// From now on a sync takes this long.
    #[allow(dead_code, reason = "tests/coap slows the disk, tests/crash does not")]
    pub fn slow(&self, delay_us: u32) {
        self.put(9, delay_us.into());
    }

    fn put(&self, field: u64, value: u64) {
        let control = File::options().write(true).open(&self.control).unwrap();
        control
            .write_all_at(&value.to_ne_bytes(), field * 8)
            .unwrap();
    }

    pub fn counters(&self) -> Counters {
        let mut page = [0; 72];
        let control = File::open(&self.control).unwrap();
        control.read_exact_at(&mut page, 0).unwrap();
        let field = |at: usize| u64::from_ne_bytes(page[at * 8..][..8].try_into().unwrap());
        Counters {
            syncs: field(4),
            directory_syncs: field(5),
            rolls: field(6),
            died: field(7),
            died_in_roll: field(8) != 0,
        }
    }

    /// What the cut would take away now. Of a process that stopped cleanly: what it never synced.
    pub fn unsynced(&self) -> Cut {
        let _ = fs::remove_dir_all(&self.next);
        let root = fs::read_to_string(self.shadow.join("root"))
            .expect("the process died before the shim was ready");
        self.restore(&root, &self.next);
        compare(&self.root, &self.next)
    }

    /// Replaces the directory by what was synced. Call it once the process is gone.
    ///
    /// `tear` keeps so many percent of the unsynced tail of each file that only grew, for a disk may have written some
    /// of it. At least its last byte is lost.
    pub fn cut(&self, tear: u64) -> Cut {
        let mut cut = self.unsynced();
        if tear > 0 {
            cut.torn = keep_tails(&self.root, &self.next, tear);
        }
        fs::remove_dir_all(&self.root).unwrap();
        fs::rename(&self.next, &self.root).unwrap();
        fs::remove_dir_all(&self.shadow).unwrap();
        cut
    }

    /// Builds the directory of this id from the shadow. The shadow is used up: files are linked, not copied.
    fn restore(&self, id: &str, to: &Path) {
        fs::create_dir(to).unwrap();
        // No list: the directory's name was synced, its entries never.
        let list = fs::read_to_string(self.shadow.join("d").join(id)).unwrap_or_default();
        for line in list.lines() {
            let mut words = line.splitn(3, ' ');
            let (kind, id, name) = (
                words.next().unwrap(),
                words.next().unwrap(),
                words.next().unwrap(),
            );
            let durable = self.shadow.join("f").join(id);
            if kind == "d" {
                self.restore(id, &to.join(name));
            } else if durable.exists() {
                fs::hard_link(durable, to.join(name)).unwrap();
            } else {
                File::create(to.join(name)).unwrap();
            }
        }
    }
}

/// Paths below a directory, relative and sorted, directories too.
pub fn tree(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(relative) = open.pop() {
        for entry in fs::read_dir(dir.join(&relative)).unwrap() {
            let path = relative.join(entry.unwrap().file_name());
            if dir.join(&path).is_dir() {
                open.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

fn compare(real: &Path, durable: &Path) -> Cut {
    let mut cut = Cut::default();
    for path in tree(real) {
        let (real, durable) = (real.join(&path), durable.join(&path));
        cut.names += u64::from(!durable.exists());
        if !real.is_dir() {
            cut.bytes += difference(&real, &durable);
        }
    }
    cut
}

/// Bytes of the first file that the second has not.
fn difference(of: &Path, to: &Path) -> u64 {
    let mut of = File::open(of).unwrap();
    let Ok(mut to) = File::open(to) else {
        return of.metadata().unwrap().len();
    };
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut bytes = 0;
    loop {
        let size = fill(&mut of, &mut left);
        let common = fill(&mut to, &mut right).min(size);
        if size == 0 {
            return bytes;
        }
        bytes += (size - common) as u64;
        let blocks = left[..common].chunks(BLOCK_BYTES);
        bytes += blocks
            .zip(right[..common].chunks(BLOCK_BYTES))
            .filter(|(left, right)| left != right)
            .map(|(left, _)| left.len() as u64)
            .sum::<u64>();
    }
}

fn fill(file: &mut File, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]).unwrap() {
            0 => break,
            read => filled += read,
        }
    }
    filled
}

/// Keeps so many percent of what each file had been appended, less than all of it.
fn keep_tails(real: &Path, durable: &Path, percent: u64) -> u64 {
    let mut kept = 0;
    for path in tree(durable) {
        let (from, to) = (real.join(&path), durable.join(&path));
        let Ok(long) = fs::metadata(&from) else {
            continue;
        };
        let short = fs::metadata(&to).unwrap().len();
        if !long.is_file() || long.len() <= short || difference(&to, &from) > 0 {
            continue;
        }
        let bytes = (long.len() - short - 1).min(TAIL_BYTES_MAX) * percent / 100;
        let mut tail = vec![0; usize::try_from(bytes).unwrap()];
        let from = File::open(&from).unwrap();
        from.read_exact_at(&mut tail, short).unwrap();
        let to = File::options().write(true).open(&to).unwrap();
        to.write_all_at(&tail, short).unwrap();
        kept += bytes;
    }
    kept
}
