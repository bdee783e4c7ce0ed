//! Another configuration, inventory or profile under a running gateway.
//!
//! ```text
//!  SIGHUP, a file that changed, POST /v1/reload
//!     --> read and check all of it, and the files that it names
//!     right --> swap what can be swapped, name the keys that wait for a restart
//!     wrong --> each problem to the log, /v1/gateway and a metric; what worked works on
//!     a tenth of the devices gone --> as wrong, until somebody confirms just that
//! ```
//! Decisions: nothing is swapped before everything is read, so that a mistake in one file cannot leave
//! half of another configuration at work; but users and secrets do not wait for inventory and profiles.
//! What is swapped goes one after the other: each uplink, each
//! CONNECT and each request sees one snapshot of its own part, and none of them looks at two. Profiles
//! and inventory are checked against the catalogue in force, for they point into it.
use super::Error;
use super::difference::Difference;
use super::files::{self, Admission, Files, InForce};
use super::retired::Retired;
use super::snapshot::Snapshot;
use super::wrong::Wrong;
use crate::api::Shared;
use crate::config::{Changes, Config};
use crate::model::settings::Problem;
use crate::model::{WATCH_EVERY, WATCHED_MAX, Watch};
use crate::telemetry::{Ask, Changed, Force, Loss, Outcome, Part, Supervisor};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Where another configuration comes from.
pub struct Reload {
    /// The configuration's own file, if it has one.
    pub file: Option<PathBuf>,
    /// Of that file; made before it was first read.
    pub watch: Watch,
    /// Reads and checks it, the environment laid over it. Blocks.
    pub load: Box<dyn Fn() -> Result<Config, Vec<Problem>> + Send + Sync>,
    /// Somebody asks for it.
    pub asked: Arc<Notify>,
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reload")
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

impl Reload {
    /// Watches the files that the configuration names, too. Before they are read. Blocks.
    pub(super) fn watch_named(&mut self, config: &Config) {
        self.watch.set(self.named(config));
    }

    /// Its own file first: a watch has room for so many, and without that one nothing is mended.
    fn named(&self, config: &Config) -> Vec<PathBuf> {
        let own = self.file.iter().cloned();
        let mut all: Vec<PathBuf> = own.chain(files::named(config)).collect();
        let unwatched = all.len().saturating_sub(WATCHED_MAX);
        if unwatched > 0 {
            warn!(
                unwatched,
                max = WATCHED_MAX,
                "too many files: a change of some is not seen, but by citygate reload"
            );
        }
        all.truncate(WATCHED_MAX);
        all
    }
}

/// Why everything is read again.
#[derive(Debug)]
enum Cause {
    Changed,
    Signal,
    Asked(Ask),
}

/// Why it is not taken.
enum Refused {
    Wrong(Vec<Wrong>),
    Lossy(Loss),
}

impl From<Vec<Wrong>> for Refused {
    fn from(wrong: Vec<Wrong>) -> Self {
        Self::Wrong(wrong)
    }
}

/// Read, checked, and ready to be swapped in.
struct Ready {
    config: Config,
    files: Files,
    changed: Changed,
}

/// Reads again what it has to, and swaps it.
pub(super) struct Reloader {
    reload: Reload,
    /// Of the start: what waits for a restart is judged by it.
    started: Config,
    /// What works, but for keys that wait for a restart.
    current: Config,
    snapshot: Snapshot,
    retired: Retired,
    shared: Arc<Shared>,
    supervisor: Arc<Supervisor>,
}

impl Reloader {
    /// `config` and `snapshot` are what `shared` was built from.
    pub(super) fn new(
        reload: Reload,
        config: Config,
        snapshot: Snapshot,
        shared: Arc<Shared>,
        supervisor: Arc<Supervisor>,
    ) -> Self {
        Self {
            reload,
            started: config.clone(),
            current: config,
            snapshot,
            retired: Retired::default(),
            shared,
            supervisor,
        }
    }

    /// Until `halt`. `asks` are those of the API.
    ///
    /// # Errors
    /// It panicked.
    pub(super) async fn run(
        mut self,
        mut asks: mpsc::Receiver<Ask>,
        halt: CancellationToken,
    ) -> Result<(), Error> {
        let asked = Arc::clone(&self.reload.asked);
        let mut tick = interval(WATCH_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let cause = tokio::select! {
                () = halt.cancelled() => return Ok(()),
                () = asked.notified() => Cause::Signal,
                Some(ask) = asks.recv() => Cause::Asked(ask),
                _ = tick.tick() => Cause::Changed,
            };
            // Files may lie on a network, where a look takes as long as it takes; and a million rows
            // are not freed in no time either.
            let stop = halt.clone();
            let look = tokio::task::spawn_blocking(move || {
                self.look(cause, &stop);
                self.retired.sweep();
                self.shared.config.retired(self.retired.len());
                self
            });
            // Nor does the drain wait for it: what it reads by then is not taken.
            self = tokio::select! {
                () = halt.cancelled() => return Ok(()),
                looked = look => looked?,
            };
        }
    }

