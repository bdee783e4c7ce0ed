//! A store's thread.
use super::client::Client;
use super::config::Config;
use super::deliver::Context;
use super::follow::{Ended, Parts, follow};
use super::row::Row;
use super::status::{Check, Checks, Status, Trouble};
use super::tally::Tally;
use super::{Command, check, client, place};
use crate::intake::Intake;
use crate::log::Log;
use crate::model::Clock;
use crate::state::State;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Between two attempts to begin.
const AGAIN: Duration = Duration::from_secs(5);
/// Between two looks at a tally that is still counting.
const COUNTING: Duration = Duration::from_millis(50);
/// Between two looks at whether a store with a failed check takes readings by now.
const LOOK: Duration = Duration::from_secs(1);

/// What goes with it to its thread.
pub struct Worker {
    pub config: Config,
    pub status: Arc<Status>,
    pub intake: Arc<Intake>,
    pub clock: Clock,
    pub log: Log,
    pub state: Arc<State>,
    pub tally: Arc<Tally>,
    pub stop: CancellationToken,
    /// The next sequence when the gateway started, before anything could come: what "now" means.
    pub started_at: u64,
}

/// Says so when the thread panics: nothing else would, and the store would seem to be idle.
struct Watch<'w>(&'w Worker);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.alarm(
                "the store's thread has failed; a restart of the gateway goes on from its place",
            );
        }
    }
}

impl Worker {
    /// Delivers until the stop is asked for.
    pub fn run(self, mut commands: mpsc::Receiver<Command>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let _watch = Watch(&self);
        match runtime {
            Ok(runtime) => {
                runtime.block_on(self.serve(&mut commands));
                // A look-up of a name that hangs is not waited for.
                runtime.shutdown_background();
            }
            Err(error) => self.alarm(&format!("no runtime for the store's thread: {error}")),
        }
    }

    fn alarm(&self, why: &str) {
        self.status
            .trouble_of_all(Trouble::Alarm, why, self.clock.now());
    }

    async fn serve(&self, commands: &mut mpsc::Receiver<Command>) {
        tracing::info!(store = %self.config, "delivering to a store");
        let Some((client, mut row)) = self.begin().await else {
            return;
        };
        let context = Rc::new(Context {
            config: self.config.clone(),
            client,
            status: Arc::clone(&self.status),
            intake: Arc::clone(&self.intake),
            clock: self.clock.clone(),
            accepted: Cell::new(0),
            bytes_max: Cell::new(self.config.batch_bytes),
            recovered: Notify::new(),
            flying: RefCell::new(vec![false; self.config.shards]),
            proving: Cell::new(0),
            proofs: RefCell::new(vec![Vec::new(); self.config.shards]),
        });
        let parts = Parts {
            context: Rc::clone(&context),
            log: &self.log,
            state: &self.state,
            tally: &self.tally,
            stop: &self.stop,
        };
        let following = async {
            while let Ended::Rewound(back) = follow(&parts, row, commands).await {
                row = back;
            }
        };
        tokio::select! {
            () = following => {}
            () = self.check(&context) => {}
        }
    }

    /// What is needed before the first record; tried until it is there. `None`: stopped.
    async fn begin(&self) -> Option<(Client, Row)> {
        let row = loop {
            let opened = place::open(
                &self.config,
                &self.log,
                &self.state,
                &self.tally,
                self.started_at,
            );
            let wait = match opened {
                Ok(Some(row)) => break row,
                Ok(None) => COUNTING,
                Err(error) => {
                    self.alarm(&client::chain(&error));
                    place::reopen(&self.state);
                    AGAIN
                }
            };
            self.pause(wait).await?;
        };
        // Retention warns of a store that lags also while there can be no client.
        let _lag = self
            .log
            .follow(&self.config.name, row.next.saturating_sub(1));
        self.status.update(|facts| {
            (facts.next, facts.reached) = (row.next, row.next);
            (facts.base, facts.counts, facts.gap) = (row.base, row.counts, row.gap);
        });
        loop {
            match Client::new(&self.config, self.clock.clone()) {
                Ok(client) => {
                    self.status
                        .trouble_of_all(Trouble::None, "", self.clock.now());
                    return Some((client, row));
                }
                Err(error) => self.alarm(&client::chain(&error)),
            }
            self.pause(AGAIN).await?;
        }
    }

    /// `None`: stopped meanwhile.
    async fn pause(&self, time: Duration) -> Option<()> {
        timeout(time, self.stop.cancelled()).await.err().map(|_| ())
    }

    /// Asks the store at the start, until all is well: what is wrong then is wrong for every batch.
    /// Never resolves.
    async fn check(&self, context: &Context) {
        let mut said = Checks::default();
        loop {
            let checks = check::check(&context.client, self.config.target()).await;
            let (failure, is_well) = (checks.failure(), checks.is_well());
            if checks != said {
                self.say(&checks);
                said = checks.clone();
            }
            self.status.update(|facts| facts.checks = checks);
            match &failure {
                None => {
                    self.status
                        .trouble_of_all(Trouble::None, "", self.clock.now());
                    if is_well {
                        break;
                    }
                }
                // A store that is away is told of by who delivers.
                Some((_, _, false)) => {}
                Some((what, why, true)) => self.alarm(&format!("{what}: {why}")),
            }
            // Nor is it waited for when delivery has found out that all is well. What could not be
            // told may stay so, and is not asked for at each batch.
            let (accepted, asked) = (context.accepted.get(), Instant::now());
            let is_same = || failure.is_none() || context.accepted.get() == accepted;
            while is_same() && asked.elapsed() < check::AGAIN {
                sleep(LOOK).await;
            }
        }
        std::future::pending::<()>().await;
    }

    fn say(&self, checks: &Checks) {
        let store = &*self.config.name;
        for (what, check) in checks.named() {
            match check {
                Check::Failed(why) => {
                    tracing::warn!(store, what, why, "a check of the store failed");
                }
                Check::Ok(words) | Check::Unknown(words) => {
                    tracing::info!(store, what, words, "checked the store");
                }
            }
        }
    }
}
