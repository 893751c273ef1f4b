//! What hosts say of their own apis.

use claviger_core::api::{Api, ApiDocument, DocumentHead};
use claviger_core::id::OrganizationId;
use claviger_core::name::{Name, Slug};
use claviger_core::tenant::Tenant;

use crate::world::{World, api, event, now, tenant};

fn document(api: &Api, guide: Option<&str>, position: u16, body: &str) -> ApiDocument {
    let head = DocumentHead {
        api_id: api.id,
        organization_id: api.organization_id,
        api_version: "1.0".parse().expect("a version"),
        guide: guide.map(|it| Slug::parse(it).expect("a slug")),
        title: Name::parse("Title").expect("a name"),
        position,
        bytes: body.len() as u64,
        version: 1,
        updated_at: now(),
    };
    ApiDocument { head, body: body.into() }
}

async fn put(world: &World, by: &Tenant, api: &Api, documents: &[ApiDocument]) {
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_api(by, api).await.expect("an api");
    for it in documents {
        tx.put_document(by, it).await.expect("a document");
    }
    tx.commit(event(by, api.id)).await.expect("a commit");
}

fn root(world: &World) -> OrganizationId {
    world.acme.organization.parent_id.expect("the root")
}

#[tokio::test]
async fn documents_of_the_root_are_found_in_their_order_and_no_others_by_everybody() {
    let world = World::new().await;
    let (top, acme) = (tenant(root(&world)), world.acme.tenant.clone());
    let (ours, theirs) = (api(&top, "contacts", "co"), api(&acme, "theirs", "th"));
    let documents = [
        document(&ours, Some("workflows"), 20, "# Workflows"),
        document(&ours, Some("forms"), 30, "# Forms"),
        document(&ours, Some("trigger-links"), 20, "# Trigger links"),
        document(&ours, None, 0, "{}"),
    ];
    put(&world, &top, &ours, &documents).await;
    put(&world, &acme, &theirs, &[document(&theirs, None, 0, "{}")]).await;

    let mut reader = world.store.read().await.expect("a reader");
    let (apis, heads) = reader.find_published_unchecked().await.expect("what is published");
    assert!(apis.contains(&ours) && !apis.contains(&theirs), "{apis:?}");
    let guides: Vec<_> = heads.iter().map(|it| it.guide.as_ref().map_or("", Slug::as_str)).collect();
    assert_eq!(guides, ["", "trigger-links", "workflows", "forms"]);
    for head in &heads {
        let found = reader.find_published_document_unchecked(head).await.expect("a document").expect("a document");
        assert_eq!(Some(&found), documents.iter().find(|it| it.head == *head));
    }
    // Below, one reads what serves there; by everybody, nothing of Acme's is found.
    assert_eq!(reader.find_documents(&acme, ours.id).await.expect("documents"), heads);
    let of_acme = document(&theirs, None, 0, "{}").head;
    assert_eq!(reader.find_published_document_unchecked(&of_acme).await.expect("none"), None);
    assert_eq!(reader.count_document_bytes(&acme).await.expect("a number"), 2);
}

#[tokio::test]
async fn a_document_takes_the_place_of_the_one_before_and_ends_with_its_api() {
    let world = World::new().await;
    let acme = world.acme.tenant.clone();
    let api = api(&acme, "contacts", "co");
    let first = document(&api, Some("forms"), 1, "# Forms");
    put(&world, &acme, &api, std::slice::from_ref(&first)).await;
    let second = ApiDocument { head: DocumentHead { version: 2, bytes: 3, ..first.head.clone() }, body: "new".into() };
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.put_document(&acme, &second).await.expect("a document");
    tx.commit(event(&acme, api.id)).await.expect("a commit");
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_document(&acme, api.id, &first.head.api_version, first.head.guide.as_ref()).await;
    assert_eq!(found.expect("a document"), Some(second));
    drop(reader);

    let mut tx = world.store.begin().await.expect("a transaction");
    tx.delete_api(&acme, api.id, 1, now()).await.expect("deleted");
    tx.commit(event(&acme, api.id)).await.expect("a commit");
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.count_document_bytes(&acme).await.expect("a number"), 0);
}
