//! What a change of a role would touch, told before it is made.

use claviger_core::event::Stream;
use serde_json::{Value, json};

use super::fixture::Fixture;

// Whoever takes API access from a role is told beforehand whose keys stop working.
#[tokio::test]
async fn a_preview_counts_the_members_and_keys_that_a_change_touches_and_changes_nothing() {
    let it = Fixture::start().await;
    let role = it.create_role("Exporter", &["contacts:read", "contacts:update"]).await;
    let holder = it.create_member("Ann", &role).await;
    it.create_key(json!({"name": "Owned", "owner_id": holder})).await;
    let mapped = it.create_key(json!({"name": "Mapped", "mapped_user_id": holder})).await;
    it.create_key(json!({"name": "With the role", "role_id": role})).await;
    it.create_key(json!({"name": "Of nobody concerned"})).await;
    let gone = it.create_key(json!({"name": "Gone", "owner_id": holder, "mapped_user_id": holder})).await;
    it.revoke(&gone.id).await;
    let head = async || it.app.app.store().read().await.unwrap().head(Stream::Change).await.unwrap();
    let before = head().await;
    let path = it.at(&format!("/roles/{role}/preview"));
    let preview = async |change: Value| it.admin.post(&path, change).await.expect(200).json();
    let names = |found: &Value, list: &str| {
        let mut names: Vec<_> =
            found[list].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let access = preview(json!({"api_access": false})).await;
    assert_eq!((&access["permissions"], &access["role"]["api_access"]), (&json!("same"), &json!(false)));
    assert_eq!((names(&access, "members"), names(&access, "keys")), (vec!["Ann".to_owned()], vec!["Owned".to_owned()]));
    assert_eq!(
        (&access["member_count"], &access["key_count"], &access["is_partial"]),
        (&json!(1), &json!(1), &json!(false))
    );

    let narrower = preview(json!({"permissions": ["contacts:read"]})).await;
    assert_eq!(narrower["permissions"], "narrower");
    assert_eq!(names(&narrower, "keys"), ["Mapped", "With the role"]);
    assert_eq!(narrower["keys"].as_array().unwrap().iter().filter(|key| key["id"] == mapped.id.as_str()).count(), 1);
    for (permissions, comparison) in
        [(json!(["contacts:read", "contacts:update", "a:read"]), "wider"), (json!(["a:read"]), "different")]
    {
        assert_eq!(preview(json!({"permissions": permissions})).await["permissions"], comparison);
    }
    let both = preview(json!({"permissions": [], "api_access": false})).await;
    assert_eq!(both["key_count"], 3);
    let named = preview(json!({"name": "Renamed"})).await;
    assert_eq!((&named["key_count"], &named["member_count"]), (&json!(0), &json!(0)), "nobody feels another name");
    assert_eq!(head().await, before, "a preview leaves no event");
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_by_the_preview_too() {
    let it = Fixture::start().await;
    let admin = it.built_in_role("admin").await;
    let refused = it.admin.post(&it.at(&format!("/roles/{admin}/preview")), json!({"api_access": false})).await;
    assert_eq!(refused.refusal(), (409, "state_conflict".to_owned()));
    let member = it.built_in_role("member").await;
    let path = it.at(&format!("/roles/{member}/preview"));
    assert_eq!(it.admin.post(&path, json!({"permissions": ["no permission"]})).await.pointers(), ["/permissions"]);
    let below = it.create_organization("Below").await;
    let role = it.create_role("Above", &[]).await;
    let from_below = it.admin.post(&format!("/api/v1/organizations/{below}/roles/{role}/preview"), json!({})).await;
    assert_eq!(from_below.refusal(), (409, "state_conflict".to_owned()));
}
