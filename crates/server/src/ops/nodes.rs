//! The nodes of the installation, for who runs it.

use claviger_core::event::Stream;
use claviger_core::node::Node;
use claviger_core::reject::Reject;

use super::caller::Caller;
use super::error::OpResult;
use crate::app::App;

/// What a key needs to see the nodes: this, at the root.
const NODES_READ: &str = "claviger/nodes:read";

/// A node and how far it is behind.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// The node.
    pub node: Node,
    /// Whether it is the one that answers.
    pub is_own: bool,
    /// Events that it has not applied yet; absent while it loads everything.
    pub behind: Option<u64>,
}

/// Lists the nodes, by name. An embedded database has the one that answers.
///
/// # Errors
/// Refusals.
pub async fn list_nodes(app: &App, caller: &Caller) -> OpResult<Vec<NodeInfo>> {
    let (root, head) = {
        let mut reader = app.store().read().await?;
        let installation = reader.find_installation_unchecked().await?.ok_or_else(Reject::not_found)?;
        (installation.root_organization_id, reader.head(Stream::Change).await?)
    };
    caller.authorize(app, root, NODES_READ)?;
    let mut nodes = app.nodes().read().await?;
    let (own, now) = (app.nodes().own(), app.now());
    let position = app.replica().position();
    let read_at = nodes.first().map_or(now, |it| it.read_at);
    let (id, name, started_at) = (own.id, own.name.clone(), own.started_at);
    let flushed_until = app.nodes().own_flushed();
    nodes.push(Node { id, name, started_at, last_contact: read_at, read_at, position, flushed_until });
    nodes.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let info = |node: Node| {
        let at = node.position.filter(|it| it.epoch == head.epoch);
        NodeInfo { is_own: node.id == own.id, behind: at.map(|it| head.seq.saturating_sub(it.seq)), node }
    };
    Ok(nodes.into_iter().map(info).collect())
}
