//! Who may have keys at all: the switch of roles.

use claviger::ops::keys::{KeyFilter, KeyQuery, KeySort};
use claviger::ops::keys::{Overlap, get_key, list_keys, rotate_key, update_key};
use claviger::ops::page::PageRequest;
use claviger::ops::roles::{RolePatch, update_role};
use claviger_core::decision::Code;
use claviger_core::id::{OrganizationId, RoleId};
use claviger_core::key::KeyPatch;
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;

use crate::app::{TestApp, name, new_key, refused};

const DENIED: RejectCode = RejectCode::Decision(Code::ApiAccessDenied);

async fn switch(test: &TestApp, at: OrganizationId, role: RoleId, allowed: bool) {
    let patch = RolePatch { api_access: Some(allowed), ..RolePatch::default() };
    update_role(&test.app, &test.admin, at, role, patch, None).await.unwrap();
}

// S0.2 S0.3 S0.5: off for members of a new organization, never for admins; switching it off denies keys that are there, and on revives them.
#[tokio::test]
async fn members_have_keys_only_while_their_role_has_api_access() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    let (member, ..) = test.member(acme, "Sam Ortiz", BuiltIn::Member).await;
    let (admin, ..) = test.member(acme, "Ann Admin", BuiltIn::Admin).await;
    assert_eq!(refused(test.create_key(&member, acme, new_key("Mine")).await), DENIED);
    let admins = test.create_key(&admin, acme, new_key("Admin's")).await.unwrap();

    let role = test.built_in(acme, BuiltIn::Member).await;
    switch(&test, acme, role.id, true).await;
    let mine = test.create_key(&member, acme, new_key("Mine")).await.unwrap();
    assert_eq!(test.verify(&mine.token, &["claviger/profile:read"]), Ok(()));

    switch(&test, acme, role.id, false).await;
    assert_eq!(test.verify(&mine.token, &[]), Err("api_access_denied"));
    assert_eq!(test.verify(&admins.token, &["contacts:delete"]), Ok(()));
    let rotated = rotate_key(&test.app, &member, acme, mine.info.key.id, Overlap::Policy, None).await;
    assert_eq!(refused(rotated), DENIED);

    switch(&test, acme, role.id, true).await;
    assert_eq!(test.verify(&mine.token, &[]), Ok(()));
}

#[tokio::test]
async fn a_member_renames_an_own_key_whose_role_an_admin_chose() {
    let test = TestApp::new().await;
    let (member, user_id, _) = test.member(test.root, "Sam Ortiz", BuiltIn::Member).await;
    switch(&test, test.root, test.built_in(test.root, BuiltIn::Member).await.id, true).await;
    let role_id = test.built_in(test.root, BuiltIn::Admin).await.id;
    let mut new = new_key("CI");
    (new.owner_id, new.mapped_user_id, new.role_id) = (Some(Some(user_id)), Some(Some(user_id)), Some(role_id));
    let id = test.create_key(&test.admin, test.root, new).await.unwrap().info.key.id;
    // A form sends back what it showed.
    let patch = KeyPatch { name: Some(name("CI 2")), role_id: Some(Some(role_id)), ..KeyPatch::default() };
    let renamed = update_key(&test.app, &member, test.root, id, patch, None).await.unwrap();
    assert_eq!((renamed.key.name.as_str(), renamed.key.role_id), ("CI 2", Some(role_id)));
}

// Along an index of all keys a page could end at somebody else's, and its cursor would tell of it.
#[tokio::test]
async fn member_with_thousands_of_keys_gets_them_in_no_order_that_goes_along_the_keys_of_others() {
    let test = TestApp::new().await;
    let (member, member_id, _) = test.member(test.root, "Sam Ortiz", BuiltIn::Member).await;
    let role = test.built_in(test.root, BuiltIn::Member).await;
    switch(&test, test.root, role.id, true).await;
    super::people::thousands_of_keys(&test, test.root, member_id).await;
    let by_name = KeyQuery { order: KeySort::Name.into(), ..KeyQuery::default() };
    let list = async |caller, query| list_keys(&test.app, caller, test.root, query, PageRequest::default()).await;
    assert_eq!(refused(list(&member, by_name.clone()).await), RejectCode::InvalidField);
    assert!(!list(&test.admin, by_name).await.unwrap().page.items.is_empty());
    assert!(!list(&member, KeyQuery::default()).await.unwrap().page.items.is_empty());
    list(&member, KeyQuery { order: KeySort::Role.into(), ..KeyQuery::default() }).await.unwrap();
}

// S0.28 S2.28 S2.30: a member sees own keys and those made for the member, and changes none but own ones.
#[tokio::test]
async fn members_act_on_their_own_keys_and_no_others() {
    let test = TestApp::new().await;
    let (member, member_id, _) = test.member(test.root, "Sam Ortiz", BuiltIn::Member).await;
    let role = test.built_in(test.root, BuiltIn::Member).await;
    switch(&test, test.root, role.id, true).await;
    let own = test.create_key(&member, test.root, new_key("Own")).await.unwrap().info.key;
    let mut for_member = new_key("Made for Sam");
    for_member.mapped_user_id = Some(Some(member_id));
    let for_member = test.create_key(&test.admin, test.root, for_member).await.unwrap().info.key;
    let foreign = test.create_key(&test.admin, test.root, new_key("Not Sam's")).await.unwrap().info.key;

    let list = async |query| {
        let list = list_keys(&test.app, &member, test.root, query, PageRequest::default()).await.unwrap();
        let mut names: Vec<_> = list.page.items.iter().map(|it| it.key.name.to_string()).collect();
        names.sort();
        (names, list.total.count)
    };
    assert_eq!(list(KeyQuery::default()).await, (vec!["Own".to_owned()], 1));
    let mapped = KeyQuery::from(KeyFilter { mapped_user_id: Some(member_id), ..KeyFilter::default() });
    assert_eq!(list(mapped).await.0, ["Made for Sam", "Own"]);
    let others = KeyQuery::from(KeyFilter { owner_id: Some(test.admin_id), ..KeyFilter::default() });
    assert_eq!(list(others).await, (vec![], 0));

    get_key(&test.app, &member, test.root, for_member.id).await.unwrap();
    assert_eq!(refused(get_key(&test.app, &member, test.root, foreign.id).await), RejectCode::NotFound);
    let rename = || KeyPatch { name: Some(name("Renamed")), ..KeyPatch::default() };
    let update = async |id| update_key(&test.app, &member, test.root, id, rename(), None).await;
    update(own.id).await.unwrap();
    let lacking = RejectCode::Decision(Code::InsufficientPermission);
    assert_eq!(refused(update(for_member.id).await), lacking);
    assert_eq!(refused(update(foreign.id).await), RejectCode::NotFound);

    // Nor does a member make a key for somebody else, or one that carries somebody else's rights.
    let mut for_another = new_key("For another");
    for_another.owner_id = Some(Some(test.admin_id));
    assert_eq!(refused(test.create_key(&member, test.root, for_another).await), lacking);
    let mut as_another = new_key("As another");
    as_another.mapped_user_id = Some(Some(test.admin_id));
    assert_eq!(refused(test.create_key(&member, test.root, as_another).await), lacking);
}
