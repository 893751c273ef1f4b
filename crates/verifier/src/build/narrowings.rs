//! Permissions, allow-lists and limits: held once for all that have the same, and forgotten with the last of them.

use std::collections::HashMap;
use std::sync::Arc;

use claviger_core::key_limits::KeyLimits;
use claviger_core::network::IpAllowList;
use claviger_core::permission::PermissionSet;

use crate::entry::NONE;
use crate::held::Narrowing;
use crate::state::State;

/// Which narrowing stands where, and how many have it.
#[derive(Default)]
pub(super) struct NarrowingBook {
    places: HashMap<Arc<Narrowing>, (u32, u32)>,
    free: Vec<u32>,
}

impl NarrowingBook {
    /// The place of a narrowing, for one more that has it; `NONE` where nothing is narrowed. Absent when there is no room.
    pub(super) fn take(
        &mut self,
        state: &State,
        permissions: Option<&PermissionSet>,
        allowed_ips: Option<&IpAllowList>,
        limits: Option<KeyLimits>,
    ) -> Option<u32> {
        if permissions.is_none() && allowed_ips.is_none() && limits.is_none() {
            return Some(NONE);
        }
        let narrowing = Narrowing { permissions: permissions.cloned(), allowed_ips: allowed_ips.cloned(), limits };
        if let Some((at, count)) = self.places.get_mut(&narrowing) {
            *count += 1;
            return Some(*at);
        }
        let at = self.free.pop().or_else(|| state.narrowings.grow(1))?;
        let narrowing = Arc::new(narrowing);
        state.narrowings.get(at)?.store(Some(Arc::clone(&narrowing)));
        self.places.insert(narrowing, (at, 1));
        Some(at)
    }

    /// One less has it. Only once nothing that readers see names the place for that one any more.
    pub(super) fn give_back(&mut self, state: &State, at: u32) {
        let Some(slot) = (at != NONE).then(|| state.narrowings.get(at)).flatten() else {
            return;
        };
        let Some(narrowing) = slot.load_full() else {
            return;
        };
        let Some((_, count)) = self.places.get_mut(&narrowing) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.places.remove(&narrowing);
            slot.store(None);
            self.free.push(at);
        }
    }
}