    fn look(&mut self, cause: Cause, halt: &CancellationToken) {
        let (name, force, answer) = match cause {
            Cause::Changed if self.reload.watch.changed() => ("a file changed", Force::No, None),
            Cause::Changed => return,
            Cause::Signal => ("signal", Force::No, None),
            Cause::Asked(ask) => ("asked", ask.force, Some(ask.answer)),
        };
        let anew = name != "a file changed";
        if anew {
            self.reload.watch.accept();
        }
        self.supervisor.reloading();
        let read = self.read(anew, &force);
        if halt.is_cancelled() {
            return;
        }
        let outcome = match read {
            Ok(ready) => self.take(name, ready),
            Err(Refused::Wrong(wrong)) => self.refuse(name, wrong),
            Err(Refused::Lossy(loss)) => self.refuse_loss(name, loss),
        };
        if let Some(answer) = answer {
            // Who asked may have gone.
            let _ = answer.send(outcome);
        }
    }

    fn take(&mut self, cause: &str, ready: Ready) -> Outcome {
        let now = self.shared.clock.now();
        let changed = ready.changed.clone();
        let Changes {
            now: keys,
            restart: needs_restart,
        } = self.swap(ready);
        let snapshot = self.snapshot.state.clone();
        info!(
            cause,
            keys = keys.join(", "),
            snapshot = snapshot.generation,
            added = changed.added,
            removed = changed.removed,
            changed = changed.changed,
            profiles = changed.profiles.join(", "),
            "the configuration was read again"
        );
        if !needs_restart.is_empty() {
            let keys = needs_restart.join(", ");
            warn!(keys, "these keys have changed, and need a restart");
        }
        let told = &self.shared.config;
        told.loaded(now, needs_restart.clone(), snapshot.clone());
        self.supervisor.ready();
        Outcome::Loaded {
            snapshot,
            changed,
            keys,
            needs_restart,
        }
    }

    fn refuse(&self, cause: &str, wrong: Vec<Wrong>) -> Outcome {
        let count = wrong.len();
        error!(
            cause,
            problems = count,
            "the configuration is wrong; the one before works on"
        );
        for Wrong { problem, .. } in &wrong {
            error!(%problem, "in the configuration");
        }
        self.supervisor.ready();
        let status = format!("the configuration has {count} problems");
        self.supervisor.status(&status);
        let wrong = wrong.into_iter();
        let wrong: Vec<_> = wrong.map(|it| (it.part, it.problem.to_string())).collect();
        let now = self.shared.clock.now();
        self.shared.config.failed(now, &wrong, None);
        Outcome::Wrong(wrong.into_iter().map(|(_, problem)| problem).collect())
    }

    fn refuse_loss(&self, cause: &str, loss: Loss) -> Outcome {
        error!(cause, "{loss}");
        self.supervisor.ready();
        self.supervisor.status(&loss.to_string());
        let now = self.shared.clock.now();
        let wrong = [(Part::Loss, loss.to_string())];
        self.shared.config.failed(now, &wrong, Some(loss.clone()));
        Outcome::Lossy(loss)
    }

    fn read(&mut self, anew: bool, force: &Force) -> Result<Ready, Refused> {
        let config = (self.reload.load)().map_err(|all| Wrong::all(Part::Config, all))?;
        // Those of before stay watched, until this has been read: one of them may be what is wrong.
        let now_named = self.reload.named(&config);
        let mut known = now_named.clone();
        for file in self.reload.watch.files() {
            if !known.contains(file) {
                known.push(file.clone());
            }
        }
        self.reload.watch.set(known);
        let waits = Changes::between(&self.started, &config).waits("route");
        let in_force = InForce {
            config: &self.started,
            routes: waits.then_some(&self.current.routes),
            snapshot: Some(&self.snapshot),
        };
        let files = files::open(&config, in_force, anew).map_err(|refusal| {
            if let Some(admission) = refusal.admission {
                self.admit(&config, waits, *admission);
            }
            self.explained(&config, refusal.wrong)
        })?;
        let changed = match self.judge(&config, &files, force) {
            Ok(changed) => changed,
            Err(refused) => {
                self.admit(&config, waits, files.admission);
                return Err(refused);
            }
        };
        // The last that can fail: the certificate swaps itself.
        if let (Some(server), Some(tls)) = (&self.shared.tls, &config.tls) {
            let reloaded = server.reload(self.shared.clock.now());
            let problem = |error: crate::tls::Error| {
                let problem = Problem::new("tls.cert", tls.cert.display(), error.to_string());
                Wrong::all(Part::Files, config.placed(vec![problem]))
            };
            reloaded.map_err(problem)?;
        }
        self.reload.watch.set(now_named);
        Ok(Ready {
            config,
            files,
            changed,
        })
    }

