//! Lists come in pages, and together the pages are the list.

use std::collections::BTreeSet;

use serde_json::json;

use super::fixture::Fixture;

#[tokio::test]
async fn pages_follow_one_another_without_a_gap_or_a_repetition() {
    let it = Fixture::start().await;
    let mut made = BTreeSet::new();
    for n in 0..7 {
        made.insert(it.create_key(json!({"name": format!("Page {n}")})).await.id);
    }
    for order in ["created_at", "name", "expires_at"] {
        let mut path = it.at(&format!("/keys?limit=2&search=Page&sort={order}"));
        let mut seen = Vec::new();
        loop {
            let page = it.admin.get(&path).await.expect(200);
            let json = page.json();
            assert_eq!(json["total"], 7);
            seen.extend(json["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()));
            let Some(cursor) = json["next_cursor"].as_str() else {
                assert_eq!(page.header("link"), "");
                break;
            };
            let link =
                page.header("link").strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
            assert!(link.contains(cursor), "{link}");
            path = link;
        }
        assert_eq!(seen.len(), 7, "{order}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), made, "{order}");
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list_and_order() {
    let it = Fixture::start().await;
    for n in 0..3 {
        it.create_key(json!({"name": format!("Page {n}")})).await;
    }
    let first = it.admin.get(&it.at("/keys?limit=1&sort=name")).await.expect(200);
    let cursor = first.text_at("/next_cursor");
    it.admin.get(&it.at(&format!("/keys?limit=1&sort=name&cursor={cursor}"))).await.expect(200);
    for other in ["/keys?sort=created_at&", "/keys?", "/users?", "/organizations?"] {
        let answer = it.admin.get(&it.at(&format!("{other}cursor={cursor}"))).await;
        assert_eq!(
            (answer.refusal(), answer.pointers()),
            ((400, "invalid_field".into()), vec!["cursor".to_owned()]),
            "{other}"
        );
    }
}

#[tokio::test]
async fn every_list_has_pages() {
    let it = Fixture::start().await;
    let role = it.create_role("Extra", &[]).await;
    for name in ["A", "B", "C"] {
        it.create_organization(name).await;
        it.create_member(name, &role).await;
    }
    for list in ["organizations", "users", "members", "roles"] {
        let first = it.admin.get(&it.at(&format!("/{list}?limit=2"))).await.expect(200).json();
        assert_eq!(first["data"].as_array().unwrap().len(), 2, "{list}");
        let cursor = first["next_cursor"].as_str().unwrap_or_else(|| panic!("{list} has one page only"));
        let second = it.admin.get(&it.at(&format!("/{list}?limit=2&cursor={cursor}"))).await.expect(200).json();
        assert_ne!(first["data"][0]["id"], second["data"][0]["id"], "{list}");
    }
}

#[tokio::test]
async fn keys_are_sorted_by_every_column_in_both_directions() {
    let it = Fixture::start().await;
    let role_id = it.built_in_role("readonly").await;
    let later = it.days_from_now(10);
    it.create_key(json!({"name": "Row B", "expires_at": later})).await;
    it.advance_micros(1_000_000);
    let used = it.create_key(json!({"name": "Row A", "role_id": role_id})).await;
    it.advance_micros(1_000_000);
    let loader = it.create_key(json!({"name": "Row C", "api": "data-loader"})).await;
    it.admin.with(&used.token).get("/api/v1/me").await.expect(200);
    it.flush_uses().await;
    it.admin.post(&it.at(&format!("/keys/{}/deactivate", loader.id)), json!({})).await.expect(200);
    let names = async |query: &str| {
        let page = it.admin.get(&it.at(&format!("/keys?search=Row&{query}"))).await.expect(200).json();
        let name = |key: &serde_json::Value| key["name"].as_str().unwrap().replace("Row ", "");
        page["data"].as_array().unwrap().iter().map(name).collect::<String>()
    };
    for (sort, up, down) in [
        ("created_at", "BAC", "CAB"),
        ("name", "ABC", "CBA"),
        ("state", "BAC", "CAB"),
        // The data loader's keys end of themselves.
        ("expires_at", "BCA", "ACB"),
        ("api", "CBA", "ABC"),
        ("owner", "BAC", "CAB"),
        ("mapped_user", "BAC", "CAB"),
        ("origin", "BAC", "CAB"),
        // Those without one come last, whichever way; those never used as if used before all others.
        ("role", "ABC", "ACB"),
        ("last_used_at", "BCA", "ACB"),
    ] {
        assert_eq!(names(&format!("sort={sort}&direction=asc")).await, up, "{sort}");
        assert_eq!(names(&format!("sort={sort}&direction=desc")).await, down, "{sort}");
    }
    assert_eq!((names("").await, names("sort=last_used_at").await), ("CAB".into(), "ACB".into()));
    let first = it.admin.get(&it.at("/keys?limit=1&sort=name")).await.expect(200);
    let cursor = first.text_at("/next_cursor");
    let turned = it.admin.get(&it.at(&format!("/keys?limit=1&sort=name&direction=desc&cursor={cursor}"))).await;
    assert_eq!(turned.pointers(), ["cursor"]);
    it.admin.get(&it.at("/keys?sort=secret")).await.expect(400);
}
