//! What a change of a policy would do, for the page before it is made.

use claviger_core::decision::Code;
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
        consequences: preview.map(|it| consequences(visit, setting, it)),
    })
}

/// Whether copies of secrets are destroyed where this holds from now on: nobody may see them again, here or, by the lock, below.
fn destroys(now: &Policy, then: &Policy) -> bool {
    let is_locked = |it: &Policy| it.locked.contains(&Setting::Reveal);
    then.reveal == Reveal::Once && (now.reveal != Reveal::Once || is_locked(then) && !is_locked(now))
}

fn consequences(visit: &Visit, setting: Setting, preview: PolicyPreview) -> Consequences {
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
        broken: preview.broken.iter().map(|it| broken(visit, it, &preview.effective)).collect(),
    }
}

fn broken(visit: &Visit, broken: &Broken, policy: &Policy) -> BrokenWords {
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
    let here = visit.organization_id();
    let href = |id, key: &BreakingKey| (id == here).then(|| visit.path(&format!("/keys/{}", key.id)));
    let keys = broken.keys.iter().map(|(id, key)| (key.name.to_string(), href(*id, key))).collect();
    BrokenWords { what, then, stops: broken.rule == Rule::Idle, keys }
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
