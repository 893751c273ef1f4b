//! Users, memberships, roles and apis.

use claviger_core::id::UserId;
use claviger_core::name::ExternalId;
use claviger_core::permission::PermissionSet;
use claviger_core::role::{BuiltIn, Role};
use claviger_core::tenant::Tenant;
use claviger_core::user::{User, UserStatus};
use claviger_store::roles::RoleUses;
use claviger_store::users::UserFilter;
use claviger_store::{Error, PageRequest, StoreResult, Tx, Unique};

use crate::world::{World, api, event, id, member, name, now, organization, tenant, user};

/// Runs a change in a transaction of its own.
async fn change<T>(world: &World, by: &Tenant, f: impl AsyncFnOnce(&mut Tx) -> StoreResult<T>) -> StoreResult<T> {
    let mut tx = world.store.begin().await.expect("a transaction");
    let done = f(&mut tx).await?;
    tx.commit(event(by, by.organization_id())).await.expect("a commit");
    Ok(done)
}

fn role(at: &Tenant, text: &str) -> Role {
    Role {
        id: id(),
        organization_id: at.organization_id(),
        built_in: None,
        name: name(text),
        description: "For tests".parse().expect("a text"),
        permissions: PermissionSet::parse(&["a:read", "b/x:*"]).expect("permissions"),
        api_access: true,
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

#[tokio::test]
async fn user_reads_back_as_written_and_is_found_by_address_and_external_id() {
    let world = World::new().await;
    let acme = &world.acme.tenant;
    let mut it = user(acme.organization_id(), "bob");
    it.external_id = Some(ExternalId::parse("u/42").expect("an id"));
    let mut robot = User { id: id(), name: name("Robot"), email: None, external_id: None, service: true, ..it.clone() };
    change(&world, acme, async |tx| tx.insert_user(acme, &it).await).await.expect("a user");
    change(&world, acme, async |tx| tx.insert_user(acme, &robot).await).await.expect("a service user");
    (robot.status, robot.version) = (UserStatus::Disabled, 2);
    change(&world, acme, async |tx| tx.update_user(acme, &robot, 1).await).await.expect("a change");
    let mut reader = world.store.read().await.expect("a reader");
    for one in [&it, &robot] {
        assert_eq!(reader.find_user(acme, one.id).await.expect("an answer").as_ref(), Some(one));
        assert_eq!(reader.find_user_unchecked(one.id).await.expect("an answer").as_ref(), Some(one));
    }
    let email = it.email.clone().expect("an address");
    assert_eq!(reader.find_user_by_email_unchecked(&email).await.expect("an answer"), Some(it.clone()));
    let external_id = it.external_id.clone().expect("an id");
    assert_eq!(reader.find_user_by_external_id(acme, &external_id).await.expect("an answer"), Some(it));
}

#[tokio::test]
async fn address_is_unique_everywhere_and_external_id_in_the_managing_organization() {
    let world = World::new().await;
    let (acme, beta) = (&world.acme.tenant, &world.beta.tenant);
    let external_id = Some(ExternalId::parse("42").expect("an id"));
    let first = User { external_id: external_id.clone(), ..user(acme.organization_id(), "bob") };
    change(&world, acme, async |tx| tx.insert_user(acme, &first).await).await.expect("a user");
    let same_address = user(beta.organization_id(), "bob");
    let error = change(&world, beta, async |tx| tx.insert_user(beta, &same_address).await).await.expect_err("taken");
    assert!(matches!(error, Error::Taken(Unique::UserEmail)), "{error}");
    let same_id = User { external_id: external_id.clone(), ..user(acme.organization_id(), "carl") };
    let error = change(&world, acme, async |tx| tx.insert_user(acme, &same_id).await).await.expect_err("taken");
    assert!(matches!(error, Error::Taken(Unique::UserExternalId)), "{error}");
    let elsewhere = User { external_id, ..user(beta.organization_id(), "dora") };
    change(&world, beta, async |tx| tx.insert_user(beta, &elsewhere).await).await.expect("a user");
}

#[tokio::test]
async fn users_are_paged_by_name_and_searched_by_name_and_address() {
    let world = World::new().await;
    let acme = &world.acme.tenant;
    for text in ["zoe", "bob", "bobby"] {
        let it = user(acme.organization_id(), text);
        change(&world, acme, async |tx| tx.insert_user(acme, &it).await).await.expect("a user");
    }
    let mut reader = world.store.read().await.expect("a reader");
    let cases =
        [(None, 4), (Some("BOB"), 2), (Some("zoe@"), 1), (Some("example.com"), 4), (Some("%"), 0), (Some("_"), 0)];
    for (search, expected) in cases {
        let filter = UserFilter { search: search.map(str::to_owned) };
        let (mut found, mut request) = (Vec::new(), PageRequest::first(2));
        loop {
            let page = reader.page_users(acme, &filter, &request).await.expect("a page");
            found.extend(page.rows.into_iter().map(|it| it.name.key()));
            match page.next {
                Some(next) => request.after = Some(next),
                None => break,
            }
        }
        assert!(found.is_sorted() && found.len() == expected, "{search:?}: {found:?}");
    }
}

#[tokio::test]
async fn nearest_membership_counts_and_members_above_are_visible_below() {
    let world = World::new().await;
    let acme = &world.acme.tenant;
    let site = organization(Some(acme.organization_id()), "site");
    let site_tenant = tenant(site.id);
    let nearer = member(site.id, world.acme.user.id, world.readonly.id);
    change(&world, acme, async |tx| {
        tx.insert_organization(acme, &site).await?;
        tx.insert_member(&site_tenant, &nearer).await
    })
    .await
    .expect("a membership");
    let ann: UserId = world.acme.user.id;
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_standing(&site_tenant, ann).await.expect("an answer");
    assert_eq!(found, Some((nearer.clone(), world.readonly.clone())));
    let (member, role) = reader.find_standing(acme, ann).await.expect("an answer").expect("a membership");
    assert_eq!((&member, role.id), (&world.acme.member, world.acme.member.role_id));
    assert_eq!(reader.find_standing(&world.root, ann).await.expect("an answer"), None, "none reaches up");
    assert_eq!(reader.find_member_of_user(&site_tenant, ann).await.expect("an answer"), Some(nearer.clone()));
    drop(reader);
    change(&world, &site_tenant, async |tx| tx.delete_member(&site_tenant, nearer.id, 1).await).await.expect("an end");
    let mut reader = world.store.read().await.expect("a reader");
    let (member, _) = reader.find_standing(&site_tenant, ann).await.expect("an answer").expect("a membership");
    assert_eq!(member, world.acme.member);
    assert_eq!(reader.find_member_of_user(&site_tenant, ann).await.expect("an answer"), None);
    assert!(reader.find_user(&site_tenant, ann).await.expect("an answer").is_some());
    assert!(
        reader.find_user(&world.root, ann).await.expect("an answer").is_none(),
        "the root reads below as a tenant of there"
    );
    let places = reader.find_places_below(&world.root, ann, 10).await.expect("organizations");
    assert_eq!(places, [world.acme.organization.id]);
}

#[tokio::test]
async fn user_is_a_member_of_an_organization_once_and_with_a_role_that_can_be_given_there() {
    let world = World::new().await;
    let (acme, beta) = (&world.acme.tenant, &world.beta.tenant);
    let again = member(acme.organization_id(), world.acme.user.id, world.readonly.id);
    let error = change(&world, acme, async |tx| tx.insert_member(acme, &again).await).await.expect_err("taken");
    assert!(matches!(error, Error::Taken(Unique::Membership)), "{error}");
    let foreign = role(beta, "Foreign");
    change(&world, beta, async |tx| tx.insert_role(beta, &foreign).await).await.expect("a role");
    let mut changed = world.acme.member.clone();
    (changed.role_id, changed.version) = (foreign.id, 2);
    let refused = change(&world, acme, async |tx| tx.update_member(acme, &changed, 1).await).await;
    assert!(matches!(refused, Err(Error::Missing)));
    changed.role_id = world.readonly.id;
    changed.extra_permissions = PermissionSet::parse(&["a:read"]).expect("permissions");
    change(&world, acme, async |tx| tx.update_member(acme, &changed, 1).await).await.expect("a change");
    let stale = change(&world, acme, async |tx| tx.update_member(acme, &changed, 1).await).await;
    assert!(matches!(stale, Err(Error::VersionMismatch)));
    let mut reader = world.store.read().await.expect("a reader");
    let page = reader.page_members(acme, &PageRequest::default()).await.expect("a page");
    assert_eq!((&page.rows[0].member, &page.rows[0].user), (&changed, &world.acme.user));
    assert_eq!(page.rows[0].role_name, world.readonly.name);
}

#[tokio::test]
async fn members_are_paged_by_the_names_of_their_users() {
    let world = World::new().await;
    let acme = &world.acme.tenant;
    for text in ["zoe", "bob", "carl"] {
        let person = user(acme.organization_id(), text);
        let it = member(acme.organization_id(), person.id, world.admin.id);
        change(&world, acme, async |tx| {
            tx.insert_user(acme, &person).await?;
            tx.insert_member(acme, &it).await
        })
        .await
        .expect("a member");
    }
    let mut reader = world.store.read().await.expect("a reader");
    let (mut found, mut request) = (Vec::new(), PageRequest::first(2));
    loop {
        let page = reader.page_members(acme, &request).await.expect("a page");
        found.extend(page.rows.into_iter().map(|it| it.user.name.to_string()));
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, ["acme-ann", "bob", "carl", "zoe"]);
}

#[tokio::test]
async fn roles_of_an_organization_and_of_those_above_can_be_given_there() {
    let world = World::new().await;
    let acme = &world.acme.tenant;
    let own = role(acme, "Editor");
    let same_as_above = role(acme, "ReadOnly");
    change(&world, acme, async |tx| {
        tx.insert_role(acme, &own).await?;
        tx.insert_role(acme, &same_as_above).await
    })
    .await
    .expect("roles");
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.find_role(acme, own.id).await.expect("an answer"), Some(own.clone()));
    assert_eq!(reader.find_role(acme, world.admin.id).await.expect("an answer").as_ref(), Some(&world.admin));
    assert_eq!(reader.find_role(&world.root, own.id).await.expect("an answer"), None);
    let nearest = reader.find_role_by_name(acme, &name("READONLY")).await.expect("an answer");
    assert_eq!(nearest, Some(same_as_above));
    let built_in = reader.find_built_in_role(acme, BuiltIn::Readonly).await.expect("an answer");
    assert_eq!(built_in.as_ref(), Some(&world.readonly));
    let page = reader.page_roles(acme, &PageRequest::first(3)).await.expect("a page");
    let names: Vec<_> = page.rows.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["admin", "Editor", "readonly"]);
    let page = reader.page_roles(acme, &PageRequest { after: page.next, limit: 3 }).await.expect("a page");
    assert_eq!(page.rows.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["ReadOnly"]);
}

