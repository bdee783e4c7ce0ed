//! config -> open -> bind -> serve -> drain. The only module that knows all others.
//!
//! Opening goes from the durable to the visible: state and logs, what intake has to remember of
//! their tails, readers, listeners. Draining goes the other way: sources stop taking and answer what
//! is on its way, readers make durable what they hold, and the logs close last.
mod check;
mod difference;
mod disk;
mod error;
mod files;
mod listeners;
mod look_back;
mod reload;
mod retired;
mod snapshot;
mod wrong;

pub use check::{Checked, check, check_profiles, knowledge};
pub use error::Error;
pub use listeners::Bound;
pub use reload::Reload;

use crate::api;
use crate::config::Config;
use crate::devices::{self, Registry};
use crate::history::{self, History};
use crate::intake::{self, Intake};
use crate::log::Log;
use crate::model::Clock;
use crate::model::proto::Severity;
use crate::sources::broker;
use crate::sources::coap;
use crate::sources::mqtt;
use crate::sources::push;
use crate::state::State;
use crate::store::{self, Stores};
use crate::telemetry::{Accounting, Reloads, Supervisor};
use crate::tls;
use disk::Disk;
use files::Files;
use listeners::Listeners;
use reload::Reloader;
use snapshot::Snapshot;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use wrong::Wrong;
use xxhash_rust::xxh3::xxh3_64;

/// From the first signal to the end: a supervisor's patience is longer, a person's at a terminal is not.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How often it is saved which rejects were recovered; what came since is found in the log.
const MARKS_EVERY: Duration = Duration::from_secs(30);

/// The machine around a gateway, besides devices and callers.
#[derive(Debug, Default)]
pub struct Host {
    /// Where another configuration comes from; `None`: there will be none.
    pub reload: Option<Reload>,
    /// The service manager.
    pub supervisor: Supervisor,
}

/// Runs a gateway until `stop`, then drains it. `bound` is told where it listens.
///
/// # Errors
/// Why it did not start, or how it ended.
pub async fn run(
    config: Config,
    mut host: Host,
    stop: impl Future<Output = ()>,
    bound: impl FnOnce(&Bound),
) -> Result<(), Error> {
    let clock = Clock::system();
    for warning in config.concerns(clock.now()).1 {
        warn!("{warning}");
    }
    let opening = config.clone();
    let mut reload = host.reload.take();
    // Watched before they are read, so that no change is missed.
    let read = tokio::task::spawn_blocking(move || {
        if let Some(reload) = &mut reload {
            reload.watch_named(&opening);
        }
        (reload, files::open_first(&opening))
    });
    let (reload, files) = read.await?;
    host.reload = reload;
    let mut files = files.map_err(|wrong| Error::Files(Wrong::problems(wrong)))?;
    files.snapshot.state.loaded_at = clock.now();
    let tls = config.tls.clone();
    let tls = tokio::task::spawn_blocking(move || tls.map(tls::Server::new).transpose());
    let tls = tls.await??.map(Arc::new);
    let listeners = Listeners::bind(&config, tls.as_ref()).await?;
    let opening = config.clone();
    let opening_clock = clock.clone();
    // Recovery reads and syncs files.
    let disk = tokio::task::spawn_blocking(move || Disk::open(&opening, &opening_clock)).await??;
    let gateway = Gateway::build(&config, disk, files, tls, clock)?;
    bound(&listeners.bound()?);
    gateway.serve(config, host, listeners, stop).await
}

/// An opened gateway.
struct Gateway {
    shared: Arc<api::Shared>,
    sessions: Arc<mqtt::Sessions>,
    /// Until the reloader has it: nobody else may hold it for long.
    snapshot: Option<Snapshot>,
}

