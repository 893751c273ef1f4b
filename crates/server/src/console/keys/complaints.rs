//! What the form of a key says where the operation refuses it: beside the field that it is about.

use claviger_core::decision::Code;
use claviger_core::id::{RoleId, UserId};
use claviger_core::reject::{Reject, RejectCode};

use crate::console::failure::Failure;
use crate::console::pages::form::FormErrors;
use crate::console::visit::Visit;
use crate::ops::keys::is_about_owned_keys;
use crate::ops::members::find_member_of_user;

/// What is said of a name that is taken.
pub(super) const NAME_TAKEN: &str = "A key with this name exists already. Choose another name.";

/// What is said of an owner whose role has no API access: whoever makes the key can mend that, or make it for nobody.
const NO_API_ACCESS: &str =
    "The role of this person is not allowed API access, so the key would be refused wherever it is shown.";

/// Says of an owner without API access what else can be chosen, and leads to where the role is allowed it, for who may look at the member and
/// change roles.
pub(super) async fn lead_to_api_access(visit: &Visit, errors: &mut FormErrors, owner: &str) {
    if errors.list.last().is_none_or(|it| it.message != NO_API_ACCESS) {
        return;
    }
    if visit.is_admin() {
        errors.put_at("owner", "Allow it to the role, or choose somebody else or “Nobody” here.");
    }
    let owner = if owner.is_empty() { Some(visit.user.id) } else { owner.parse().ok() };
    if let Some(role_id) = role_of(visit, owner).await {
        let path = visit.path(&format!("/roles/{role_id}#api_access"));
        errors.add_way(path, "User Roles › the role › Misc › API Access");
    }
}

/// The role of a member, for who may look at members and change roles.
async fn role_of(visit: &Visit, user_id: Option<UserId>) -> Option<RoleId> {
    if !["claviger/roles:read", "claviger/roles:update"].into_iter().all(|it| visit.may_do(it)) {
        return None;
    }
    find_member_of_user(&visit.app, &visit.caller, visit.organization_id(), user_id?).await.ok()?.map(|it| it.role_id)
}

/// Puts a refusal of the operation beside the field it is about.
pub(super) fn complain(visit: &Visit, errors: &mut FormErrors, reject: Reject) -> Result<(), Failure> {
    match reject.code {
        _ if is_about_owned_keys(&reject) => {
            let detail = "This person owns as many keys here as the policy “Keys a person may own” allows. An admin can raise it where it is not \
                          locked above, and can make keys that belong to nobody.";
            errors.add_general(detail);
            if visit.may_do("claviger/organizations:update") {
                errors
                    .add_way(visit.path("/policies/max_keys_per_user"), "Settings › Policies › Keys a person may own");
            }
        }
        RejectCode::Decision(Code::ApiAccessDenied) => errors.add_general(NO_API_ACCESS),
        RejectCode::NameTaken => errors.add("name", NAME_TAKEN),
        RejectCode::UserHasKey => errors.add("mapped_user", reject.detail),
        RejectCode::VersionMismatch => errors.add_outdated(),
        RejectCode::InvalidField
        | RejectCode::PolicyDenied
        | RejectCode::GrantExceedsOwn
        | RejectCode::LimitReached
        | RejectCode::StateConflict => {
            let known = [
                ("/name", "name", "The key's name"),
                ("/description", "description", "The description"),
                ("/role_id", "role", "The role"),
                ("/expires_at", "expires", "The expiry"),
                ("/mapped_user_id", "mapped_user", "The mapped user"),
                ("/owner_id", "owner", "The owner"),
                ("/limits", "rate", "The limits"),
                ("/limits/rate", "rate", "The rate limit"),
                ("/limits/daily_quota", "daily_quota", "The daily quota"),
            ];
            errors.add_fields(&reject.fields, &known);
            if reject.fields.is_empty() {
                errors.add_general(reject.detail);
            }
        }
        _ => return Err(reject.into()),
    }
    Ok(())
}
