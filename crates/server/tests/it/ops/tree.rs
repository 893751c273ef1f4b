//! Organizations, and what one sees of another.

use claviger::ops::keys::{KeyQuery, get_key, list_keys};
use claviger::ops::me::{find_reached_organization, get_me};
use claviger::ops::organizations::{
    NewOrganization, OrganizationPatch, OrganizationQuery, create_organization, get_organization, list_organizations,
    put_organization, update_organization,
};
use claviger::ops::page::PageRequest;
use claviger_core::decision::{Code, Reach};
use claviger_core::limits::TREE_LEVELS_MAX;
use claviger_core::name::{ExternalId, Slug};
use claviger_core::network::IpAllowList;
use claviger_core::organization::OrganizationStatus;
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;

use crate::app::{TestApp, name, new_key, refused};

fn new(text: &str) -> NewOrganization {
    NewOrganization {
        name: name(text),
        slug: None,
        external_id: None,
        policy: None,
        allowed_ips: None,
        confirms_lockout: false,
    }
}

#[tokio::test]
async fn an_organization_begins_with_the_built_in_roles_and_a_slug_of_its_own() {
    let test = TestApp::new().await;
    let make = async || {
        let made = create_organization(&test.app, &test.admin, test.root, new("Acme GmbH"), None).await.unwrap();
        made.fresh().unwrap().organization
    };
    let (first, second) = (make().await, make().await);
    assert_eq!((first.slug.as_str(), second.slug.as_str()), ("acme-gmbh", "acme-gmbh-2"));
    for built_in in BuiltIn::ALL {
        assert_eq!(test.built_in(first.id, built_in).await.organization_id, first.id);
    }
    let taken = NewOrganization { slug: Slug::parse("acme-gmbh").ok(), ..new("Another") };
    let taken = create_organization(&test.app, &test.admin, test.root, taken, None).await;
    assert_eq!(refused(taken), RejectCode::NameTaken);
}

#[tokio::test]
async fn the_tree_has_a_depth() {
    let test = TestApp::new().await;
    let mut parent = test.root;
    for level in 1..TREE_LEVELS_MAX {
        parent = test.organization(parent, &format!("Level {level}")).await;
    }
    let refusal = refused(create_organization(&test.app, &test.admin, parent, new("Too deep"), None).await);
    assert_eq!(refusal, RejectCode::LimitReached);
}

// S1.19: an agency's key reaches the agency and its locations if it says so, a location's key only its location.
#[tokio::test]
async fn an_organization_and_its_keys_reach_down_and_never_aside_or_up() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let (one, other) = (test.organization(agency, "Location 1").await, test.organization(agency, "Location 2").await);
    let (admin, ..) = test.member(agency, "Ann", BuiltIn::Admin).await;
    let subtree =
        test.create_key(&admin, agency, claviger::ops::keys::NewKey { reach: Reach::Subtree, ..new_key("All") });
    let subtree = test.caller(&subtree.await.unwrap().token);
    let single = test.create_key(&admin, one, new_key("One")).await.unwrap();
    let of_one = test.caller(&single.token);
    for (caller, at, reaches) in [
        (&subtree, agency, true),
        (&subtree, one, true),
        (&subtree, other, true),
        (&subtree, test.root, false),
        (&of_one, one, true),
        (&of_one, other, false),
        (&of_one, agency, false),
        (&admin, other, true),
        (&admin, test.root, false),
    ] {
        let found = get_organization(&test.app, caller, at).await;
        match reaches {
            true => assert_eq!(found.unwrap().organization.id, at),
            false => assert_eq!(refused(found), RejectCode::NotFound),
        }
    }
    // A key of one organization is not there in another, even for whoever reaches both.
    let id = single.info.key.id;
    assert_eq!(refused(get_key(&test.app, &test.admin, other, id).await), RejectCode::NotFound);
    let list = list_keys(&test.app, &admin, other, KeyQuery::default(), PageRequest::default()).await.unwrap();
    assert_eq!((list.page.items.len(), list.total.count), (0, 0));
}

#[tokio::test]
async fn a_list_of_organizations_begins_with_its_top_and_goes_on_in_pages() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    for number in 1..=4 {
        test.organization(agency, &format!("Location {number}")).await;
    }
    test.organization(test.root, "Elsewhere").await;
    for limit in [1, 2] {
        let (mut names, mut page) = (Vec::new(), PageRequest { after: None, limit });
        loop {
            let found =
                list_organizations(&test.app, &test.admin, agency, OrganizationQuery::default(), page).await.unwrap();
            assert!(found.items.len() <= limit as usize);
            names.extend(found.items.into_iter().map(|it| it.name.to_string()));
            page = PageRequest { after: found.next, limit };
            if page.after.is_none() {
                break;
            }
        }
        assert_eq!(names, ["Agency", "Location 1", "Location 2", "Location 3", "Location 4"]);
    }
}