impl Gateway {
    fn build(
        config: &Config,
        disk: Disk,
        files: Files,
        tls: Option<Arc<tls::Server>>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let Disk {
            state,
            sessions,
            log,
            rejects,
            accounting,
            access,
        } = disk;
        let catalogue = Arc::new(config.catalogue.clone());
        let intake = Arc::new(Intake::new(intake::Parts {
            catalogue: Arc::clone(&catalogue),
            routes: config.routes.clone(),
            knowledge: Arc::clone(&files.snapshot.knowledge),
            node: config.node.clone(),
            zone: config.zone.clone(),
            log: log.clone(),
            rejects: rejects.clone(),
            accounting: Arc::clone(&accounting),
            clock: clock.clone(),
            config: config.intake.clone(),
        }));
        intake.keep_marks_in(&state);
        let devices = Registry::start(devices::Parts {
            state: Arc::clone(&state),
            log: log.clone(),
            rejects: rejects.clone(),
            intake: Arc::clone(&intake),
            catalogue: Arc::clone(&catalogue),
            config: config.devices.clone(),
            clock: clock.clone(),
        })?;
        let links = links(config, &intake, &state, &clock);
        let stores = Stores::start(store::Parts {
            log: log.clone(),
            state: Arc::clone(&state),
            intake: Arc::clone(&intake),
            clock: clock.clone(),
            configs: config.stores.clone(),
        })?;
        let history = History::start(
            state,
            log.clone(),
            config.history.clone(),
            clock.clone(),
            on_gap(&intake, &clock),
        )
        .map_err(Error::Thread)?;
        intake.look_back_by(look_back::of(&history));
        let coap = coap_service(config, &intake, &accounting, &clock, &log);
        let sessions = Arc::new(sessions);
        let service = mqtt::Service {
            config: config.mqtt.clone(),
            door: mqtt::Door::new(files.admission.users),
            intake: Arc::clone(&intake),
            accounting: Arc::clone(&accounting),
            sessions: Arc::clone(&sessions),
            stats: Arc::default(),
            clock: clock.clone(),
        };
        let shared = Arc::new(api::Shared {
            config: Arc::new(Reloads::started(clock.now(), files.snapshot.state.clone())),
            hosts: api::http::Hosts::new(&config.node, &config.http.hosts),
            node: config.node.as_str().into(),
            access: Arc::new(access),
            tls,
            log,
            rejects,
            history,
            devices,
            stores,
            push: push::Service::new(Arc::clone(&intake), clock.clone(), files.admission.doors),
            intake,
            mqtt: Arc::new(service),
            coap: Arc::new(coap),
            links: Arc::new(links),
            catalogue,
            accounting,
            metrics: Arc::default(),
            streams: api::grpc::Streams::default(),
            rates: api::Rates::default(),
            zone: config.zone.clone(),
            started_at: clock.now(),
            clock,
            readiness: api::Readiness::default(),
        });
        Ok(Self {
            shared,
            sessions,
            snapshot: Some(files.snapshot),
        })
    }

    async fn serve(
        mut self,
        config: Config,
        host: Host,
        listeners: Listeners,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let Listeners {
            mqtt,
            mqtt_tls,
            coap,
            grpc,
            http,
        } = listeners;
        let (halt_sources, halt_api) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks: JoinSet<Result<(), Error>> = JoinSet::new();
        let (shared, halt) = (Arc::clone(&self.shared), halt_api.clone());
        tasks.spawn(async move {
            api::http::serve(http, shared, halt).await;
            Ok(())
        });
        let (shared, halt, grpc_config) = (
            Arc::clone(&self.shared),
            halt_api.clone(),
            config.grpc.clone(),
        );
        tasks.spawn(async move { Ok(api::grpc::serve(grpc, shared, &grpc_config, halt).await?) });

        if let Some(tls) = self.shared.tls.clone() {
            let watch = tls.watch(self.shared.clock.clone(), halt_api.clone());
            tasks.spawn(async move {
                watch.await;
                Ok(())
            });
        }
        let (access, clock) = (Arc::clone(&self.shared.access), self.shared.clock.clone());
        let watch = access.watch(clock, halt_api.clone());
        tasks.spawn(async move {
            watch.await;
            Ok(())
        });

        let readiness = &self.shared.readiness;
        readiness.set(api::Phase::Starting("reading what was taken before"));
        let intake = Arc::clone(&self.shared.intake);
        let rebuilt = tokio::task::spawn_blocking(move || intake.rebuild()).await??;
        info!(?rebuilt, "remembered what was taken before");

        let mut sources: JoinSet<Result<(), Error>> = JoinSet::new();
        let (service, halt) = (Arc::clone(&self.shared.mqtt), halt_sources.clone());
        sources.spawn(async move { Ok(mqtt::run(mqtt, mqtt_tls, service, halt).await?) });
        let (service, halt) = (Arc::clone(&self.shared.coap), halt_sources.clone());
        sources.spawn(async move { Ok(coap::run(coap, service, halt).await?) });
        let (links, halt) = (Arc::clone(&self.shared.links), halt_sources.clone());
        sources.spawn(async move { Ok(broker::run(links, halt).await?) });
        readiness.set(api::Phase::Ready);
        let supervisor = Arc::new(host.supervisor);
        supervisor.ready();
        tasks.spawn(feed(Arc::clone(&supervisor), halt_api.clone()));
        tasks.spawn(save_marks(
            Arc::clone(&self.shared.intake),
            halt_api.clone(),
        ));
        if let (Some(reload), Some(snapshot)) = (host.reload, self.snapshot.take())
            && let Some(asks) = self.shared.config.asks.listen()
        {
            let shared = Arc::clone(&self.shared);
            let reloader = Reloader::new(reload, config, snapshot, shared, Arc::clone(&supervisor));
            tasks.spawn(reloader.run(asks, halt_api.clone()));
        }

        let mut outcome = tokio::select! {
            () = stop => Ok(()),
            failure = self.shared.log.failed() => Err(failure.into()),
            failure = self.shared.rejects.failed() => Err(failure.into()),
            Some(ended) = tasks.join_next() => flat(ended),
            Some(ended) = sources.join_next() => flat(ended),
        };
        info!("draining");
        supervisor.stopping();
        readiness.set(api::Phase::Draining);
        self.shared.stores.halt();
        let drain = async {
            halt_sources.cancel();
            while let Some(ended) = sources.join_next().await {
                outcome = outcome.and(flat(ended));
            }
            halt_api.cancel();
            while let Some(ended) = tasks.join_next().await {
                outcome = outcome.and(flat(ended));
            }
            let closed = tokio::task::spawn_blocking(move || self.close()).await;
            outcome.and(closed.map_err(Error::from))
        };
        tokio::time::timeout(DRAIN_MAX, drain)
            .await
            .unwrap_or(Err(Error::Grace))
    }

