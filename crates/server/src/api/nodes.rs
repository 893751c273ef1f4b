//! Nodes: list.

use axum::Json;
use axum::extract::State;
use claviger_core::id::NodeId;
use claviger_core::node::NodeState;
use claviger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::problem::{ApiResult, Refusals};
use super::words::NodeStateWord;
use crate::app::App;
use crate::ops;
use crate::ops::nodes::NodeInfo;

/// The route of nodes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_nodes))
}

/// A running process of this installation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeView {
    /// Its identifier, a new one with each start.
    #[schema(value_type = String, examples("nod_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    pub id: NodeId,
    /// By what people recognise it: its `node_name`, or its machine and the number of the process.
    #[schema(examples("node-c"))]
    pub name: String,
    /// Whether it is still heard.
    pub state: NodeStateWord,
    /// Whether it is the one that answers.
    pub answers: bool,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it was last heard. A node says every three seconds that it lives, and after ten without a word it counts as lost.
    #[schema(value_type = String, format = DateTime)]
    pub last_contact_at: Timestamp,
    /// The life of the log that it follows; null while it loads and answers nobody.
    #[schema(required)]
    pub epoch: Option<u64>,
    /// Up to where it has applied that log; null while it loads.
    #[schema(required)]
    pub seq: Option<u64>,
    /// Events that it has not applied yet; null while it loads everything.
    #[schema(required)]
    pub behind: Option<u64>,
}

/// All nodes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeListView {
    /// By name; those that were lost are kept for 25 hours.
    pub data: Vec<NodeView>,
}

impl From<NodeInfo> for NodeView {
    fn from(NodeInfo { node, is_own, behind }: NodeInfo) -> Self {
        Self {
            state: if is_own { NodeState::Live } else { node.state() }.into(),
            id: node.id,
            name: node.name.to_string(),
            answers: is_own,
            started_at: node.started_at,
            last_contact_at: node.last_contact,
            epoch: node.position.map(|it| it.epoch),
            seq: node.position.map(|it| it.seq),
            behind,
        }
    }
}

/// Lists the nodes of the installation: which live, which were lost, and how far each has come.
///
/// Needs its permission at the root of the tree. On an embedded database there is one.
#[utoipa::path(
    get,
    path = "/api/v1/nodes",
    tag = "nodes",
    extensions(("x-permissions" = json!({"all": ["claviger/nodes:read"]}))),
    responses((status = 200, description = "The nodes.", body = NodeListView), Refusals)
)]
pub(super) async fn list_nodes(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> ApiResult<Json<NodeListView>> {
    let nodes = ops::nodes::list_nodes(&app, &caller).await?;
    Ok(Json(NodeListView { data: nodes.into_iter().map(Into::into).collect() }))
}
