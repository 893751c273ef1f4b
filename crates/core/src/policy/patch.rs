//! Changes of what an organization sets itself.

use std::collections::BTreeSet;

use super::{HooksOnRegenerate, IdleAction, LeakAction, OwnPolicy, QueryStringKeys, Reveal, Setting};

macro_rules! patch {
    ($($name:ident: $type:ty,)*) => {
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
    reveal: Reveal,
    query_string_keys: QueryStringKeys,
    idle_days: u16,
    idle_action: IdleAction,
    expiry_days_max: u16,
    rotation_overlap_hours: u16,
    hooks_on_regenerate: HooksOnRegenerate,
    max_keys_per_user: u32,
    admin_only_mapping: bool,
    max_stale_secs: u32,
    leak_action: LeakAction,
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
        let unlock = PolicyPatch { locked: Some(BTreeSet::new()), ..PolicyPatch::default() };
        assert!(unlock.apply(&before).locked.is_empty());
    }
}
