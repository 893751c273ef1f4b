//! The nearest membership counts: who holds much above may hold little below, and the other way round. What is given, taken or taken over
//! is judged wherever it acts.

use claviger::ops::caller::Caller;
use claviger::ops::keys::{NewKey, Overlap, rotate_key, set_key_active, update_key};
use claviger::ops::members::{MemberPatch, NewMember, create_member, delete_member, list_members, update_member};
use claviger::ops::organizations::{OrganizationPatch, update_organization};
use claviger::ops::page::PageRequest;
use claviger::ops::roles::{NewRole, RolePatch, create_role, update_role};
use claviger::ops::users::{NewUser, UserPatch, put_user, update_user};
use claviger_core::decision::Reach;
use claviger_core::id::{MemberId, OrganizationId, RoleId, UserId};
use claviger_core::key::KeyPatch;
use claviger_core::limits::PLACES_JUDGED_MAX;
use claviger_core::name::{Description, Email, ExternalId};
use claviger_core::organization::OrganizationStatus;
use claviger_core::permission::PermissionSet;
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;
use claviger_core::user::UserStatus;

use crate::app::{TestApp, name, new_key, permissions, refused};

const EXCEEDS: RejectCode = RejectCode::GrantExceedsOwn;

/// Makes a user a member of a further organization.
async fn join(test: &TestApp, at: OrganizationId, user_id: UserId, role_id: RoleId) -> MemberId {
    let new = NewMember { user_id, role_id, extra_permissions: PermissionSet::nothing() };
    create_member(&test.app, &test.admin, at, new, None).await.unwrap().fresh().unwrap().member.id
}

async fn role(test: &TestApp, at: OrganizationId, text: &str, texts: &[&str]) -> RoleId {
    let (description, permissions) = (Description::default(), permissions(texts));
    let new = NewRole { name: name(text), description, permissions, api_access: true };
    create_role(&test.app, &test.admin, at, new, None).await.unwrap().fresh().unwrap().id
}

async fn built_in(test: &TestApp, at: OrganizationId, wanted: BuiltIn) -> RoleId {
    test.built_in(at, wanted).await.id
}

fn below(text: &str, mapped: Option<UserId>) -> NewKey {
    NewKey { reach: Reach::Subtree, mapped_user_id: mapped.map(Some), ..new_key(text) }
}

#[tokio::test]
async fn a_key_that_reaches_down_holds_nowhere_more_than_its_maker() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let acme = test.organization(agency, "Acme").await;
    test.set_policy(agency, r#"{"admin_only_mapping": false}"#).await;
    let manager = role(&test, agency, "Manager", &["*:read", "claviger/keys:*", "contacts:update"]).await;
    let (_, ann_id, _) = test.member(agency, "Ann", BuiltIn::Readonly).await;
    let (mia, mia_id, mia_member) = test.member(agency, "Mia", BuiltIn::Readonly).await;
    let promote = MemberPatch { role_id: Some(manager), ..MemberPatch::default() };
    update_member(&test.app, &test.admin, agency, mia_member, promote, None).await.unwrap();

    let key = test.create_key(&mia, agency, below("Before", Some(ann_id))).await.unwrap();
    let ann_below = join(&test, acme, ann_id, built_in(&test, acme, BuiltIn::Admin).await).await;
    // Ann is an admin at Acme, where Mia manages contacts at most.
    assert_eq!(refused(test.create_key(&mia, agency, below("More", Some(ann_id))).await), EXCEEDS);
    let flat = NewKey { reach: Reach::Organization, ..below("Flat", Some(ann_id)) };
    let flat = test.create_key(&mia, agency, flat).await.unwrap().info.key;
    let widen = KeyPatch { reach: Some(Reach::Subtree), ..KeyPatch::default() };
    assert_eq!(refused(update_key(&test.app, &mia, agency, flat.id, widen, None).await), EXCEEDS);
    let narrow = NewKey { scopes: Some(permissions(&["*:read"])), ..below("Narrow", Some(ann_id)) };
    test.create_key(&mia, agency, narrow).await.unwrap();
    // The key that was there gives the rights that Ann has got meanwhile to whoever gets its new secret.
    let id = key.info.key.id;
    let rotated = rotate_key(&test.app, &mia, agency, id, Overlap::Policy, None).await;
    assert_eq!(refused(rotated.map(drop)), EXCEEDS);
    set_key_active(&test.app, &mia, agency, id, false, None, None).await.unwrap();
    assert_eq!(refused(set_key_active(&test.app, &mia, agency, id, true, None, None).await), EXCEEDS);
    // Who holds everything above and nothing less below makes and rotates it.
    test.create_key(&test.admin, agency, below("Admin's", Some(ann_id))).await.unwrap();
    rotate_key(&test.app, &test.admin, agency, id, Overlap::Policy, None).await.unwrap();

    // The other way round: Mia holds less below than above.
    delete_member(&test.app, &test.admin, acme, ann_below).await.unwrap();
    test.create_key(&mia, agency, below("Good again", Some(ann_id))).await.unwrap();
    let nothing = role(&test, acme, "Nothing", &["deals:read"]).await;
    join(&test, acme, mia_id, nothing).await;
    assert_eq!(refused(test.create_key(&mia, agency, below("Less", Some(ann_id))).await), EXCEEDS);
    // A key of her own holds below what she does there.
    test.create_key(&mia, agency, below("Own", None)).await.unwrap();
}

