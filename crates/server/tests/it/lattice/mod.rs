//! Assurance S4: no key exceeds whoever made it or the policy, and keys shrink with those they hang on.
//!
//! Random changes are made over HTTP, by an admin and by the keys that come to be; what the service then allows is compared with a model of its
//! own, and what one key made by another allows with what that other one does.

mod model;

use std::collections::BTreeMap;

use claviger_core::permission::Asked;
use claviger_verifier::credential::Presented;
use claviger_verifier::verify::{About, Ask};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use self::model::{ASKED, GIVEN, Key, Model, Narrowing, Role, Seat};
use crate::api::client::{Answer, Client};
use crate::api::fixture::Fixture;

/// Changes in one run.
const STEPS: usize = 200;
/// Of these so many come between two comparisons with the model, which look at everything.
const STEPS_BETWEEN_COMPARISONS: usize = 20;
/// Keys that are compared and may call: the latest.
const KEYS_LOOKED_AT: usize = 24;
/// Days that a key may live in the organization that has such a policy, and keys that a user may own there.
const DAYS_MAX: u64 = 30;
const KEYS_PER_USER_MAX: usize = 4;
/// Where that policy holds.
const BOUND: usize = 2;

struct Run {
    it: Fixture,
    model: Model,
    rng: ChaCha20Rng,
    /// How often keys gave other keys rights, and why others were kept from it.
    granted: usize,
    refused: BTreeMap<String, usize>,
    /// The narrowings whose absence would have been noticed.
    noticed: Vec<Narrowing>,
}

