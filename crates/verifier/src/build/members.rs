//! Users with their memberships.

use std::sync::Arc;

use claviger_core::feed::{MemberRecord, UserRecord};

use super::{Build, is_newer, version};
use crate::cells::{Known, here};
use crate::entry::NONE;
use crate::held::{Membership, Seat, UserCell, UserState};

/// What the writer knows of a membership, by its identifier.
#[derive(Debug, Clone, Copy)]
pub(super) enum MemberState {
    /// It is this user's.
    Of { user: u32, version: u64 },
    /// It is no more.
    Gone,
}

impl Build {
    pub(super) fn put_user(&mut self, record: &UserRecord) -> bool {
        let Some(at) = self.state.users.intern(record.id.as_u128()) else {
            return false;
        };
        self.edit_user(at, |user| {
            let newer = is_newer(user.record.as_deref(), |it| it.version, record.version);
            if newer {
                user.record = Some(Arc::new(Known::Here(record.clone())));
            }
            newer
        })
    }

    pub(super) fn end_user(&mut self, id: u128, known: Known<UserRecord>) {
        if let Some(at) = self.state.users.intern(id) {
            self.edit_user(at, |user| {
                let ends = !matches!(user.record.as_deref(), Some(Known::Gone));
                if ends {
                    user.record = Some(Arc::new(known));
                }
                ends
            });
        }
    }

    pub(super) fn cannot_read_user(&mut self, id: u128) {
        let at = self.state.users.intern(id);
        let version = at.map(|at| version(self.user(at).record.as_deref(), |it| it.version));
        self.end_user(id, Known::Unreadable(version.unwrap_or_default()));
    }

    pub(super) fn put_member(&mut self, record: &MemberRecord) -> bool {
        let id = record.id.as_u128();
        let state = Arc::clone(&self.state);
        let places = state
            .users
            .intern(record.user_id.as_u128())
            .zip(state.organizations.intern(record.organization_id.as_u128()))
            .zip(state.roles.intern(record.role_id.as_u128()));
        let Some(((user, organization), role)) = places else {
            return false;
        };
        match self.members.get(&id) {
            Some(MemberState::Gone) => return false,
            Some(MemberState::Of { version, .. }) if record.version <= *version => return false,
            Some(MemberState::Of { user: before, .. }) if *before != user => self.replace_membership(*before, id, None),
            Some(MemberState::Of { .. }) | None => {}
        }
        let extra_permissions = Some(&record.extra_permissions).filter(|it| !it.is_empty());
        let Some(narrowing) = self.narrowings.take(&state, extra_permissions, None, None) else {
            return false;
        };
        self.members.insert(id, MemberState::Of { user, version: record.version });
        let seat = Seat { organization, role, narrowing, unreadable: false };
        self.replace_membership(user, id, Some(Membership { id, seat }));
        true
    }

    pub(super) fn gone_member(&mut self, id: u128) {
        if let Some(MemberState::Of { user, .. }) = self.members.insert(id, MemberState::Gone) {
            self.replace_membership(user, id, None);
        }
    }

    /// One that was never read concerns a user that nobody can name; the source names that user as unreadable too.
    pub(super) fn cannot_read_member(&mut self, id: u128) {
        if let Some(MemberState::Of { user, .. }) = self.members.get(&id) {
            self.edit_user(*user, |user| {
                user.memberships.iter_mut().filter(|it| it.id == id).for_each(|it| it.seat.unreadable = true);
                true
            });
        }
    }

    /// Takes the membership of this identifier away, if the user has it, and puts the other in its order.
    fn replace_membership(&mut self, user: u32, id: u128, by: Option<Membership>) {
        let mut before = NONE;
        self.edit_user(user, |user| {
            user.memberships.iter().filter(|it| it.id == id).for_each(|it| before = it.seat.narrowing);
            user.memberships.retain(|it| it.id != id);
            if let Some(by) = by {
                let at = user.memberships.partition_point(|it| it.seat.organization < by.seat.organization);
                user.memberships.insert(at, by);
            }
            true
        });
        self.narrowings.give_back(&self.state, before);
    }

    /// The user as the writer last left it.
    fn user(&self, at: u32) -> UserCell {
        let draft = self.drafts.get(&at).cloned();
        draft.or_else(|| here(&self.state.users.load(at)).cloned()).unwrap_or_default()
    }

    /// Changes a user, and publishes it unless the edit says that nothing changed. During a load the user is put aside until all rows are there.
    fn edit_user(&mut self, at: u32, edit: impl FnOnce(&mut UserCell) -> bool) -> bool {
        if self.loading {
            return edit(self.drafts.entry(at).or_default());
        }
        let mut user = self.user(at);
        let changed = edit(&mut user);
        if changed {
            self.publish_user(at, user);
        }
        changed
    }

    /// The content first: readers who see more memberships than the hot part has look there, and then whether the hot part is still the same.
    fn publish_user(&self, at: u32, user: UserCell) {
        let hot = UserState::of(&user);
        self.state.users.publish(at, Known::Here(user));
        if let Some(place) = self.state.users.hot(at) {
            place.0.write(&hot);
        }
    }

    pub(super) fn publish_drafts(&mut self) {
        for (at, mut user) in std::mem::take(&mut self.drafts) {
            user.memberships.shrink_to_fit();
            self.publish_user(at, user);
        }
    }
}