#[tokio::test]
async fn a_key_whose_user_has_left_is_still_judged_where_they_stay() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let acme = test.organization(agency, "Acme").await;
    let manager = role(&test, agency, "Manager", &["*:read", "claviger/keys:*"]).await;
    let (mia, _, mia_member) = test.member(agency, "Mia", BuiltIn::Readonly).await;
    let promote = MemberPatch { role_id: Some(manager), ..MemberPatch::default() };
    update_member(&test.app, &test.admin, agency, mia_member, promote, None).await.unwrap();
    let (_, ann_id, ann_member) = test.member(agency, "Ann", BuiltIn::Readonly).await;
    let key = test.create_key(&test.admin, agency, below("Ann's", Some(ann_id))).await.unwrap().info.key.id;
    delete_member(&test.app, &test.admin, agency, ann_member).await.unwrap();
    let rotate = async || rotate_key(&test.app, &mia, agency, key, Overlap::Policy, None).await.map(drop);
    rotate().await.expect("it allows nothing");
    join(&test, acme, ann_id, built_in(&test, acme, BuiltIn::Admin).await).await;
    assert_eq!(refused(rotate().await), EXCEEDS);
}

#[tokio::test]
async fn an_admin_above_who_is_less_below_gives_out_no_more_there() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let acme = test.organization(agency, "Acme").await;
    let (ann, ann_id, _) = test.member(agency, "Ann", BuiltIn::Admin).await;
    join(&test, acme, ann_id, built_in(&test, acme, BuiltIn::Readonly).await).await;
    let admin_role = built_in(&test, agency, BuiltIn::Admin).await;
    // Mapped to nobody, it is good for its role wherever it reaches.
    let nobody = NewKey { role_id: Some(admin_role), mapped_user_id: Some(None), ..below("Nobody's", None) };
    assert_eq!(refused(test.create_key(&ann, agency, nobody.clone()).await), EXCEEDS);
    test.create_key(&ann, agency, NewKey { reach: Reach::Organization, ..nobody }).await.unwrap();
    // Nor does she make members, or roles of members, who hold more there.
    let (_, bob_id, bob) = test.member(agency, "Bob", BuiltIn::Readonly).await;
    let promote = || MemberPatch { role_id: Some(admin_role), ..MemberPatch::default() };
    assert_eq!(refused(update_member(&test.app, &ann, agency, bob, promote(), None).await), EXCEEDS);
    let reader = role(&test, agency, "Reader", &["contacts:read"]).await;
    let widen = |texts: &[&str]| RolePatch { permissions: Some(permissions(texts)), ..RolePatch::default() };
    assert_eq!(refused(update_role(&test.app, &ann, agency, reader, widen(&["contacts:*"]), None).await), EXCEEDS);
    update_role(&test.app, &ann, agency, reader, widen(&["contacts:read", "deals:read"]), None).await.unwrap();
    // Where Bob has a nearer membership, the one above does not count.
    join(&test, acme, bob_id, built_in(&test, acme, BuiltIn::Readonly).await).await;
    update_member(&test.app, &ann, agency, bob, promote(), None).await.unwrap();
}

#[tokio::test]
async fn a_suspended_organization_below_is_judged_by_what_counts_there() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let acme = test.organization(agency, "Acme").await;
    let manager = role(&test, agency, "Manager", &["*:read", "claviger/keys:*", "claviger/own-keys:*"]).await;
    test.set_policy(agency, r#"{"admin_only_mapping": false}"#).await;
    let (mia, _, member_id) = test.member(agency, "Mia", BuiltIn::Readonly).await;
    let promote = MemberPatch { role_id: Some(manager), ..MemberPatch::default() };
    update_member(&test.app, &test.admin, agency, member_id, promote, None).await.unwrap();
    let (_, ann_id, _) = test.member(agency, "Ann", BuiltIn::Readonly).await;
    let ann_below = join(&test, acme, ann_id, built_in(&test, acme, BuiltIn::Readonly).await).await;
    let set = async |status| {
        let patch = OrganizationPatch { status: Some(status), ..OrganizationPatch::default() };
        update_organization(&test.app, &test.admin, acme, patch, None).await.unwrap();
    };
    set(OrganizationStatus::Suspended).await;
    test.create_key(&mia, agency, below("Reads", Some(ann_id))).await.unwrap();
    set(OrganizationStatus::Active).await;
    let admin = MemberPatch { role_id: Some(built_in(&test, acme, BuiltIn::Admin).await), ..MemberPatch::default() };
    update_member(&test.app, &test.admin, acme, ann_below, admin, None).await.unwrap();
    set(OrganizationStatus::Suspended).await;
    assert_eq!(refused(test.create_key(&mia, agency, below("More", Some(ann_id))).await), EXCEEDS);
}

