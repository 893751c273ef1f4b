//! What organizations look like on the wire.

use claviger_core::id::OrganizationId;
use claviger_core::limits;
use claviger_core::organization::Organization;
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::fields::{Object, all_fields, allow_list, nullable, optional, present, text};
use super::idempotency::PostBody;
use super::page::PageQuery;
use super::policies::{PolicyBody, PolicyView};
use super::words::OrganizationStatusWord;
use crate::ops::organizations::{NewOrganization, OrganizationInfo, OrganizationPatch, OrganizationQuery};

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrganizationView {
    /// Its identifier.
    #[schema(value_type = String, examples("org_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    pub id: OrganizationId,
    /// The node above; null for the root, and where the caller does not see it.
    #[schema(value_type = Option<String>, required)]
    pub parent_id: Option<OrganizationId>,
    /// Its short name, unique in the installation.
    #[schema(examples("acme-eu"))]
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// The host's own identifier.
    #[schema(required)]
    pub external_id: Option<String>,
    /// Whether its keys are good at all.
    pub status: OrganizationStatusWord,
    /// What it sets itself.
    pub policy: PolicyBody,
    /// What holds for it. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub effective_policy: Option<PolicyView>,
    /// Where its keys may be used from; null means anywhere.
    #[schema(required)]
    pub allowed_ips: Option<Vec<String>>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<&Organization> for OrganizationView {
    fn from(it: &Organization) -> Self {
        Self {
            id: it.id,
            parent_id: it.parent_id,
            slug: it.slug.to_string(),
            name: it.name.to_string(),
            external_id: it.external_id.as_ref().map(ToString::to_string),
            status: it.status.into(),
            policy: PolicyBody::from(&it.policy),
            effective_policy: None,
            allowed_ips: it.allowed_ips.as_ref().map(|it| it.to_texts()),
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

impl From<&OrganizationInfo> for OrganizationView {
    fn from(info: &OrganizationInfo) -> Self {
        let effective_policy = Some(PolicyView::from(&info.effective_policy));
        Self { effective_policy, ..Self::from(&info.organization) }
    }
}

impl OrganizationView {
    /// The answer as it is kept for a repetition.
    pub(super) fn render(info: &OrganizationInfo) -> Value {
        serde_json::to_value(Self::from(info)).expect("a view is JSON")
    }
}

/// An organization to be made, or to be put.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Harbor Street", "external_id": "location-17"}))]
pub(super) struct NewOrganizationBody {
    /// What people call it.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// Its short name; absent means one made from the name, and the one it has where the organization is there already.
    #[schema(max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    slug: Option<String>,
    /// The host's own identifier. Where the path names it, it stands there and not here.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]*$")]
    external_id: Option<String>,
    /// What it sets itself. Where the organization is there already, absent leaves it as it is.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = PolicyBody, required = false)]
    policy: Option<Object<PolicyBody>>,
    /// Where its keys may be used from; null means anywhere, and so does absent, but leaves it as it is where the organization is there already.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    allowed_ips: Option<Option<Vec<String>>>,
}

impl PostBody for NewOrganizationBody {}

impl TryFrom<NewOrganizationBody> for NewOrganization {
    type Error = Reject;

    fn try_from(body: NewOrganizationBody) -> Result<Self, Reject> {
        let name = text("/name", &body.name);
        let slug = optional("/slug", body.slug.as_deref());
        let external_id = optional("/external_id", body.external_id.as_deref());
        let policy = body.policy.map(|it| it.0.read()).transpose();
        let allowed_ips =
            body.allowed_ips.map(|it| it.map(|it| allow_list("/allowed_ips", &it)).transpose()).transpose();
        let (name, slug, external_id, policy, allowed_ips) = all_fields!(name, slug, external_id, policy, allowed_ips)?;
        Ok(Self { name, slug, external_id, policy, allowed_ips, confirms_lockout: false })
    }
}

/// Which organizations are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OrganizationListQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items wanted.
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<u32>,
    /// Only those directly below.
    #[serde(default)]
    #[param(required = false, default = false)]
    children: bool,
    /// Those whose name, slug or external id contains this.
    #[param(max_length = 80)]
    search: Option<String>,
}

impl OrganizationListQuery {
    /// The query, which page of it, and the name of this list for its cursors.
    pub(super) fn read(self) -> Result<(OrganizationQuery, PageQuery, &'static str), Reject> {
        let search = self.search.filter(|it| !it.trim().is_empty());
        if search.as_ref().is_some_and(|it| it.chars().count() > limits::NAME_CHARS_MAX) {
            return Err(Reject::field("search", "is too long"));
        }
        let list = if self.children || search.is_some() { "organizations:below" } else { "organizations" };
        let query = OrganizationQuery { is_children_only: self.children, search };
        Ok((query, PageQuery { cursor: self.cursor, limit: self.limit }, list))
    }
}

/// Where an organization is to stand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveOrganizationBody {
    /// The node above it.
    #[schema(examples("org_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    parent_id: String,
}

impl PostBody for MoveOrganizationBody {}

impl MoveOrganizationBody {
    /// Reads it.
    pub(super) fn read(self) -> Result<OrganizationId, Reject> {
        text("/parent_id", &self.parent_id).map_err(|field| Reject::fields(vec![field]))
    }
}

/// What is to be changed on an organization (RFC 7396): what is left out stays, null takes away what can be absent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationPatchBody {
    /// What people call it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 80)]
    name: Option<String>,
    /// Its short name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 40)]
    slug: Option<String>,
    /// The host's own identifier.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128, pattern = "^[!-~]*$")]
    external_id: Option<Option<String>>,
    /// Whether its keys are good at all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = OrganizationStatusWord, required = false)]
    status: Option<OrganizationStatusWord>,
    /// What it sets itself, as a whole: it replaces what was set.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = PolicyBody, required = false)]
    policy: Option<Object<PolicyBody>>,
    /// Where its keys may be used from; null means anywhere.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    allowed_ips: Option<Option<Vec<String>>>,
}

impl TryFrom<OrganizationPatchBody> for OrganizationPatch {
    type Error = Reject;

    fn try_from(body: OrganizationPatchBody) -> Result<Self, Reject> {
        let name = optional("/name", body.name.as_deref());
        let slug = optional("/slug", body.slug.as_deref());
        let external_id = nullable("/external_id", body.external_id.as_ref());
        let policy = body.policy.map(|it| it.0.read()).transpose();
        let allowed_ips =
            body.allowed_ips.map(|it| it.map(|it| allow_list("/allowed_ips", &it)).transpose()).transpose();
        let (name, slug, external_id, policy, allowed_ips) = all_fields!(name, slug, external_id, policy, allowed_ips)?;
        let status = body.status.map(Into::into);
        Ok(Self { name, slug, external_id, status, policy, allowed_ips, confirms_lockout: false })
    }
}
