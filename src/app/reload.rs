//! Another configuration under a running gateway.
//!
//! ```text
//!  SIGHUP, or a file that changed --> read and check all of it, and the files that it names
//!     right --> swap what can be swapped, name the keys that wait for a restart
//!     wrong --> each problem to the log, /v1/gateway and a metric; what worked works on
//! ```
//! Decisions: nothing is swapped before everything is read, so that a mistake in one file cannot leave
//! half of another configuration at work. What is swapped goes one after the other: each uplink, each
//! CONNECT and each request sees one snapshot of its own part, and none of them looks at two.
use super::Error;
use super::files::{Files, open};
use crate::api::Shared;
use crate::config::{Changes, Config};
use crate::model::settings::Problem;
use crate::model::{WATCH_EVERY, Watch};
use crate::telemetry::Supervisor;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Notify;
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
        let all: Vec<PathBuf> = self.file.iter().cloned().chain(config.files()).collect();
        self.watch.set(all.clone());
        // And those that these name. What is wrong with them is said by who reads them next, after this.
        if let Ok(files) = open(config) {
            self.watch.set(all.into_iter().chain(files.named()));
        }
    }
}

/// Reads again what it has to, and swaps it.
pub(super) struct Reloader {
    reload: Reload,
    /// Of the start: what waits for a restart is judged by it.
    started: Config,
    /// What works, but for keys that wait for a restart.
    current: Config,
    shared: Arc<Shared>,
    supervisor: Arc<Supervisor>,
}

impl Reloader {
    /// `config` is what `shared` was built from.
    pub(super) fn new(
        reload: Reload,
        config: Config,
        shared: Arc<Shared>,
        supervisor: Arc<Supervisor>,
    ) -> Self {
        Self {
            reload,
            started: config.clone(),
            current: config,
            shared,
            supervisor,
        }
    }

    /// Until `halt`.
    ///
    /// # Errors
    /// It panicked.
    pub(super) async fn run(mut self, halt: CancellationToken) -> Result<(), Error> {
        let asked = Arc::clone(&self.reload.asked);
        let mut tick = interval(WATCH_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let signal = tokio::select! {
                () = halt.cancelled() => return Ok(()),
                () = asked.notified() => true,
                _ = tick.tick() => false,
            };
            // Files may lie on a network, where a look takes as long as it takes.
            self = tokio::task::spawn_blocking(move || {
                self.look(signal);
                self
            })
            .await?;
        }
    }

    fn look(&mut self, signal: bool) {
        if signal {
            self.reload.watch.accept();
        } else if !self.reload.watch.changed() {
            return;
        }
        let cause = if signal { "signal" } else { "a file changed" };
        self.supervisor.reloading();
        let outcome = self.read();
        let now = self.shared.clock.now();
        match outcome {
            Ok((config, files)) => {
                let changes = self.swap(config, files);
                let keys = changes.now.join(", ");
                info!(cause, keys, "the configuration was read again");
                if !changes.restart.is_empty() {
                    let keys = changes.restart.join(", ");
                    warn!(keys, "these keys have changed, and need a restart");
                }
                self.shared.config.loaded(now, changes.restart);
                self.supervisor.ready();
            }
            Err(problems) => {
                let count = problems.len();
                error!(
                    cause,
                    problems = count,
                    "the configuration is wrong; the one before works on"
                );
                for problem in &problems {
                    error!(%problem, "in the configuration");
                }
                self.supervisor.ready();
                self.supervisor
                    .status(&format!("the configuration has {count} problems"));
                let problems = problems.iter().map(ToString::to_string).collect();
                self.shared.config.failed(now, problems);
            }
        }
    }

    fn read(&mut self) -> Result<(Config, Files), Vec<Problem>> {
        let config = (self.reload.load)()?;
        let own = self.reload.file.clone().into_iter();
        let named = config.files();
        // Those of before stay watched, until this has been read: one of them may be what is wrong.
        let mut known: Vec<PathBuf> = own.clone().chain(named.iter().cloned()).collect();
        for file in self.reload.watch.files() {
            if !known.contains(file) {
                known.push(file.clone());
            }
        }
        self.reload.watch.set(known);
        let mut files = open(&config)?;
        // Files that are named by files are known only now: they are read once more, after a look.
        let all = own.chain(named).chain(files.named());
        if self.reload.watch.set(all) {
            files = open(&config)?;
        }
        // The last that can fail: the certificate swaps itself.
        if let (Some(server), Some(tls)) = (&self.shared.tls, &config.tls) {
            let reloaded = server.reload(self.shared.clock.now());
            let problem = |error: crate::tls::Error| {
                vec![Problem::new(
                    "tls.cert",
                    tls.cert.display(),
                    error.to_string(),
                )]
            };
            reloaded.map_err(problem)?;
        }
        Ok((config, files))
    }

    /// Nothing here can fail. Gives the keys that changed since the last time, and those that wait.
    fn swap(&mut self, mut config: Config, files: Files) -> Changes {
        let Files { users, doors } = files;
        let changes = Changes {
            now: Changes::between(&self.current, &config).now,
            restart: Changes::between(&self.started, &config).restart,
        };
        if changes.waits("route") {
            config.routes = self.current.routes.clone();
        } else {
            self.shared.push.reload(doors);
        }
        self.shared.intake.reload(
            config.routes.clone(),
            self.shared.intake.knowledge(),
            &config.intake,
        );
        self.shared.mqtt.reload(users);
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