#[tokio::test]
async fn role_that_somebody_has_is_not_deleted() {
    let world = World::new().await;
    let acme = &world.acme.tenant;
    let it = role(acme, "Editor");
    let mut holder = world.acme.member.clone();
    (holder.role_id, holder.version) = (it.id, 2);
    let (mut key, secret, _) = world.key(&world.acme, "CI");
    key.role_id = Some(it.id);
    change(&world, acme, async |tx| {
        tx.insert_role(acme, &it).await?;
        tx.update_member(acme, &holder, 1).await?;
        tx.insert_key(acme, &key, std::slice::from_ref(&secret)).await
    })
    .await
    .expect("a role with holders");
    let count =
        async || world.store.read().await.expect("a reader").count_role_uses(acme, it.id).await.expect("a count");
    let delete = async || change(&world, acme, async |tx| tx.delete_role(acme, it.id, 1).await).await;
    assert_eq!(count().await, RoleUses { members: 1, keys: 1 });
    assert!(matches!(delete().await, Err(Error::InUse)));
    (holder.role_id, holder.version) = (world.readonly.id, 3);
    change(&world, acme, async |tx| tx.update_member(acme, &holder, 2).await).await.expect("a change");
    assert!(matches!(delete().await, Err(Error::InUse)), "a key still has it");
    world.revoke_key(&world.acme, &key).await;
    assert_eq!(count().await, RoleUses::default());
    assert!(matches!(
        change(&world, acme, async |tx| tx.delete_role(acme, it.id, 9).await).await,
        Err(Error::VersionMismatch)
    ));
    delete().await.expect("an end");
    assert!(matches!(delete().await, Err(Error::Missing)));
    let mut reader = world.store.read().await.expect("a reader");
    let row = reader.find_key_row(acme, key.id, now()).await.expect("an answer").expect("the revoked key");
    assert_eq!(row.role_name, None);
}

