//! Users with their memberships.

use std::sync::Arc;

use claviger_core::feed::{MemberRecord, UserRecord};

use super::{Build, is_newer, version};
use crate::cells::{Known, here};
use crate::held::{Membership, UserCell};

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
            Some(MemberState::Of { user: before, .. }) if *before != user => self.drop_membership(*before, id),
            Some(MemberState::Of { .. }) | None => {}
        }
        let extra_permissions = record.extra_permissions.clone();
        let membership = Membership { id, organization, role, extra_permissions, unreadable: false };
        self.members.insert(id, MemberState::Of { user, version: record.version });
        self.edit_user(user, |user| {
            user.memberships.retain(|it| it.id != id);
            let at = user.memberships.partition_point(|it| it.organization < organization);
            user.memberships.insert(at, membership);
            true
        })
    }

    pub(super) fn gone_member(&mut self, id: u128) {
        if let Some(MemberState::Of { user, .. }) = self.members.insert(id, MemberState::Gone) {
            self.drop_membership(user, id);
        }
    }

    /// One that was never read concerns a user that nobody can name; the source names that user as unreadable too.
    pub(super) fn cannot_read_member(&mut self, id: u128) {
        if let Some(MemberState::Of { user, .. }) = self.members.get(&id) {
            self.edit_user(*user, |user| {
                user.memberships.iter_mut().filter(|it| it.id == id).for_each(|it| it.unreadable = true);
                true
            });
        }
    }

    fn drop_membership(&mut self, user: u32, id: u128) {
        self.edit_user(user, |user| {
            user.memberships.retain(|it| it.id != id);
            true
        });
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
            self.state.users.publish(at, Known::Here(user));
        }
        changed
    }

    pub(super) fn publish_drafts(&mut self) {
        for (at, mut user) in std::mem::take(&mut self.drafts) {
            user.memberships.shrink_to_fit();
            self.state.users.publish(at, Known::Here(user));
        }
    }
}
