//! The names under which this gateway may be called.
use std::sync::{Arc, PoisonError, RwLock};

/// `http.hosts` and the node's name, in lower case.
#[derive(Debug)]
pub struct Hosts {
    node: Box<str>,
    names: RwLock<Arc<[Box<str>]>>,
}

impl Hosts {
    /// These, and the node's.
    pub fn new(node: &str, hosts: &[String]) -> Self {
        Self {
            names: RwLock::new(names(node, hosts)),
            node: node.into(),
        }
    }

    /// Those of now.
    pub(super) fn names(&self) -> Arc<[Box<str>]> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&names)
    }

    /// Others from the next request on.
    pub fn reload(&self, hosts: &[String]) {
        let names = names(&self.node, hosts);
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = names;
    }
}

fn names(node: &str, hosts: &[String]) -> Arc<[Box<str>]> {
    let all = hosts.iter().map(String::as_str).chain([node]);
    all.map(|name| name.to_ascii_lowercase().into()).collect()
}