    /// Inventory or profiles are not taken; who may come in is of now all the same: whoever removes a
    /// user does it because a device was lost, and does not wait for a row to be mended.
    fn admit(&self, config: &Config, routes_wait: bool, admission: Admission) {
        let Admission { users, doors } = admission;
        // A file that is no longer named opens the door to everybody: not with half of a configuration.
        if users.is_some() || self.current.mqtt.users_file.is_none() {
            self.shared.mqtt.reload(users);
        }
        // Secrets are those of their routes.
        let is_same = !routes_wait && !Changes::between(&self.current, config).has("route");
        if is_same {
            self.shared.push.reload(doors);
        }
        info!("users and secrets are those of their files now, all the same");
    }

    /// Who adds a metric and a profile that uses it has made no mistake, but has to restart.
    fn explained(&self, config: &Config, mut wrong: Vec<Wrong>) -> Vec<Wrong> {
        let changes = Changes::between(&self.started, config);
        for key in ["metric", "kind"] {
            if changes.waits(key) {
                let rule = "has changed, and waits for a restart: inventory and profiles are checked without it";
                let problem = Problem::new(key, "..", rule);
                wrong.extend(Wrong::all(Part::Config, config.placed(vec![problem])));
            }
        }
        wrong
    }

    /// What another snapshot changes, if it may.
    fn judge(&self, config: &Config, files: &Files, force: &Force) -> Result<Changed, Refused> {
        let (old, new) = (&self.snapshot.knowledge, &files.snapshot.knowledge);
        if Arc::ptr_eq(old, new) {
            return Ok(Changed::default());
        }
        let found = Difference::between(old, new, self.shared.clock.now());
        let file = config.inventory.file.as_ref();
        let file = file.map_or_else(
            || "devices.inventory, which is not set any more,".to_owned(),
            |file| file.display().to_string(),
        );
        let Some(loss) = found.loss(file) else {
            return Ok(found.changed);
        };
        let confirmed = match force {
            Force::No => false,
            Force::Code(code) => *code == loss.code,
            Force::Refused => {
                let refused = self.shared.config.state().loss;
                refused.is_some_and(|refused| refused.code == loss.code)
            }
        };
        if confirmed {
            warn!("confirmed: {loss}");
            Ok(found.changed)
        } else {
            Err(Refused::Lossy(loss))
        }
    }

    /// Nothing here can fail. Gives the keys that changed since the last time, and those that wait.
    fn swap(&mut self, ready: Ready) -> Changes {
        let Ready {
            mut config, files, ..
        } = ready;
        let changes = Changes {
            now: Changes::between(&self.current, &config).now,
            restart: Changes::between(&self.started, &config).restart,
        };
        if changes.waits("route") {
            config.routes = self.current.routes.clone();
        } else {
            self.shared.push.reload(files.admission.doors);
        }
        let knowledge = Arc::clone(&files.snapshot.knowledge);
        let intake = &self.shared.intake;
        intake.reload(config.routes.clone(), knowledge, &config.intake);
        let before = std::mem::replace(&mut self.snapshot, files.snapshot);
        if !Arc::ptr_eq(&before.knowledge, &self.snapshot.knowledge) {
            self.snapshot.state.loaded_at = self.shared.clock.now();
            self.retired.push(before.knowledge);
        }
        self.shared.mqtt.reload(files.admission.users);
        self.shared.hosts.reload(&config.http.hosts);
        self.shared.devices.reload(config.devices.clone());
        // It was checked a moment ago; a mistake that was made since then keeps what was in force.
        match self.shared.access.reload(self.shared.clock.now()) {
            Err(error) if !error.is_missing() => warn!(%error, "the tokens are those of before"),
            _ => {}
        }
        self.current = config;
        changes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::fs;

    #[test]
    fn of_too_many_files_the_configuration_and_the_inventory_are_watched() {
        let dir = tempfile::tempdir().unwrap();
        let (own, devices) = (dir.path().join("z.toml"), dir.path().join("z.csv"));
        for n in 0..=WATCHED_MAX {
            fs::write(dir.path().join(format!("a-{n}.toml")), "").unwrap();
        }
        let (folder, file) = (dir.path().display(), devices.display());
        let text = format!("[devices]\nprofiles = '{folder}'\ninventory = '{file}'\n");
        let mut reload = Reload {
            file: Some(own.clone()),
            watch: Watch::new([]),
            load: Box::new(|| Err(Vec::new())),
            asked: Arc::default(),
        };
        reload.watch_named(&Config::parse(&text, []).unwrap());
        let watched = reload.watch.files();
        assert_eq!(watched.len(), WATCHED_MAX);
        assert!(watched.starts_with(&[own, devices]), "{watched:?}");
    }
}