#[tokio::test]
async fn role_changes_and_keeps_its_name_to_itself() {
    let world = World::new().await;
    let acme = &world.acme.tenant;
    let mut it = role(acme, "Editor");
    change(&world, acme, async |tx| tx.insert_role(acme, &it).await).await.expect("a role");
    let twin = role(acme, "ＥＤＩＴＯＲ");
    let error = change(&world, acme, async |tx| tx.insert_role(acme, &twin).await).await.expect_err("taken");
    assert!(matches!(error, Error::Taken(Unique::RoleName)), "{error}");
    (it.name, it.api_access, it.version) = (name("Writer"), false, 2);
    it.permissions = PermissionSet::nothing();
    change(&world, acme, async |tx| tx.update_role(acme, &it, 1).await).await.expect("a change");
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.find_role(acme, it.id).await.expect("an answer"), Some(it));
}

#[tokio::test]
async fn api_serves_its_organization_and_those_below() {
    let world = World::new().await;
    let (acme, beta) = (&world.acme.tenant, &world.beta.tenant);
    let mut own = api(acme, "acme-api", "ac");
    change(&world, acme, async |tx| tx.insert_api(acme, &own).await).await.expect("an api");
    (own.name, own.version) = (name("Renamed"), 2);
    change(&world, acme, async |tx| tx.update_api(acme, &own, 1).await).await.expect("a change");
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.find_api(acme, own.id).await.expect("an answer"), Some(own.clone()));
    assert_eq!(reader.find_api_by_slug(acme, "default").await.expect("an answer").as_ref(), Some(&world.api));
    assert_eq!(reader.find_api_by_slug(beta, "acme-api").await.expect("an answer"), None);
    let slugs = reader.find_apis(acme).await.expect("apis").into_iter().map(|it| it.slug.to_string());
    assert_eq!(slugs.collect::<Vec<_>>(), ["acme-api", "data-loader", "default"]);
    drop(reader);
    for (wrong, what) in
        [(api(beta, "acme-api", "xx"), Unique::ApiSlug), (api(beta, "beta-api", "ac"), Unique::ApiPrefix)]
    {
        let error = change(&world, beta, async |tx| tx.insert_api(beta, &wrong).await).await.expect_err("taken");
        assert!(matches!(error, Error::Taken(it) if it == what), "{error}");
    }
}
