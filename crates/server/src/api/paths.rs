//! The identifiers that stand in paths.

use claviger_core::id::{ApiId, EventId, ImportId, KeyId, MemberId, OrganizationId, RoleId, UserId};
use claviger_core::name::ExternalId;
use claviger_core::reject::Reject;
use serde::Deserialize;
use utoipa::IntoParams;

/// `/organizations/{organization_id}`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OrganizationPath {
    /// The organization.
    #[param(value_type = String, example = "org_01kapxb4q0e8mv5r3g2t9w7yzn")]
    pub organization_id: OrganizationId,
}

/// Declares the path of one thing within an organization.
macro_rules! within_organization {
    ($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $id:ty, $example:literal }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize, IntoParams)]
        #[into_params(parameter_in = Path)]
        pub(super) struct $name {
            /// The organization.
            #[param(value_type = String, example = "org_01kapxb4q0e8mv5r3g2t9w7yzn")]
            pub organization_id: OrganizationId,
            $(#[$field_doc])*
            #[param(value_type = String, example = $example)]
            pub $field: $id,
        }
    };
}

within_organization! {
    /// `…/keys/{key_id}`
    KeyPath {
        /// The key.
        key_id: KeyId, "key_01kapxb4q0e8mv5r3g2t9w7yzn"
    }
}

within_organization! {
    /// `…/users/{user_id}`
    UserPath {
        /// The user.
        user_id: UserId, "usr_01kapxb4q0e8mv5r3g2t9w7yzn"
    }
}

within_organization! {
    /// `…/members/{member_id}`
    MemberPath {
        /// The membership.
        member_id: MemberId, "mem_01kapxb4q0e8mv5r3g2t9w7yzn"
    }
}

within_organization! {
    /// `…/roles/{role_id}`
    RolePath {
        /// The role.
        role_id: RoleId, "rol_01kapxb4q0e8mv5r3g2t9w7yzn"
    }
}

within_organization! {
    /// `…/apis/{api_id}`
    ApiPath {
        /// The api.
        api_id: ApiId, "api_01kapxb4q0e8mv5r3g2t9w7yzn"
    }
}

within_organization! {
    /// `…/imports/{import_id}`
    ImportPath {
        /// The import.
        import_id: ImportId, "imp_01kapxb4q0e8mv5r3g2t9w7yzn"
    }
}

within_organization! {
    /// `…/events/{event_id}`
    EventPath {
        /// The event.
        event_id: EventId, "evt_01kapxb4q0e8mv5r3g2t9w7yzn"
    }
}

/// `…/by-external-id/{external_id}`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ExternalIdPath {
    /// The organization.
    #[param(value_type = String, example = "org_01kapxb4q0e8mv5r3g2t9w7yzn")]
    organization_id: OrganizationId,
    /// The host's own identifier: 1 to 128 visible ASCII characters, percent-encoded.
    #[param(value_type = String, min_length = 1, max_length = 128, pattern = "^[!-~]*$", example = "customer-42")]
    external_id: String,
}

impl ExternalIdPath {
    /// Reads it. The host's own identifiers name what need not be there yet, so with one that cannot be one nothing is missing, and something is
    /// wrong: unlike ours, it is refused as any other field.
    pub(super) fn read(self) -> Result<(OrganizationId, ExternalId), Reject> {
        let external_id = self.external_id.parse().map_err(|error| Reject::field("external_id", error))?;
        Ok((self.organization_id, external_id))
    }
}
