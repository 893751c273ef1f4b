//! Where the value of a setting comes from, and who has locked it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::key_limits::RateSetting;

use super::{OwnPolicy, Policy, Setting};
use crate::id::OrganizationId;

/// Where the effective value of one setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// The organization whose value counts; none where it is the default.
    pub set_by: Option<OrganizationId>,
    /// The organization nearest to the root that has locked it.
    pub locked_by: Option<OrganizationId>,
}

/// A policy as JSON, so that one rule serves all settings whatever their types are.
fn fields(policy: &impl Serialize) -> Value {
    serde_json::to_value(policy).expect("policies are JSON")
}

/// What an organization's own value of a setting asks for, in the form that the effective policy has it: zero means none.
fn wanted(own: &Value, setting: Setting) -> Option<Value> {
    let value = own.get(setting.as_str())?;
    let is_off = match setting {
        Setting::IdleDays | Setting::ExpiryDaysMax | Setting::DefaultDailyQuota => value.as_u64() == Some(0),
        Setting::DefaultRate => value == RateSetting::NONE,
        _ => false,
    };
    Some(if is_off { Value::Null } else { value.clone() })
}

impl Policy {
    /// What holds for the first organization of a path that leads up to the root.
    pub fn of_path<'a>(path: impl DoubleEndedIterator<Item = &'a OwnPolicy>) -> Self {
        path.rev().fold(Self::default(), |above, own| above.inherit(own))
    }
}

/// Where each value comes from that holds for the first organization of a path that leads up to the root.
pub fn origins(path: &[(OrganizationId, &OwnPolicy)]) -> BTreeMap<Setting, Origin> {
    let mut origins: BTreeMap<_, _> = Setting::ALL.into_iter().map(|it| (it, Origin::default())).collect();
    let mut above = Policy::default();
    for (id, own) in path.iter().rev() {
        let holds = above.inherit(own);
        let (set, effective) = (fields(own), fields(&holds));
        for (setting, origin) in &mut origins {
            // One that is wider than a lock allows does not count; the one above goes on to.
            if wanted(&set, *setting).is_some_and(|it| it == effective[setting.as_str()]) {
                origin.set_by = Some(*id);
            }
            if own.locked.contains(setting) {
                origin.locked_by.get_or_insert(*id);
            }
        }
        above = holds;
    }
    origins
}

impl Policy {
    /// The settings that a child would newly set wider than this policy has locked them, with what holds instead. What it had set
    /// before a lock came stays as it is and does not count, so that it stands in nobody's way.
    pub fn wider_than_locked(&self, before: &OwnPolicy, own: &OwnPolicy) -> Vec<(Setting, Value)> {
        let (had, set, holds) = (fields(before), fields(own), fields(&self.inherit(own)));
        let is_new = |it: &Setting| had.get(it.as_str()) != set.get(it.as_str());
        let is_wider =
            |it: &Setting| is_new(it) && wanted(&set, *it).is_some_and(|wanted| wanted != holds[it.as_str()]);
        let wider = self.locked.iter().copied().filter(is_wider);
        wider.map(|it| (it, holds[it.as_str()].clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> OwnPolicy {
        serde_json::from_str(text).expect("a policy")
    }

    #[test]
    fn every_setting_has_its_field_in_both_policies() {
        let all = fields(&Policy::default());
        let names: Vec<_> = all.as_object().expect("an object").keys().filter(|it| *it != "locked").cloned().collect();
        let mut known: Vec<_> = Setting::ALL.iter().map(|it| it.as_str().to_owned()).collect();
        known.sort_unstable();
        assert_eq!(known, names);
        for setting in Setting::ALL {
            assert_eq!(fields(&setting), setting.as_str());
        }
    }

    #[test]
    fn value_is_told_from_where_it_comes_and_who_locked_it() {
        let id = OrganizationId::from_u128;
        let root = own(r#"{"idle_days": 90, "max_keys_per_user": 10, "locked": ["idle_days"]}"#);
        let agency = own(r#"{"idle_days": 0, "reveal": "owner", "locked": ["reveal", "idle_days"]}"#);
        let location = own(r#"{"idle_days": 30, "reveal": "owner_and_admins", "max_keys_per_user": 10}"#);
        let found = origins(&[(id(3), &location), (id(2), &agency), (id(1), &root)]);
        let of = |setting| (found[&setting].set_by, found[&setting].locked_by);
        assert_eq!(of(Setting::IdleDays), (Some(id(3)), Some(id(1))), "a narrower one counts");
        assert_eq!(of(Setting::Reveal), (Some(id(2)), Some(id(2))), "a wider one does not");
        assert_eq!(of(Setting::MaxKeysPerUser), (Some(id(3)), None), "the same value, set again");
        assert_eq!(of(Setting::LeakAction), (None, None));
        let above = origins(&[(id(2), &agency), (id(1), &root)]);
        assert_eq!(above[&Setting::IdleDays].set_by, Some(id(1)), "switched off below a lock");
        assert_eq!(Policy::of_path([&location, &agency, &root].into_iter()).idle_days, Some(30));
    }

    #[test]
    fn what_is_wider_than_a_lock_is_named() {
        let above = Policy::default().inherit(&own(r#"{"idle_days": 90, "locked": ["idle_days", "expiry_days_max"]}"#));
        let nothing = OwnPolicy::default();
        let off = own(r#"{"idle_days": 0}"#);
        assert_eq!(above.wider_than_locked(&nothing, &off), [(Setting::IdleDays, Value::from(90))]);
        assert_eq!(above.wider_than_locked(&off, &own(r#"{"idle_days": 0, "reveal": "owner"}"#)), []);
        let limited = Policy::default().inherit(&own(r#"{"default_rate": "100/10s", "locked": ["default_rate"]}"#));
        let unlimited = own(r#"{"default_rate": "none"}"#);
        assert_eq!(limited.wider_than_locked(&nothing, &unlimited), [(Setting::DefaultRate, Value::from("100/10s"))]);
        for narrower in [r#"{"idle_days": 30}"#, r#"{"expiry_days_max": 0}"#, r#"{"reveal": "owner"}"#, "{}"] {
            assert_eq!(above.wider_than_locked(&nothing, &own(narrower)), [], "{narrower}");
        }
    }
}