#[tokio::test]
async fn what_stands_in_too_many_organizations_to_be_judged_is_refused() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    test.set_policy(agency, r#"{"admin_only_mapping": false}"#).await;
    let manager = role(&test, agency, "Manager", &["*:read", "claviger/keys:*"]).await;
    let (mia, _, member_id) = test.member(agency, "Mia", BuiltIn::Readonly).await;
    let promote = MemberPatch { role_id: Some(manager), ..MemberPatch::default() };
    update_member(&test.app, &test.admin, agency, member_id, promote, None).await.unwrap();
    let (_, ann_id, _) = test.member(agency, "Ann", BuiltIn::Readonly).await;
    let reader = role(&test, agency, "Reader", &["contacts:read"]).await;
    for number in 0..PLACES_JUDGED_MAX {
        let place = test.organization(agency, &format!("Place {number}")).await;
        join(&test, place, ann_id, reader).await;
    }
    test.create_key(&mia, agency, below("As many as can be", Some(ann_id))).await.unwrap();
    let one_more = test.organization(agency, "One more").await;
    join(&test, one_more, ann_id, reader).await;
    let refusal = refused(test.create_key(&mia, agency, below("Too many", Some(ann_id))).await);
    assert_eq!(refusal, RejectCode::LimitReached);
    // Who holds everything everywhere has nothing to be judged by.
    test.create_key(&test.admin, agency, below("Admin's", Some(ann_id))).await.unwrap();
}

// Whoever serves very many customers is not kept from serving one by being a member of all the others.
#[tokio::test]
async fn many_memberships_of_the_caller_elsewhere_do_not_matter() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let manager = role(&test, agency, "Manager", &["*:read", "claviger/members:*", "claviger/users:*"]).await;
    let (mia, mia_id, member_id) = test.member(agency, "Mia", BuiltIn::Readonly).await;
    let promote = MemberPatch { role_id: Some(manager), ..MemberPatch::default() };
    update_member(&test.app, &test.admin, agency, member_id, promote, None).await.unwrap();
    let mut place = agency;
    for number in 0..=PLACES_JUDGED_MAX {
        place = test.organization(agency, &format!("Place {number}")).await;
        join(&test, place, mia_id, manager).await;
    }
    let email = |text: &str| UserPatch { email: Some(Email::parse(text).ok()), ..UserPatch::default() };
    let (_, ann_id, _) = test.member(place, "Ann", BuiltIn::Readonly).await;
    update_user(&test.app, &mia, place, ann_id, email("ann@example.com"), None).await.unwrap();
    let (_, above_id, above) = test.member(agency, "Above", BuiltIn::Readonly).await;
    let too_many = update_user(&test.app, &mia, agency, above_id, email("above@example.com"), None).await;
    assert_eq!(refused(too_many), RejectCode::LimitReached);
    assert_eq!(refused(delete_member(&test.app, &mia, agency, above).await), RejectCode::LimitReached);
}

