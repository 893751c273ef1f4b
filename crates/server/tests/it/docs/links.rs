//! No link of the documentation leads nowhere: neither of what the server shows nor of what lies in the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The identifiers that code hosts give to the headings of a file.
fn headings(text: &str) -> BTreeSet<String> {
    let slug = |line: &str| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    };
    text.lines().filter(|it| it.starts_with('#')).map(slug).collect()
}

/// The links of a text in Markdown that are not within code.
fn links_of(text: &str) -> Vec<String> {
    let plain: String = text.split("```").step_by(2).collect();
    plain.split("](").skip(1).filter_map(|it| Some(it.split_once(')')?.0.to_owned())).collect()
}

/// What a file links to and is not there, where `served` says what the server has besides.
fn dead_links(file: &Path, served: &[&str]) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let is_dead = |link: &String| {
        if ["https://", "http://", "mailto:"].iter().any(|it| link.starts_with(it)) || served.contains(&link.as_str()) {
            return false;
        }
        let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() { file.to_owned() } else { file.parent().unwrap().join(path) };
        if !target.exists() {
            return true;
        }
        !fragment.is_empty() && !headings(&std::fs::read_to_string(target).unwrap_or_default()).contains(fragment)
    };
    links_of(&text).into_iter().filter(is_dead).map(|link| format!("{}: {link}", file.display())).collect()
}

#[test]
fn every_link_of_the_repositorys_documents_leads_somewhere() {
    let root = root();
    let in_folder = |folder: &str| {
        let files = std::fs::read_dir(root.join(folder)).unwrap().map(|it| it.unwrap().path());
        files.filter(|it| it.extension().is_some_and(|it| it == "md")).collect::<Vec<_>>()
    };
    let files: Vec<_> = ["", "docs", "crates/server/src/docs/guides"].into_iter().flat_map(in_folder).collect();
    assert!(files.len() > 20, "{files:?}");
    // Of a guide this leads to the server that shows it.
    let dead: Vec<_> = files.iter().flat_map(|it| dead_links(it, &["/docs/api"])).collect();
    assert_eq!(dead, [""; 0]);
}

// The control.
#[test]
fn a_dead_link_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.md");
    std::fs::write(&file, "# A b\n[x](#a-b) [y](#c) [z](b.md) [w](https://example.com/b.md)\n```\n[v](c.md)\n```\n")
        .unwrap();
    let dead = dead_links(&file, &[]);
    assert!(dead.len() == 2 && dead[0].ends_with("#c") && dead[1].ends_with("b.md"), "{dead:?}");
}
