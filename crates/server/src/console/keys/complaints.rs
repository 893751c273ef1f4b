//! What the form of a key says where the operation refuses it: beside the field that it is about.

use claviger_core::reject::{Reject, RejectCode};

use crate::console::failure::Failure;
use crate::console::pages::form::FormErrors;
use crate::console::visit::Visit;
use crate::ops::keys::is_about_owned_keys;

/// What is said of a name that is taken.
pub(super) const NAME_TAKEN: &str = "A key with this name exists already. Choose another name.";

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
