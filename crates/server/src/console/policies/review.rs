//! What a change of a policy would do, for the page before it is made.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::decision::Code;
use claviger_core::id::OrganizationId;
use claviger_core::limits::PREVIEWED_KEYS_MAX;
use claviger_core::policy::{IdleAction, Policy, PolicyPatch, Reveal, Setting};
use claviger_core::reject::RejectCode;
use claviger_store::keys::BreakingKey;

use super::words::value_words;
use super::{SettingForm, row, value_of};
use crate::console::keys::view::grouped;
use crate::console::pages::policies::{BrokenWords, Consequences, ReviewPage};
use crate::console::pages::shell::Place;
use crate::console::paging::query_string;
use crate::console::visit::Visit;
use crate::ops::error::{Error, OpResult};
use crate::ops::organizations::get_organization;
use crate::ops::policies::{Broken, PolicyInfo, PolicyPreview, Rule, preview_policy};

/// The page that says what a change would do.
pub(super) async fn page(
    visit: &Visit,
    info: &PolicyInfo,
    setting: Setting,
    form: &SettingForm,
    patch: PolicyPatch,
) -> OpResult<ReviewPage> {
    let own = patch.clone().apply(&info.organization.policy);
    let after = info.inherited.inherit(&own);
    let preview = match preview_policy(&visit.app, &visit.caller, visit.organization_id(), patch).await {
        Ok(preview) => Some(preview),
        // Who may change the policy may still not be one who looks at keys.
        Err(Error::Reject(reject)) if reject.code == RejectCode::Decision(Code::InsufficientPermission) => None,
        Err(error) => return Err(error),
    };
    let sent = [
        ("version", form.version.clone()),
        ("choice", form.choice.clone()),
        ("number", form.number.clone()),
        ("locked", form.locked.clone()),
    ];
    let query = query_string(sent.iter().map(|(name, value)| (*name, value)));
    Ok(ReviewPage {
        shell: visit.shell(Place::Settings),
        row: row(visit, info, setting).await,
        after: value_words(setting, &value_of(&after, setting)),
        locked: own.locked.contains(&setting),
        destroys: setting == Setting::Reveal && destroys(&info.effective, &after),
        form: sent.into(),
        back: format!("{}?{}", visit.path(&format!("/policies/{}", setting.as_str())), query),
        consequences: match preview {
            Some(preview) => Some(consequences(visit, setting, preview).await),
            None => None,
        },
    })
}

/// Whether copies of secrets are destroyed where this holds from now on: nobody may see them again, here or, by the lock, below.
fn destroys(now: &Policy, then: &Policy) -> bool {
    let is_locked = |it: &Policy| it.locked.contains(&Setting::Reveal);
    then.reveal == Reveal::Once && (now.reveal != Reveal::Once || is_locked(then) && !is_locked(now))
}

async fn consequences(visit: &Visit, setting: Setting, preview: PolicyPreview) -> Consequences {
    let slugs = slugs(visit, &preview).await;
    let more = if preview.is_partial { " or more" } else { "" };
    let organizations = u64::from(preview.organization_count);
    Consequences {
        organizations,
        organizations_counted: format!("{}{more}", grouped(organizations)),
        copies: match preview.destroyed_copies {
            0 => None,
            1 => Some("1 copy of a secret is".to_owned()),
            PREVIEWED_KEYS_MAX => Some(format!("{} or more copies of secrets are", grouped(PREVIEWED_KEYS_MAX.into()))),
            many => Some(format!("{} copies of secrets are", grouped(many.into()))),
        },
        unbroken: match setting {
            Setting::DefaultRate | Setting::DefaultDailyQuota => {
                "It holds as soon as it is saved, and calls beyond it are answered with 429. How often keys were used until now is not looked at."
            }
            _ => "No key that exists would break the rule.",
        },
        broken: preview.broken.iter().map(|it| broken(&slugs, it, &preview.effective)).collect(),
    }
}

/// The organizations in which the viewer may open the keys that the page names, by what their addresses call them.
async fn slugs(visit: &Visit, preview: &PolicyPreview) -> BTreeMap<OrganizationId, String> {
    let (app, caller) = (&visit.app, &visit.caller);
    let ids: BTreeSet<_> = preview.broken.iter().flat_map(|it| &it.keys).map(|it| it.0).collect();
    let mut slugs = BTreeMap::new();
    for id in ids {
        if caller.authorize_record(app, id, "claviger/keys:read").is_ok()
            && let Ok(found) = get_organization(app, caller, id).await
        {
            slugs.insert(id, found.organization.slug.to_string());
        }
    }
    slugs
}

fn broken(slugs: &BTreeMap<OrganizationId, String>, broken: &Broken, policy: &Policy) -> BrokenWords {
    let count = u64::from(broken.key_count);
    let keys = match (count, broken.is_partial) {
        (1, false) => "1 key".to_owned(),
        (_, false) => format!("{} keys", grouped(count)),
        (_, true) => format!("{} or more keys", grouped(count)),
    };
    let is_one = count == 1 && !broken.is_partial;
    let verb = |one: &'static str, many: &'static str| if is_one { one } else { many };
    let (what, then) = match broken.rule {
        Rule::ExpiryRequired => (
            format!("{keys} {} no expiry.", verb("has", "have")),
            "What exists goes on working; give it an expiry soon. Every new key needs one.",
        ),
        Rule::LifetimeTooLong => (
            format!("{keys} {} longer than this allows.", verb("lives", "live")),
            "What exists goes on working until its own end. No new key may live so long.",
        ),
        Rule::TooManyKeys => (
            format!("{keys} {} the number that one person may own.", verb("exceeds", "exceed")),
            "What exists goes on working. Owners who have that many create no more.",
        ),
        Rule::Idle => (
            format!("{keys} {} for longer than this allows.", verb("was not used", "were not used")),
            match policy.idle_action {
                IdleAction::Delete => "They would stop working: unused keys are deleted.",
                IdleAction::Deactivate => "They would stop working: unused keys are deactivated.",
            },
        ),
    };
    let href = |id: &OrganizationId, key: &BreakingKey| slugs.get(id).map(|it| format!("/o/{it}/keys/{}", key.id));
    let are_all = !broken.is_partial && broken.keys.len() as u64 == count;
    BrokenWords {
        what,
        then,
        stops: broken.rule == Rule::Idle,
        keys: broken.keys.iter().map(|(id, key)| (key.name.to_string(), href(id, key))).collect(),
        lead: match (are_all, is_one) {
            (false, _) => "Among them",
            (true, true) => "It is",
            (true, false) => "They are",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_destroyed_where_nobody_may_see_them_any_more_and_nowhere_else() {
        let policy =
            |reveal, locks: &[Setting]| Policy { reveal, locked: locks.iter().copied().collect(), ..Policy::default() };
        let (once, owner) = (policy(Reveal::Once, &[]), policy(Reveal::Owner, &[]));
        let locked = policy(Reveal::Once, &[Setting::Reveal]);
        for (now, then, lost) in [
            (&owner, &once, true),
            (&once, &locked, true),
            (&once, &once, false),
            (&locked, &once, false),
            (&once, &owner, false),
            (&policy(Reveal::OwnerAndAdmins, &[]), &owner, false),
        ] {
            assert_eq!(destroys(now, then), lost, "{now:?} {then:?}");
        }
    }
}
