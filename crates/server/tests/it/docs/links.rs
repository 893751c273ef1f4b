//! No link of what the server shows leads nowhere. Those of the documents in the repository are looked at by `cargo xtask tidy`.

use std::collections::{BTreeMap, BTreeSet};

use super::{anyone, attributes, html};
use crate::api::document::documented;
use crate::app::TestApp;

/// The tags of the reference, which its renderer makes headings of.
fn tags() -> BTreeSet<String> {
    let operations = documented().into_values().flat_map(BTreeMap::into_values);
    operations.map(|it| it["tags"][0].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_link_within_the_documentation_leads_somewhere() {
    let app = TestApp::new().await;
    let anyone = anyone(&app);
    let (mut waiting, mut ids) = (vec!["/docs".to_owned()], BTreeMap::<String, BTreeSet<String>>::new());
    let mut links = BTreeSet::new();
    // Searches lead to operations.
    waiting.extend(["/docs/search?q=rotate", "/docs/search?q=webhook", "/docs/search?q=401"].map(str::to_owned));
    while let Some(path) = waiting.pop() {
        if ids.contains_key(&path) {
            continue;
        }
        let page = html(&anyone.get(&path).await.expect(200));
        ids.insert(path.clone(), attributes(&page, "[id]", "id").into_iter().collect());
        let found = attributes(&page, "[href]", "href").into_iter().chain(attributes(&page, "[src]", "src"));
        for href in found.collect::<BTreeSet<_>>() {
            let (target, fragment) = href.split_once('#').unwrap_or((&href, ""));
            let target = if target.is_empty() { path.as_str() } else { target };
            if target.starts_with("/docs")
                && !target.starts_with("/docs/api")
                && !target.ends_with(".md")
                && !target.ends_with(".txt")
            {
                waiting.push(target.to_owned());
            }
            links.insert((path.clone(), target.to_owned(), fragment.to_owned()));
        }
    }
    assert!(ids.len() > 14 && links.len() > 100, "{} pages, {} links", ids.len(), links.len());
    let mut others = BTreeSet::new();
    for (from, target, fragment) in &links {
        match ids.get(target) {
            Some(ids) => assert!(fragment.is_empty() || ids.contains(fragment), "{from} leads to {target}#{fragment}"),
            None if target == "/docs/api" => {
                let tag = fragment.split('/').nth(1).unwrap_or_default();
                assert!(fragment.is_empty() || tags().contains(tag), "{from} leads to {target}#{fragment}");
            }
            None if target.starts_with('/') => drop(others.insert(target.clone())),
            None => assert!(target.starts_with("https://"), "{from} leads to {target}"),
        }
    }
    for target in others.iter().filter(|it| *it != "/") {
        anyone.get(target).await.expect(200);
    }
}