#[tokio::test]
async fn a_host_keeps_organizations_in_step_by_its_own_identifiers() {
    let test = TestApp::new().await;
    let external_id = ExternalId::parse("customer:42").unwrap();
    let put = async |text: &str| {
        put_organization(&test.app, &test.admin, test.root, external_id.clone(), new(text)).await.unwrap()
    };
    let (made, was_made) = put("Acme").await;
    let (same, again) = put("Acme").await;
    let (renamed, also) = put("Acme Ltd").await;
    assert_eq!((was_made, again, also), (true, false, false));
    assert_eq!((same.organization.version, renamed.organization.version), (1, 2), "the same twice changes nothing");
    assert_eq!((made.organization.id, renamed.organization.slug.as_str()), (renamed.organization.id, "acme"));
    // What a put leaves out stays.
    let office = IpAllowList::parse(&["203.0.113.0/24"]).ok();
    let policy = serde_json::from_str(r#"{"idle_days": 30}"#).ok();
    let closed = NewOrganization { policy, allowed_ips: Some(office.clone()), ..new("Acme Ltd") };
    put_organization(&test.app, &test.admin, test.root, external_id.clone(), closed).await.unwrap();
    let (kept, _) = put("Acme Inc").await;
    assert_eq!((kept.organization.policy.idle_days, kept.organization.allowed_ips), (Some(30), office));
    let elsewhere = test.organization(test.root, "Elsewhere").await;
    let moved = put_organization(&test.app, &test.admin, elsewhere, external_id, new("Acme")).await;
    assert_eq!(refused(moved), RejectCode::NameTaken);
}

#[tokio::test]
async fn a_suspended_organization_denies_its_keys_and_all_below_until_it_is_lifted() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let location = test.organization(agency, "Location").await;
    let created = test.create_key(&test.admin, location, new_key("CI")).await.unwrap();
    let status = async |at, status| {
        let patch = OrganizationPatch { status: Some(status), ..OrganizationPatch::default() };
        update_organization(&test.app, &test.admin, at, patch, None).await
    };
    assert_eq!(refused(status(test.root, OrganizationStatus::Suspended).await), RejectCode::StateConflict);
    let (ann, ..) = test.member(agency, "Ann", BuiltIn::Admin).await;
    status(agency, OrganizationStatus::Suspended).await.unwrap();
    assert_eq!(test.verify(&created.token, &[]), Err("organization_suspended"));
    // Its own admin can neither lift it nor look at it; who stands above can do both, but only from an organization that is active.
    let suspended = RejectCode::Decision(Code::OrganizationSuspended);
    let lift = || OrganizationPatch { status: Some(OrganizationStatus::Active), ..OrganizationPatch::default() };
    assert_eq!(refused(update_organization(&test.app, &ann, agency, lift(), None).await), suspended);
    assert_eq!(refused(get_organization(&test.app, &ann, agency).await), suspended);
    assert_eq!(refused(status(location, OrganizationStatus::Active).await), suspended);
    let info = get_organization(&test.app, &test.admin, agency).await.unwrap();
    assert_eq!((info.organization.id, info.organization.status), (agency, OrganizationStatus::Suspended));
    status(agency, OrganizationStatus::Active).await.unwrap();
    assert_eq!(test.verify(&created.token, &[]), Ok(()));
}

#[tokio::test]
async fn what_is_locked_above_is_refused_by_name_and_holds_for_what_was_set_before() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    test.set_policy(acme, r#"{"max_keys_per_user": 100}"#).await;
    test.set_policy(test.root, r#"{"max_keys_per_user": 10, "locked": ["max_keys_per_user"]}"#).await;
    let info = get_organization(&test.app, &test.admin, acme).await.unwrap();
    assert_eq!((info.organization.policy.max_keys_per_user, info.effective_policy.max_keys_per_user), (Some(100), 10));
    let wider = serde_json::from_str(r#"{"max_keys_per_user": 11}"#).unwrap();
    let patch = OrganizationPatch { policy: Some(wider), ..OrganizationPatch::default() };
    let refusal = update_organization(&test.app, &test.admin, acme, patch, None).await.unwrap_err().into_reject();
    assert_eq!((refusal.code, &*refusal.fields[0].pointer), (RejectCode::PolicyDenied, "/policy/max_keys_per_user"));
}

#[tokio::test]
async fn a_caller_learns_where_it_stands() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    let (ann, ..) = test.member(acme, "Ann", BuiltIn::Admin).await;
    let me = get_me(&test.app, &ann).await.unwrap();
    assert_eq!((me.organization.id, me.organization.role_name.as_deref()), (acme, Some("admin")));
    assert_eq!(me.organizations.len(), 1);
    let key = test.create_key(&ann, acme, new_key("CI")).await.unwrap();
    let me = get_me(&test.app, &test.caller(&key.token)).await.unwrap();
    assert_eq!((me.key.unwrap().0, me.user.unwrap().1.as_str(), me.organization.id), (key.info.key.id, "Ann", acme));
    // The root's admin is no member of Acme and reaches it all the same.
    let found = find_reached_organization(&test.app, &test.admin, "acme").await.unwrap();
    assert_eq!((found.id, found.role_name.as_deref()), (acme, Some("admin")));
    assert_eq!(refused(find_reached_organization(&test.app, &ann, "root").await), RejectCode::NotFound);
}
