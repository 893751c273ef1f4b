//! Changes of what an organization sets itself.

use std::collections::BTreeSet;

use crate::key_limits::RateSetting;

use super::{HooksOnRegenerate, IdleAction, LeakAction, NoticeDays, OwnPolicy, QueryStringKeys, Reveal, Setting};

macro_rules! patch {
    ($($name:ident: $type:ty, $setting:ident;)*) => {
        /// What is to be changed of what an organization sets itself. The outer `Option` is "leave as it is", the inner one "as the parent has it".
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct PolicyPatch {
            $(
                #[doc = concat!("See [`OwnPolicy::", stringify!($name), "`].")]
                pub $name: Option<Option<$type>>,
            )*
            /// The settings that children may only narrow, as a whole.
            pub locked: Option<BTreeSet<Setting>>,
        }

        impl PolicyPatch {
            /// A change of one setting to what `own` has for it.
            #[must_use]
            pub fn of(setting: Setting, own: &OwnPolicy) -> Self {
                match setting {
                    $(Setting::$setting => Self { $name: Some(own.$name), ..Self::default() },)*
                }
            }

            /// The policy with the change made.
            #[must_use]
            pub fn apply(self, before: &OwnPolicy) -> OwnPolicy {
                OwnPolicy {
                    $($name: self.$name.unwrap_or(before.$name),)*
                    locked: self.locked.unwrap_or_else(|| before.locked.clone()),
                }
            }
        }
    };
}

patch! {
    reveal: Reveal, Reveal;
    query_string_keys: QueryStringKeys, QueryStringKeys;
    idle_days: u16, IdleDays;
    idle_action: IdleAction, IdleAction;
    idle_notices: NoticeDays, IdleNotices;
    expiry_days_max: u16, ExpiryDaysMax;
    expiry_notices: NoticeDays, ExpiryNotices;
    rotation_overlap_hours: u16, RotationOverlapHours;
    hooks_on_regenerate: HooksOnRegenerate, HooksOnRegenerate;
    max_keys_per_user: u32, MaxKeysPerUser;
    admin_only_mapping: bool, AdminOnlyMapping;
    max_stale_secs: u32, MaxStaleSecs;
    leak_action: LeakAction, LeakAction;
    default_rate: RateSetting, DefaultRate;
    default_daily_quota: u32, DefaultDailyQuota;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_changes_what_it_names_and_nothing_else() {
        let before = OwnPolicy {
            reveal: Some(Reveal::Owner),
            idle_days: Some(90),
            locked: [Setting::Reveal].into(),
            ..OwnPolicy::default()
        };
        assert_eq!(PolicyPatch::default().apply(&before), before);
        let patch = PolicyPatch { reveal: Some(None), max_keys_per_user: Some(Some(3)), ..PolicyPatch::default() };
        let after = patch.apply(&before);
        assert_eq!((after.reveal, after.max_keys_per_user, after.idle_days), (None, Some(3), Some(90)));
        assert_eq!(after.locked, before.locked);
        let of_one = PolicyPatch::of(Setting::IdleDays, &before);
        assert_eq!(of_one, PolicyPatch { idle_days: Some(Some(90)), ..PolicyPatch::default() });
        let unlock = PolicyPatch { locked: Some(BTreeSet::new()), ..PolicyPatch::default() };
        assert!(unlock.apply(&before).locked.is_empty());
    }
}