    /// Readers first, for they read the log to its end; then the logs. Blocks.
    fn close(self) {
        self.sessions.close();
        self.shared.stores.close();
        self.shared.history.close();
        self.shared.devices.close();
        self.shared.rejects.close();
        self.shared.log.close();
        self.shared.access.close(self.shared.clock.now());
        info!("closed");
    }
}

/// The links to city brokers.
fn links(
    config: &Config,
    intake: &Arc<Intake>,
    state: &Arc<State>,
    clock: &Clock,
) -> broker::Links {
    let service = broker::Service {
        intake: Arc::clone(intake),
        accounting: Arc::clone(intake.accounting()),
        state: Arc::clone(state),
        clock: clock.clone(),
        epochs: AtomicU64::new(0),
    };
    broker::Links::new(&config.brokers, &config.node, &Arc::new(service))
}

fn coap_service(
    config: &Config,
    intake: &Arc<Intake>,
    accounting: &Arc<Accounting>,
    clock: &Clock,
    log: &Log,
) -> coap::Service {
    coap::Service {
        config: config.coap.clone(),
        intake: Arc::clone(intake),
        accounting: Arc::clone(accounting),
        stats: Arc::default(),
        clock: clock.clone(),
        seed: xxh3_64(&log.id().0.to_le_bytes()),
    }
}

/// Saves which rejects were recovered, now and then and at the end.
async fn save_marks(intake: Arc<Intake>, halt: CancellationToken) -> Result<(), Error> {
    let mut tick = tokio::time::interval(MARKS_EVERY);
    loop {
        let ending = tokio::select! { () = halt.cancelled() => true, _ = tick.tick() => false };
        let intake = Arc::clone(&intake);
        let saved = tokio::task::spawn_blocking(move || intake.save_marks()).await?;
        if let Err(error) = saved {
            // They stay in memory, and in the log.
            warn!(%error, "which rejects were recovered is not saved");
        }
        if ending {
            return Ok(());
        }
    }
}

/// Tells the service manager's watchdog that tasks still get their turn.
async fn feed(supervisor: Arc<Supervisor>, halt: CancellationToken) -> Result<(), Error> {
    if let Some(every) = supervisor.alive_every() {
        let mut tick = tokio::time::interval(every);
        while tokio::select! { () = halt.cancelled() => false, _ = tick.tick() => true } {
            supervisor.alive();
        }
    } else {
        halt.cancelled().await;
    }
    Ok(())
}

fn flat(ended: Result<Result<(), Error>, JoinError>) -> Result<(), Error> {
    ended.map_err(Error::from).flatten()
}

/// What history will never see is an event of the gateway, so that it is found in the log, too.
fn on_gap(intake: &Arc<Intake>, clock: &Clock) -> history::OnGap {
    let (intake, clock) = (Arc::clone(intake), clock.clone());
    Box::new(move |from, to| {
        intake.event(intake::EventDraft {
            device_id: "",
            kind: "",
            name: "gap",
            at: clock.now(),
            severity: Severity::Critical as i32,
            detail: &[
                ("reader", "history"),
                ("from", &from.to_string()),
                ("to", &to.to_string()),
            ],
        });
    })
}
