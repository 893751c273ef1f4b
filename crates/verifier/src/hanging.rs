//! Why a key would be refused for what it hangs on: its organization, its owner, its mapped user, its role.
//!
//! Asked of what a key's row tells and not of an entry, so that it is answered for a change that this verifier has not been told of yet.

use std::time::Duration;

use claviger_core::decision::{self, Check, Code, KeyStanding};
use claviger_core::hanging::Hanging;
use claviger_core::id::{RoleId, UserId};
use claviger_core::secret::{Digest, SecretState};
use claviger_core::time::Timestamp;

use crate::entry::{Held, NONE};
use crate::replica::Replica;
use crate::resolve::{Aim, Resolved};
use crate::state::Hit;

/// The number of what is not held: named, and not to be found.
const UNKNOWN: u32 = NONE - 1;

/// The checks that neither the key's own switch and dates nor a single request have a part in.
const HANGS_ON: [Check; 5] = [Check::Organization, Check::Owner, Check::MappedUser, Check::Role, Check::Rights];

impl Replica {
    /// Why every request with the key is refused, whatever it asks for, though the key itself may be good: the decision of a request that asks
    /// for nothing, about a grant that is active and current.
    pub fn refusal_by_what_hangs(&self, key: &Hanging, now: Timestamp) -> Option<Code> {
        let state = self.state.load();
        let user = |id: Option<UserId>| id.map_or(NONE, |id| state.users.find(id.as_u128()).unwrap_or(UNKNOWN));
        let role = |id: RoleId| state.roles.find(id.as_u128()).unwrap_or(UNKNOWN);
        let held = Held {
            digest: Digest::of_token(&[]),
            key_id: 0,
            secret_id: 0,
            standing: KeyStanding::Active,
            state: SecretState::Current,
            reach: key.reach,
            unreadable: false,
            api: 0,
            organization: state.organizations.find(key.organization_id.as_u128()).unwrap_or(UNKNOWN),
            role: key.role_id.map_or(NONE, role),
            mapped_user: user(key.mapped_user_id),
            owner: user(key.owner_id),
            expires_at: None,
            text: NONE,
            narrowing: NONE,
            version: 0,
        };
        let found = Resolved::load(&state, Hit { at: NONE, held, sequence: 0 }, None, Aim::Own);
        let (_, trace) = decision::explain(&found.grant(Duration::ZERO), &found.request(None, &[], None), now);
        let hanging = trace.into_iter().filter(|it| HANGS_ON.contains(&it.check));
        { hanging }.find_map(|it| it.denied)
    }
}

#[cfg(test)]
mod tests {
    use claviger_core::api::{Api, DEFAULT_API, KeyLocations};
    use claviger_core::feed::{KeyRecord, OrganizationRecord, UserRecord};
    use claviger_core::id::{ApiId, OrganizationId};
    use claviger_core::key::{Key, KeyDraft, Origin};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::fixtures::{
        ADMIN, DEFAULT, GOOD, READONLY, ROOT, World, at, digest, key, member, organization, role, user,
    };

    /// A key of organization 3 as its row tells it, and as a verifier is told of it.
    fn hanging_on(owner: Option<u128>, mapped: Option<u128>, role: Option<u128>) -> (Key, KeyRecord) {
        let mut draft = KeyDraft::named("CI".parse().expect("a name"), Origin::Api);
        draft.owner_id = owner.map(UserId::from_u128);
        draft.mapped_user_id = mapped.map(UserId::from_u128);
        draft.role_id = role.map(RoleId::from_u128);
        let (owner_id, mapped_user_id, role_id) = (draft.owner_id, draft.mapped_user_id, draft.role_id);
        let place = OrganizationId::from_u128(3);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let api = Api {
            id: ApiId::from_u128(DEFAULT),
            organization_id: OrganizationId::from_u128(ROOT),
            slug: DEFAULT_API.parse().expect("a slug"),
            name: "Default".parse().expect("a name"),
            prefix: "ck".parse().expect("a prefix"),
            key_locations: KeyLocations::default(),
            versions: Vec::new(),
            one_key_per_user: false,
            expiry_days_default: None,
            version: 1,
            created_at: at(1),
            updated_at: at(1),
        };
        let (row, _) = draft.import(place, &api, digest(70), at(1), &mut rng).expect("a key");
        (row, KeyRecord { owner_id, mapped_user_id, role_id, ..key(70, 3, None) })
    }

    const NOWHERE: u128 = 99;

    /// A member with API access, one without, an admin, one who is disabled, and one who is no member here.
    fn world(is_suspended: bool) -> World {
        let mut world = World::new();
        world.tell([role(8, &["contacts:read"], false).into(), role(9, &["contacts:read"], true).into()]);
        for (number, role) in [(10, 9), (11, 8), (12, ADMIN), (13, 9)] {
            world.tell([user(number).into(), member(number, 3, role).into()]);
        }
        world.tell([UserRecord { active: false, version: 2, ..user(13) }.into(), user(14).into()]);
        world.tell([OrganizationRecord { suspended: is_suspended, version: 2, ..organization(2, Some(ROOT)) }.into()]);
        world
    }

    #[test]
    fn what_a_row_hangs_on_refuses_it_for_the_reason_that_its_requests_are_refused_for() {
        let users = [None, Some(10), Some(11), Some(12), Some(13), Some(14), Some(NOWHERE)];
        let mut reasons = Vec::new();
        for is_suspended in [false, true] {
            let mut world = world(is_suspended);
            for (version, (owner, mapped, role)) in
                (1..).zip(users.iter().flat_map(|owner| users.iter().map(move |mapped| (*owner, *mapped))).flat_map(
                    |(owner, mapped)| [None, Some(READONLY), Some(NOWHERE)].map(|role| (owner, mapped, role)),
                ))
            {
                let (row, record) = hanging_on(owner, mapped, role);
                let hanging = Hanging::from(&row);
                let foreseen = world.replica.refusal_by_what_hangs(&hanging, at(100));
                world.tell([KeyRecord { version, ..record }.into()]);
                assert_eq!(foreseen, world.verify(70, &GOOD).decision().code(), "{owner:?} {mapped:?} {role:?}");
                assert_eq!(foreseen, world.replica.refusal_by_what_hangs(&hanging, at(100)), "told of it or not");
                reasons.extend((!reasons.contains(&foreseen)).then_some(foreseen));
            }
        }
        let all =
            [Code::InsufficientPermission, Code::UserInactive, Code::ApiAccessDenied, Code::OrganizationSuspended];
        assert!(reasons.contains(&None) && all.iter().all(|it| reasons.contains(&Some(*it))), "{reasons:?}");
    }

    #[test]
    fn what_a_key_says_of_itself_is_no_part_of_it() {
        let world = world(false);
        let (mut row, _) = hanging_on(Some(10), Some(10), None);
        row.standing = KeyStanding::Inactive;
        row.expires_at = Some(at(50));
        row.allowed_ips = Some(claviger_core::network::IpAllowList::parse(&["10.0.0.0/8"]).expect("a list"));
        assert_eq!(world.replica.refusal_by_what_hangs(&Hanging::from(&row), at(100)), None);
    }
}
