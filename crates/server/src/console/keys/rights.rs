//! What the viewer is offered to do with a key: nothing that the operation would refuse for want of rights.

use claviger_core::decision::KeyStanding;
use claviger_core::id::OrganizationId;
use claviger_core::key::KeyState;

use super::secrets::can_rotate;
use crate::console::pages::keys::KeyRights;
use crate::console::visit::Visit;
use crate::ops::error::OpResult;
use crate::ops::keys::{KeyInfo, find_off_by_others, is_off_by_another};

/// What the viewer may do with this key. The operation has the last word all the same: only it compares what the key holds with what the viewer does.
pub(in crate::console) fn rights_to(visit: &Visit, info: &KeyInfo) -> KeyRights {
    let place = info.key.organization_id;
    let may_do = |permission: &str| visit.caller.authorize(&visit.app, place, permission).is_ok();
    if info.state == KeyState::Revoked {
        return KeyRights::default();
    }
    let to_all = |action: &str| may_do(&format!("claviger/keys:{action}"));
    let is_own = info.key.owner_id == Some(visit.user.id);
    let to_own = |action: &str| is_own && may_do(&format!("claviger/own-keys:{action}"));
    // Who may act on own keys alone stops one that acts under another name, and neither changes nor starts nor copies it.
    let is_mapped = info.key.mapped_user_id == Some(visit.user.id);
    let may_edit = to_all("update") || (to_own("update") && is_mapped);
    // Without it nobody gets a secret that is for themselves.
    let has_access = visit.has_api_access_at(place);
    KeyRights {
        edit: may_edit,
        switch: may_edit || (to_own("update") && info.key.standing == KeyStanding::Active),
        rotate: may_edit && can_rotate(info, visit.user.id) && (to_all("update") || has_access),
        replace: !info.key.personal
            && !info.key.sole
            && (to_all("create") || (to_own("create") && is_mapped && has_access)),
        delete: to_all("delete") || to_own("delete"),
    }
}

/// The same, and one look into the log for a key that is off: nobody is offered to switch on what only an admin may.
pub(in crate::console) async fn offers_to(visit: &Visit, info: &KeyInfo) -> OpResult<KeyRights> {
    let may = rights_to(visit, info);
    let is_held = may.switch && is_off_by_another(&visit.app, &visit.caller, &info.key).await?;
    Ok(KeyRights { switch: may.switch && !is_held, ..may })
}

/// The same of a page of keys of one organization, with one look into the log for all of them: in their order.
pub(in crate::console) async fn offers_to_all(
    visit: &Visit,
    place: OrganizationId,
    keys: &[KeyInfo],
) -> OpResult<Vec<KeyRights>> {
    let rights: Vec<_> = keys.iter().map(|it| rights_to(visit, it)).collect();
    let switched: Vec<_> = keys.iter().zip(&rights).filter(|(_, may)| may.switch).map(|(it, _)| &it.key).collect();
    let held = find_off_by_others(&visit.app, &visit.caller, place, &switched).await?;
    let offered =
        |(it, may): (&KeyInfo, KeyRights)| KeyRights { switch: may.switch && !held.contains(&it.key.id), ..may };
    Ok(keys.iter().zip(rights).map(offered).collect())
}
