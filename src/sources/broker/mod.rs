//! Uplinks from a city's own MQTT brokers, through rumqttc.
//!
//! ```text
//! Links -- one task per client --> Link: connect -> subscribe -> flow -> wait -> connect ..
//!                                                        |
//!  broker == PUBLISH ==> read:  all that has come -> one intake::commit -> window
//!         <== PUBACK === acknowledge: window -> durable? -> rumqttc's queue of requests
//! ```
//! A PUBACK leaves only after its message is in the log and synced, so what a broker forgets, the
//! log has. What it does not forget comes again after a break: with DUP under the packet id of the
//! same session, which intake recognises (promise 6).
//!
//! Decisions. Each connection has an event loop of its own, which ends with it, and with it the
//! queue of its acks: rumqttc drops queued acks at a disconnect, but would send one that is made
//! between two connections on the later one, where its packet id names another message. Acks are
//! queued by a future of their own beside the one that polls: who waits for a place in the queue
//! before polling on waits forever, for only polling empties it. `QoS` 2 is refused: rumqttc ends a
//! connection over the PUBREL of a message that an earlier one has answered, again and again.
//! A message that cannot become readings is acknowledged with success once its reject is durable:
//! an error code would tell the broker, which is not its author.
mod backoff;
mod config;
mod credentials;
mod filter;
mod flow;
mod link;
mod memory;
mod state;
mod window;
mod wire;

use config::CLIENTS_MAX;
pub use config::{Config, Version};
pub use link::{Link, Service};
use memory::Memory;
pub use state::{LinkState, Phase, Subscription, overall};

use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long links may take for their last acks when the gateway stops, within the 5 s of all sources
/// and readers. What does not go out in time comes again.
const GRACE: Duration = Duration::from_secs(3);

/// The links to all brokers.
#[derive(Debug, Default)]
pub struct Links(Vec<Arc<Link>>);

impl Links {
    /// One link per client of each broker, and one for each client of an earlier configuration that
    /// may still be subscribed: a broker goes on giving its share of a group to a client that is gone,
    /// and that would be lost. Blocks.
    pub fn new(brokers: &[Config], node: &str, service: &Arc<Service>) -> Self {
        let memory = Memory(Arc::clone(&service.state));
        let mut subscribed = memory.subscribed().unwrap_or_else(|error| {
            warn!(%error, "cannot look for clients of earlier configurations");
            Vec::new()
        });
        let mut links = Vec::new();
        for config in brokers {
            let config = Arc::new(config.clone());
            for index in 0..CLIENTS_MAX {
                let client_id = config.client_id(node, index);
                let known = subscribed.iter().position(|known| *known == client_id);
                let was_subscribed = known.map(|at| subscribed.swap_remove(at)).is_some();
                let link = Link::new(Arc::clone(&config), index, client_id, Arc::clone(service));
                if index < config.clients {
                    links.push(Arc::new(link));
                } else if was_subscribed {
                    info!(
                        link = link.client_id(),
                        "a client that is not configured any more gives its subscriptions back"
                    );
                    links.push(Arc::new(link.retiring()));
                }
            }
        }
        for client_id in subscribed {
            warn!(
                client_id,
                "this client of an earlier configuration (node, broker) may still be subscribed: what its \
                 broker gives to it is lost; configure it once more with other topics, or end its session there"
            );
        }
        Self(links)
    }

    /// Is no broker configured?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every link as it is now.
    pub fn states(&self) -> Vec<LinkState> {
        self.0.iter().map(|link| link.state()).collect()
    }
}

/// Runs all links until `halt`; then nothing more is taken, what was taken is acknowledged once it
/// is durable, and the sessions are left for the next start. A broker that is away stops nothing.
/// The log has to outlive this.
///
/// # Errors
/// A link panicked.
pub async fn run(links: Arc<Links>, halt: CancellationToken) -> Result<(), JoinError> {
    let mut tasks = JoinSet::new();
    for link in &links.0 {
        tasks.spawn(Arc::clone(link).run(halt.clone()));
    }
    // Without links there is nothing to do, but a source that ends would end the gateway.
    halt.run_until_cancelled(joined(&mut tasks, true))
        .await
        .unwrap_or(Ok(()))?;
    let drained = timeout(GRACE, joined(&mut tasks, false)).await;
    if drained.is_err() {
        warn!(
            links = tasks.len(),
            "links to brokers were cut: their last acks did not go out"
        );
        tasks.shutdown().await;
    }
    info!("links to brokers stopped");
    drained.unwrap_or(Ok(()))
}

/// Waits for every task, or with `forever` for a failure only.
async fn joined(tasks: &mut JoinSet<()>, forever: bool) -> Result<(), JoinError> {
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    if forever {
        std::future::pending::<()>().await;
    }
    Ok(())
}