impl Run {
    async fn start(seed: u64) -> Self {
        let it = Fixture::start().await;
        let mut model = Model::default();
        let (mut below, mut parents) = (vec![it.root.clone()], vec![None]);
        for (number, parent) in [0, 0, 1, 3].into_iter().enumerate() {
            let path = format!("/api/v1/organizations/{}/organizations", below[parent]);
            let body = json!({"name": format!("Organization {number}")});
            below.push(it.admin.post(&path, body).await.expect(201).text_at("/id"));
            parents.push(Some(parent));
        }
        (model.organizations, model.parents) = (below, parents);
        let bound = json!({"expiry_days_max": DAYS_MAX, "max_keys_per_user": KEYS_PER_USER_MAX});
        it.admin
            .patch(&format!("/api/v1/organizations/{}/policy", model.organizations[BOUND]), bound)
            .await
            .expect(200);
        for (name, is_admin) in [("admin", true), ("readonly", false)] {
            let id = it.built_in_role(name).await;
            let permissions = vec![if is_admin { "*:*" } else { "*:read" }.to_owned()];
            model.roles.push(Role { id, permissions, api_access: is_admin, is_admin, is_readonly: !is_admin });
        }
        let mut run = Self {
            it,
            model,
            rng: ChaCha20Rng::seed_from_u64(seed),
            granted: 0,
            refused: BTreeMap::new(),
            noticed: Vec::new(),
        };
        for number in 0..5 {
            let permissions = run.permissions();
            let body = json!({"name": format!("Role {number}"), "permissions": permissions, "api_access": true});
            let id = run.it.admin.post(&run.it.at("/roles"), body).await.expect(201).text_at("/id");
            run.model.roles.push(Role { id, permissions, api_access: true, is_admin: false, is_readonly: false });
        }
        for number in 0..5 {
            let body = json!({"name": format!("User {number}")});
            let id = run.it.admin.post(&run.it.at("/users"), body).await.expect(201).text_at("/id");
            run.model.users.push((id, true));
            let (organization, role) = (run.below(5), run.below(run.model.roles.len()));
            run.seat(number, organization, role).await;
        }
        run
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.next_u32() as usize % end
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    fn permissions(&mut self) -> Vec<String> {
        let count = 1 + self.below(4);
        let mut chosen: Vec<_> = (0..count).map(|_| GIVEN[self.below(GIVEN.len())].to_owned()).collect();
        if self.one_in(3) {
            // Else few keys would make other keys.
            chosen.push("claviger:*".to_owned());
        }
        chosen.sort();
        chosen.dedup();
        chosen
    }

    fn at(&self, organization: usize, path: &str) -> String {
        format!("/api/v1/organizations/{}{path}", self.model.organizations[organization])
    }

    /// One of the latest keys.
    fn key(&mut self) -> Option<usize> {
        let count = self.model.keys.len();
        let first = count.saturating_sub(KEYS_LOOKED_AT);
        (count > 0).then(|| first + self.below(count - first))
    }

    /// Who calls, and where: the admin anywhere, or a key, as a rule one that may do this in its organization.
    fn caller(&mut self, right: &str) -> (Client, Option<usize>, usize) {
        let anywhere = self.below(self.model.organizations.len());
        if self.one_in(4) {
            return (self.it.admin.clone(), None, anywhere);
        }
        let first = self.model.keys.len().saturating_sub(KEYS_LOOKED_AT);
        let may = |it: &usize| {
            let key = &self.model.keys[*it];
            self.model.allows(key, key.at, right, None)
        };
        let able: Vec<_> = (first..self.model.keys.len()).filter(may).collect();
        let key = if able.is_empty() || self.one_in(5) { self.key() } else { Some(able[self.below(able.len())]) };
        let Some(key) = key else { return (self.it.admin.clone(), None, anywhere) };
        let at = if self.one_in(4) { anywhere } else { self.model.keys[key].at };
        (self.it.admin.with(&self.model.keys[key].token), Some(key), at)
    }

    async fn seat(&mut self, user: usize, organization: usize, role: usize) {
        let extra = if self.one_in(3) { self.permissions() } else { Vec::new() };
        let (user_id, role_id) = (&self.model.users[user].0, &self.model.roles[role].id);
        let body = json!({"user_id": user_id, "role_id": role_id, "extra_permissions": extra});
        let made = self.it.admin.post(&self.at(organization, "/members"), body).await.expect(201);
        self.model.seats.insert((user, organization), Seat { id: made.text_at("/id"), role, extra });
    }

    /// What a body says about what a key may do; each field may be left out.
    fn rights(&mut self) -> Value {
        let mut body = json!({});
        if self.one_in(3) {
            let role = self.below(self.model.roles.len());
            body["role_id"] = json!(self.model.roles[role].id);
        }
        if self.one_in(2) {
            body["scopes"] = json!(self.permissions());
        }
        if self.one_in(6) {
            let user = self.below(self.model.users.len());
            body["mapped_user_id"] = json!(self.model.users[user].0);
        }
        if self.one_in(3) {
            body["reach"] = json!("subtree");
        }
        body
    }

    /// Scopes within what the caller may, as whoever makes a key by a key would choose them; sometimes they are left as they are.
    fn stay_within(&mut self, caller: Option<usize>, at: usize, body: &mut Value) {
        let Some(caller) = caller.filter(|_| !self.one_in(4)) else { return };
        let maker = &self.model.keys[caller];
        let held: Vec<_> = ASKED.into_iter().filter(|it| self.model.allows(maker, at, it, None)).collect();
        if !held.is_empty() {
            let count = 1 + self.below(3);
            body["scopes"] = (0..count).map(|_| json!(held[self.below(held.len())])).collect();
        }
    }

    /// The key as an answer shows it.
    fn read(&self, key: &Value, token: String, at: usize) -> Key {
        let user = |field: &str| {
            let id = key[field]["id"].as_str()?;
            Some(self.model.users.iter().position(|(it, _)| it == id).unwrap_or_else(|| panic!("who is {id}?")))
        };
        let role = key["role"]["id"].as_str().map(|id| self.model.roles.iter().position(|it| it.id == id).unwrap());
        Key {
            id: key["id"].as_str().unwrap().to_owned(),
            token,
            at,
            role,
            scopes: serde_json::from_value(key["scopes"].clone()).unwrap(),
            owner: user("owner"),
            mapped: user("mapped_user"),
            subtree: key["reach"] == "subtree",
            active: true,
        }
    }

    async fn create_key(&mut self, number: usize) {
        let (client, caller, at) = self.caller("claviger/keys:create");
        let mut body = self.rights();
        self.stay_within(caller, at, &mut body);
        body["name"] = json!(format!("Key {number}"));
        if caller.is_none() {
            // The first admin is none of the model's users.
            let user = self.below(self.model.users.len());
            body["owner_id"] = if self.one_in(2) { Value::Null } else { json!(self.model.users[user].0) };
            if body["mapped_user_id"].is_null() {
                body["mapped_user_id"] = if self.one_in(3) { Value::Null } else { json!(self.model.users[user].0) };
            }
        } else if self.one_in(10) {
            let user = self.below(self.model.users.len());
            body["owner_id"] = json!(self.model.users[user].0);
        }
        if self.one_in(if at == BOUND { 2 } else { 4 }) {
            let days = 1 + self.below(60) as u64;
            body["expires_at"] = json!(self.it.days_from_now(days));
        }
        let answer = client.post(&self.at(at, "/keys"), body.clone()).await;
        if answer.status != 201 {
            self.note_refusal(&answer);
            return;
        }
        let shown = answer.json();
        let made = self.read(&shown["key"], answer.text_at("/secret/token"), at);
        self.check_policy(caller, &made, &shown["key"]);
        self.check_grant(caller, &made, &body);
        self.model.keys.push(made);
    }

    async fn update_key(&mut self) {
        let (client, caller, at) = self.caller("claviger/keys:update");
        let first = self.model.keys.len().saturating_sub(KEYS_LOOKED_AT);
        let there: Vec<_> = (first..self.model.keys.len()).filter(|it| self.model.keys[*it].at == at).collect();
        if there.is_empty() {
            return;
        }
        let target = there[self.below(there.len())];
        let mut body = self.rights();
        self.stay_within(caller, at, &mut body);
        let before = self.model.keys[target].clone();
        let answer = client.patch(&self.at(before.at, &format!("/keys/{}", before.id)), body.clone()).await;
        if answer.status != 200 {
            self.note_refusal(&answer);
            return;
        }
        let after = Key { active: before.active, ..self.read(&answer.json(), before.token.clone(), before.at) };
        let same = (after.role, &after.scopes, after.mapped, after.subtree)
            == (before.role, &before.scopes, before.mapped, before.subtree);
        if !same && caller != Some(target) {
            self.check_grant(caller, &after, &body);
        } else if !same {
            let found = self.model.beyond(&before, &after);
            assert_eq!(found, [""; 0], "a key gave itself more: {before:?} became {after:?}");
        }
        self.model.keys[target] = after;
    }

    fn note_refusal(&mut self, answer: &Answer) {
        assert!(matches!(answer.status, 400 | 401 | 403 | 404 | 409), "{answer:?}");
        *self.refused.entry(answer.code()).or_default() += 1;
    }

    fn check_grant(&mut self, caller: Option<usize>, made: &Key, body: &Value) {
        let Some(caller) = caller else { return };
        let maker = &self.model.keys[caller];
        let found = self.model.beyond(maker, made);
        assert_eq!(found, [""; 0], "{maker:?} made {made:?} by {body}");
        self.granted += 1;
    }

    fn check_policy(&self, caller: Option<usize>, made: &Key, shown: &Value) {
        if self.model.path(made.at).contains(&BOUND) {
            let latest = self.it.days_from_now(DAYS_MAX);
            assert!(shown["expires_at"].as_str().is_some_and(|it| *it <= *latest), "{shown}");
            let owned = self.model.keys.iter().filter(|it| it.active && it.at == made.at && it.owner == made.owner);
            assert!(made.owner.is_none() || owned.count() < KEYS_PER_USER_MAX, "{shown}");
        }
        let Some(maker) = caller.map(|it| &self.model.keys[it]) else { return };
        if self.model.allows(maker, made.at, "everything/else:do", None) {
            return;
        }
        assert!(made.owner == maker.mapped && made.mapped == maker.mapped, "{maker:?} made {made:?} for somebody else");
        let own_role = maker.mapped.and_then(|it| self.model.role_of(it, made.at));
        let may_give = made.role.is_none_or(|it| self.model.roles[it].is_readonly || Some(it) == own_role);
        assert!(may_give, "{maker:?} gave {made:?} a role that members do not give");
    }

    /// A change that rights hang on, made by the admin.
    async fn change_what_keys_hang_on(&mut self) {
        let (user, organization) = (self.below(self.model.users.len()), self.below(self.model.organizations.len()));
        let role = self.below(self.model.roles.len());
        let admin = self.it.admin.clone();
        match self.below(7) {
            0 if !self.model.roles[role].is_admin && !self.model.roles[role].is_readonly => {
                let (permissions, api_access) = (self.permissions(), !self.one_in(3));
                let path = self.it.at(&format!("/roles/{}", self.model.roles[role].id));
                admin.patch(&path, json!({"permissions": permissions, "api_access": api_access})).await.expect(200);
                let role = &mut self.model.roles[role];
                (role.permissions, role.api_access) = (permissions, api_access);
            }
            0 | 1 => {
                let path = self.it.at(&format!("/users/{}", self.model.users[user].0));
                let active = self.one_in(2);
                let status = if active { "active" } else { "disabled" };
                admin.patch(&path, json!({"status": status})).await.expect(200);
                self.model.users[user].1 = active;
            }
            2 | 3 => match self.model.seats.get(&(user, organization)).cloned() {
                None => self.seat(user, organization, role).await,
                Some(seat) => {
                    let extra = if self.one_in(2) { self.permissions() } else { Vec::new() };
                    let path = self.at(organization, &format!("/members/{}", seat.id));
                    let body = json!({"role_id": self.model.roles[role].id, "extra_permissions": extra});
                    admin.patch(&path, body).await.expect(200);
                    self.model.seats.insert((user, organization), Seat { role, extra, ..seat });
                }
            },
            4 => self.unseat(user, organization).await,
            5 => {
                let Some(key) = self.key() else { return };
                let (at, id) = (self.model.keys[key].at, self.model.keys[key].id.clone());
                let action = if self.one_in(2) { "deactivate" } else { "activate" };
                admin.post(&self.at(at, &format!("/keys/{id}/{action}")), json!({})).await.expect(200);
                self.model.keys[key].active = action == "activate";
            }
            _ => {
                let parent = self.below(self.model.organizations.len());
                let body = json!({"parent_id": self.model.organizations[parent]});
                let answer = admin.post(&self.at(organization, "/move"), body).await;
                if answer.status == 200 {
                    self.model.parents[organization] = Some(parent);
                }
            }
        }
    }

    fn is_allowed(&self, key: &Key, place: usize, asked: &str) -> bool {
        let presented = Presented::token(key.token.as_bytes()).unwrap();
        let permissions = [Asked::parse(asked).unwrap()];
        let organization = About::Id(self.model.organizations[place].parse().unwrap());
        let ask = Ask { organization, api: None, permissions: &permissions, ip: None };
        self.it.app.app.replica().verify(&presented, &ask, self.it.app.now()).decision().is_allowed()
    }

    /// Compares everything that the service allows with what the model does.
    fn compare(&mut self, step: usize) {
        let first = self.model.keys.len().saturating_sub(KEYS_LOOKED_AT);
        // Those that have shown are not looked for again: nearly all show at once, and each costs as much as the comparison.
        let mut sought: Vec<_> = Narrowing::ALL.into_iter().filter(|it| !self.noticed.contains(it)).collect();
        for key in &self.model.keys[first..] {
            for place in 0..self.model.organizations.len() {
                for asked in ASKED {
                    let (told, meant) =
                        (self.is_allowed(key, place, asked), self.model.allows(key, place, asked, None));
                    assert_eq!(told, meant, "after {step} steps, {asked} in {place} with {key:?}: {:?}", self.model);
                    // The control: a service that forgets one narrowing would have been found here.
                    sought.retain(|it| self.model.allows(key, place, asked, Some(*it)) == told);
                }
            }
        }
        self.noticed = Narrowing::ALL.into_iter().filter(|it| !sought.contains(it)).collect();
    }

    /// What random steps hardly ever come to: a key whose user is a member further down alone, and no more where the key stands.
    async fn leave_home(&mut self) {
        let (user, admin) = (0, self.it.admin.clone());
        let below = (1..self.model.organizations.len()).next_back().unwrap();
        let home = self.model.parents[below].unwrap();
        for organization in 0..self.model.organizations.len() {
            self.unseat(user, organization).await;
        }
        let path = self.it.at(&format!("/users/{}", self.model.users[user].0));
        admin.patch(&path, json!({"status": "active"})).await.expect(200);
        self.model.users[user].1 = true;
        for organization in [home, below] {
            self.seat(user, organization, 1).await;
        }
        let mut body = json!({"name": "Left behind", "owner_id": null, "reach": "subtree"});
        body["mapped_user_id"] = json!(self.model.users[user].0);
        body["expires_at"] = json!(self.it.days_from_now(7));
        let answer = admin.post(&self.at(home, "/keys"), body).await.expect(201);
        let made = self.read(&answer.json()["key"], answer.text_at("/secret/token"), home);
        self.model.keys.push(made);
        self.unseat(user, home).await;
    }

    async fn unseat(&mut self, user: usize, organization: usize) {
        if let Some(seat) = self.model.seats.get(&(user, organization)).cloned() {
            let path = self.at(organization, &format!("/members/{}", seat.id));
            self.it.admin.send(self.it.admin.request("DELETE", &path)).await.expect(204);
            self.model.remove_seat(user, organization);
        }
    }

    async fn steps(&mut self) {
        for step in 0..STEPS {
            match self.below(10) {
                0..4 => self.create_key(step).await,
                4..6 => self.update_key().await,
                _ => self.change_what_keys_hang_on().await,
            }
            if step % STEPS_BETWEEN_COMPARISONS == 0 {
                self.compare(step);
            }
        }
        self.leave_home().await;
        self.compare(STEPS);
    }
}

#[tokio::test]
async fn no_key_exceeds_its_maker_or_the_policy_and_keys_shrink_with_what_they_hang_on() {
    let (mut granted, mut refused, mut noticed) = (0, BTreeMap::new(), Vec::new());
    for seed in 0..4 {
        let mut run = Run::start(seed).await;
        run.steps().await;
        granted += run.granted;
        for (code, times) in run.refused {
            *refused.entry(code).or_insert(0) += times;
        }
        noticed.extend(run.noticed);
    }
    // These runs are no proof of anything unless keys made keys, others were kept from it, and each forgotten narrowing would show.
    let kept = refused.get("grant_exceeds_own").copied().unwrap_or(0);
    assert!(granted > 10 && kept > 5, "{granted} made, {refused:?} refused");
    for narrowing in Narrowing::ALL {
        assert!(noticed.contains(&narrowing), "nobody would notice that {narrowing:?} is forgotten");
    }
}

// The control: a service that lets a narrow key make what only the admin may is found.
#[tokio::test]
async fn a_key_that_was_given_too_much_is_noticed() {
    let mut run = Run::start(1).await;
    let user = run.model.users[0].0.clone();
    let seats: Vec<_> = run.model.seats.keys().copied().collect();
    for (user, organization) in seats {
        run.unseat(user, organization).await;
    }
    run.seat(0, 0, 0).await;
    let make = async |name: &str, scopes: Value| {
        let body = json!({"name": name, "owner_id": user, "mapped_user_id": user, "scopes": scopes});
        let answer = run.it.admin.post(&run.it.at("/keys"), body).await.expect(201);
        run.read(&answer.json()["key"], answer.text_at("/secret/token"), 0)
    };
    let narrow = make("Narrow", json!(["a/1:read", "claviger/keys:create"])).await;
    let (within, beyond) = (make("Within", json!(["a/1:read"])).await, make("Beyond", json!(["a:*"])).await);
    assert_eq!(run.model.beyond(&narrow, &within), [""; 0]);
    let found = run.model.beyond(&narrow, &beyond);
    assert_eq!(found, ["a/1:update in organization 0", "a/2:read in organization 0"]);
    let asked = json!({"name": "Too much", "scopes": ["a:*"]});
    let refused = run.it.admin.with(&narrow.token).post(&run.it.at("/keys"), asked).await;
    assert_eq!(refused.refusal(), (403, "grant_exceeds_own".to_owned()));
}