#[tokio::test]
async fn nobody_takes_over_who_holds_more_elsewhere() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let (acme, beta) = (test.organization(agency, "Acme").await, test.organization(agency, "Beta").await);
    let (ann, ..) = test.member(acme, "Ann", BuiltIn::Admin).await;
    let (lead, ..) = test.member(agency, "Lead", BuiltIn::Admin).await;
    // Managed by Acme, where she only reads; but an admin of the agency, or of another customer, elsewhere.
    for (text, elsewhere) in [("Above", agency), ("Aside", beta)] {
        let (_, user_id, _) = test.member(acme, text, BuiltIn::Readonly).await;
        let patches = || {
            let email = Email::parse("ann@example.com").ok();
            [
                UserPatch { email: Some(email), ..UserPatch::default() },
                UserPatch { status: Some(UserStatus::Disabled), ..UserPatch::default() },
                UserPatch { name: Some(name("Ann")), ..UserPatch::default() },
                UserPatch { external_id: Some(ExternalId::parse(&format!("{text}-1")).ok()), ..UserPatch::default() },
            ]
        };
        let change = async |caller: &Caller, patch| update_user(&test.app, caller, acme, user_id, patch, None).await;
        let renamed = UserPatch { name: Some(name(&format!("{text} 2"))), ..UserPatch::default() };
        change(&ann, renamed).await.unwrap();
        join(&test, elsewhere, user_id, built_in(&test, elsewhere, BuiltIn::Admin).await).await;
        for patch in patches() {
            assert_eq!(refused(change(&ann, patch).await), EXCEEDS, "{text}");
        }
        change(&ann, UserPatch::default()).await.unwrap();
        // The agency's admin holds as much in all those places.
        let [email, status, ..] = patches();
        change(&lead, status).await.unwrap();
        let back = UserPatch { status: Some(UserStatus::Active), email: Some(None), ..UserPatch::default() };
        change(&lead, email).await.unwrap();
        change(&lead, back).await.unwrap();
    }
    // A put is a change like any other.
    let host_id = ExternalId::parse("host-7").unwrap();
    let person = |text: &str, email: Option<&str>| NewUser {
        name: name(text),
        email: email.map(|it| Email::parse(it).unwrap()),
        external_id: None,
        service: false,
    };
    let (user, _) = put_user(&test.app, &ann, acme, host_id.clone(), person("Puttee", None)).await.unwrap();
    join(&test, beta, user.id, built_in(&test, beta, BuiltIn::Readonly).await).await;
    put_user(&test.app, &ann, acme, host_id.clone(), person("Puttee", None)).await.unwrap();
    let taken = put_user(&test.app, &ann, acme, host_id, person("Puttee", Some("x@example.com"))).await;
    assert_eq!(refused(taken.map(drop)), EXCEEDS);
}

// A host keeps names in step by a key that may do just that.
#[tokio::test]
async fn a_mere_name_takes_nothing_from_who_holds_more_here() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let acme = test.organization(agency, "Acme").await;
    let sync = NewKey { scopes: Some(permissions(&["claviger/users:*"])), ..new_key("Sync") };
    let sync = test.caller(&test.create_key(&test.admin, acme, sync).await.unwrap().token);
    let (_, ann_id, _) = test.member(acme, "Ann", BuiltIn::Admin).await;
    let change = async |patch| update_user(&test.app, &sync, acme, ann_id, patch, None).await;
    let rename = |text: &str| UserPatch { name: Some(name(text)), ..UserPatch::default() };
    change(rename("Ann 2")).await.unwrap();
    let external_id = Some(ExternalId::parse("ann").ok());
    assert_eq!(refused(change(UserPatch { external_id, ..rename("Ann 3") }).await), EXCEEDS);
    join(&test, agency, ann_id, built_in(&test, agency, BuiltIn::Readonly).await).await;
    assert_eq!(refused(change(rename("Ann 3")).await), EXCEEDS);
}

#[tokio::test]
async fn a_membership_from_above_is_neither_hidden_nor_uncovered_by_who_holds_less() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let acme = test.organization(agency, "Acme").await;
    let (ann, ..) = test.member(acme, "Ann", BuiltIn::Admin).await;
    let (_, lead_id, _) = test.member(acme, "Lead", BuiltIn::Readonly).await;
    let managers = ["claviger/members:*", "claviger/users:read", "*:read"];
    let manager = role(&test, acme, "Manager", &managers).await;
    let (mia, _, mia_member) = test.member(acme, "Mia", BuiltIn::Readonly).await;
    let promote = MemberPatch { role_id: Some(manager), ..MemberPatch::default() };
    update_member(&test.app, &test.admin, acme, mia_member, promote, None).await.unwrap();
    let readonly = built_in(&test, acme, BuiltIn::Readonly).await;
    let nearer = NewMember { user_id: lead_id, role_id: readonly, extra_permissions: PermissionSet::nothing() };

    // Managed by Acme and an admin of the agency: Acme's own admin does not push the lead out of Acme.
    join(&test, agency, lead_id, built_in(&test, agency, BuiltIn::Admin).await).await;
    let members = list_members(&test.app, &test.admin, acme, PageRequest::default()).await.unwrap();
    let own = members.items.iter().find(|it| it.user.id == lead_id).unwrap().member.id;
    // Nor does she who holds less uncover what the nearer membership hides.
    assert_eq!(refused(delete_member(&test.app, &mia, acme, own).await), EXCEEDS);
    delete_member(&test.app, &ann, acme, own).await.unwrap();
    assert_eq!(refused(create_member(&test.app, &ann, acme, nearer.clone(), None).await.map(drop)), EXCEEDS);
    create_member(&test.app, &test.admin, acme, nearer, None).await.unwrap();
}
