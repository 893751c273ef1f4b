//! The documentation that the server shows, over real connections.

mod host;
mod links;
mod snippets;

use std::collections::BTreeSet;

use claviger_core::decision::Code;
use claviger_core::event::EventKind;
use claviger_core::limits::DOCS_QUERY_CHARS_MAX;
use claviger_core::reject::RejectCode;
use scraper::{Html, Selector};

use crate::api::client::{Answer, Client};
use crate::app::TestApp;

const GUIDES: [&str; 12] = [
    "getting-a-key",
    "using-a-key",
    "refusals",
    "rotating",
    "lost-key",
    "leaked-key",
    "best-practice",
    "webhooks",
    "events",
    "history",
    "checking-keys",
    "embedding",
];

fn anyone(app: &TestApp) -> Client {
    Client::new(&app.url(""), None)
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

fn html(answer: &Answer) -> Html {
    Html::parse_document(&answer.text)
}

/// The text of everything that a selector means, one after the other.
fn texts(page: &Html, wanted: &str) -> Vec<String> {
    page.select(&selector(wanted)).map(|it| it.text().collect::<String>().trim().to_owned()).collect()
}

/// One attribute of everything that a selector means.
fn attributes(page: &Html, wanted: &str, name: &str) -> Vec<String> {
    page.select(&selector(wanted)).filter_map(|it| it.attr(name)).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_guide_is_a_page_that_needs_no_script_and_no_credential() {
    let app = TestApp::new().await;
    let anyone = anyone(&app);
    let mut seen = BTreeSet::new();
    for path in
        GUIDES.iter().map(|it| format!("/docs/{it}")).chain(["/docs".to_owned(), "/docs/search?q=key".to_owned()])
    {
        let answer = anyone.get(&path).await.expect(200);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let page = html(&answer);
        assert_eq!(attributes(&page, "html", "lang"), ["en"], "{path}");
        assert_eq!(texts(&page, "h1").len(), 1, "{path}");
        assert!(texts(&page, "title")[0].ends_with("· Documentation · Claviger"), "{path}");
        let description = attributes(&page, "meta[name=description]", "content");
        assert!(description.len() == 1 && description[0].len() > 20, "{path}: {description:?}");
        assert!(seen.insert(description[0].clone()), "{path}: each page has a description of its own");
        assert_eq!(texts(&page, "style, [style], iframe, object, base, script:not([src])"), [""; 0], "{path}");
        let ids = attributes(&page, "[id]", "id");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{path}: each id stands once");
        for id in attributes(&page, "[data-copy]", "data-copy") {
            assert!(ids.contains(&id), "{path}: nothing to copy at {id}");
        }
        // What a script would show is hidden until there is one; the tabs are open without it.
        assert_eq!(texts(&page, "[data-copy]:not([hidden])"), [""; 0], "{path}");
        assert_eq!(texts(&page, ".tabs").len(), texts(&page, ".tabs > details[open]:first-child").len(), "{path}");
    }
    assert_eq!(anyone.get("/docs/").await.expect(308).header("location"), "/docs");
}

// S1.16 S1.17: the answer to who lost a key is to generate a new one, and to deactivate the old one.
#[tokio::test]
async fn the_guides_say_what_the_sources_of_the_behaviours_send_people_to_them_for() {
    let app = TestApp::new().await;
    let anyone = anyone(&app);
    for (path, words) in [
        ("/docs/lost-key", &["Generate a new one", "Deactivate the old one"][..]),
        // S1.15
        ("/docs/best-practice", &["As few rights as it needs", "Where a key belongs", "Efficient use"]),
        (
            "/docs/using-a-key",
            &[
                "Authorization: Bearer",
                "X-Api-Key",
                "Basic: user and password",
                "accessKey and secretKey",
                "In the address: ?api_key=",
            ],
        ),
        ("/docs/webhooks", &["Zapier", "Subscribe", "How a delivery is made"]),
        ("/docs/history", &["Check the chain", "What was done with a key"]),
    ] {
        let page = html(&anyone.get(path).await.expect(200));
        let headings = texts(&page, ".prose h2");
        for word in words {
            assert!(headings.iter().any(|it| it == word), "{path}: {headings:?}");
        }
        assert_eq!(texts(&page, ".on-page a"), headings, "{path}: the page's contents are its headings");
    }
}

#[tokio::test]
async fn the_tables_of_a_guide_are_those_of_the_code() {
    let app = TestApp::new().await;
    let anyone = anyone(&app);
    let refusals = html(&anyone.get("/docs/refusals").await.expect(200));
    let rows: BTreeSet<Vec<String>> = refusals
        .select(&selector(".prose tbody tr"))
        .map(|row| row.select(&selector("th, td")).map(|it| it.text().collect()).collect())
        .collect();
    let plain = |text: &str| text.replace('`', "");
    let row = |code: RejectCode, name: &str| {
        vec![name.to_owned(), code.http_status().to_string(), plain(code.meaning()), plain(code.fix())]
    };
    let decided = Code::ALL.into_iter().map(|it| row(RejectCode::Decision(it), it.as_str()));
    let own = RejectCode::OWN.into_iter().map(|it| row(it, it.as_str()));
    assert_eq!(rows, decided.chain(own).collect());

    // The console leads from a refused request to its row.
    let ids = attributes(&refusals, "tr[id]", "id");
    assert!(Code::ALL.iter().all(|it| ids.iter().any(|id| id == it.as_str())), "{ids:?}");

    let events = html(&anyone.get("/docs/events").await.expect(200));
    let told = texts(&events, ".prose tbody th");
    assert_eq!(told, EventKind::ALL.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>());
    // Each can be linked to.
    let ids = attributes(&events, "tr[id]", "id");
    assert_eq!(ids, told);
}

#[tokio::test]
async fn every_guide_is_there_as_markdown_with_the_readers_address() {
    let app = TestApp::new().await;
    let anyone = anyone(&app);
    let list = anyone.get("/docs/llms.txt").await.expect(200);
    assert_eq!(list.header("content-type"), "text/plain; charset=utf-8");
    for guide in GUIDES {
        let page = html(&anyone.get(&format!("/docs/{guide}")).await.expect(200));
        let markdown = anyone.get(&format!("/docs/{guide}.md")).await.expect(200);
        assert_eq!(markdown.header("content-type"), "text/markdown; charset=utf-8");
        assert_eq!(texts(&page, "#markdown"), [markdown.text.trim()], "{guide}: what is copied is what is served");
        assert!(markdown.text.starts_with(&format!("# {}\n", texts(&page, "h1")[0])), "{guide}");
        for text in [&markdown.text, &list.text] {
            assert!(!text.contains("https://keys.example.com") && !text.contains("<!--"), "{guide}");
        }
        assert!(list.text.contains(&format!("({}/docs/{guide}.md)", app.url(""))), "{guide}: {}", list.text);
    }
    let here = app.url("/api/v1/me");
    assert!(anyone.get("/docs/using-a-key").await.expect(200).text.contains(&format!("curl {here}")));
    let by_name =
        anyone.get_with("/docs/using-a-key", &[("host", "keys.acme.example"), ("x-forwarded-proto", "https")]).await;
    assert!(by_name.text.contains("curl https://keys.acme.example/api/v1/me"));
    // A name that is none gets into no page.
    let hostile = anyone.get_with("/docs/using-a-key", &[("host", "a\"b"), ("x-forwarded-proto", "https")]).await;
    assert!(!hostile.text.contains("a\"b") && hostile.text.contains("curl https://keys.example.com/api/v1/me"));
}

// An address that cannot be a session's shows the documentation all the same: nothing of it is secret.
#[tokio::test]
async fn a_page_is_read_from_afar_and_loaded_once() {
    let app = TestApp::new().await;
    let anyone = anyone(&app);
    let afar = anyone.get_with("/docs/rotating", &[("host", "10.0.0.1:7400")]).await.expect(200);
    assert!(afar.text.contains("http://10.0.0.1:7400/api/v1/"));
    for path in ["/docs", "/docs/rotating", "/docs/rotating.md", "/docs/llms.txt"] {
        let first = anyone.get(path).await.expect(200);
        let etag = first.header("etag").to_owned();
        assert!(etag.len() > 10 && first.header("cache-control") == "private, no-cache", "{path}: {etag}");
        let again = anyone.get_with(path, &[("if-none-match", &etag)]).await.expect(304);
        assert!(again.text.is_empty() && again.header("etag") == etag, "{path}");
        anyone.get_with(path, &[("if-none-match", "\"other\"")]).await.expect(200);
    }
    // What is read from another address is another content: its pieces of code call that.
    let near = anyone.get("/docs/rotating.md").await.expect(200);
    let afar = anyone.get_with("/docs/rotating.md", &[("host", "10.0.0.1:7400")]).await.expect(200);
    assert_ne!(near.header("etag"), afar.header("etag"));
    // The theme that was chosen at the console holds here too, and is another content.
    let dark = anyone.get_with("/docs", &[("cookie", "look=dark.absolute.on")]).await.expect(200);
    assert_eq!(attributes(&html(&dark), "html", "data-theme"), ["dark"]);
    let plain = anyone.get("/docs").await.expect(200);
    assert_eq!(attributes(&html(&plain), "html", "data-theme"), [""; 0]);
    assert_ne!(dark.header("etag"), plain.header("etag"));
}

#[tokio::test]
async fn a_search_finds_guides_and_operations() {
    let app = TestApp::new().await;
    let anyone = anyone(&app);
    for (words, expected) in [
        ("rotate", &["/docs/rotating", "/docs/api#tag/keys/POST/"][..]),
        ("401", &["/docs/refusals#"]),
        ("Zapier", &["/docs/webhooks#zapier"]),
        ("lost key", &["/docs/lost-key"]),
    ] {
        let answer = anyone.get(&format!("/docs/search?q={}", words.replace(' ', "+"))).await.expect(200);
        let page = html(&answer);
        let found = attributes(&page, ".found a", "href");
        for it in expected {
            assert!(found.iter().any(|found| found.starts_with(it)), "{words}: {found:?}");
        }
        assert!(!texts(&page, ".found mark").is_empty(), "{words}: what was found is marked");
        assert_eq!(attributes(&page, "#q", "value"), [words]);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn what_no_search_finds_is_said_and_so_is_what_cannot_be_searched() {
    let app = TestApp::new().await;
    let anyone = anyone(&app);
    let none = anyone.get("/docs/search?q=teapot").await.expect(200);
    assert!(texts(&html(&none), ".empty h2")[0].contains("teapot"));
    for query in ["", "?q=", "?q=+", "?other=1"] {
        let page = html(&anyone.get(&format!("/docs/search{query}")).await.expect(200));
        assert_eq!((texts(&page, ".found").len(), texts(&page, ".empty").len()), (0, 0), "{query}");
    }
    let longest = "é".repeat(DOCS_QUERY_CHARS_MAX);
    anyone.get(&format!("/docs/search?q={longest}")).await.expect(200);
    let long = anyone.get(&format!("/docs/search?q={longest}x")).await.expect(400);
    assert!(texts(&html(&long), "#q-error")[0].contains(&DOCS_QUERY_CHARS_MAX.to_string()));
    anyone.get("/docs/search?q=a&q=b").await.expect(400);
    for hostile in ["<script>alert(1)</script>", "\"><img src=x>", "' onfocus='x", "%00", "{{ 1 }}", "%ff"] {
        let answer = anyone.get(&format!("/docs/search?q={hostile}")).await;
        assert!(answer.status < 500, "{hostile}");
        let page = html(&answer);
        assert_eq!(texts(&page, "main script, main img, [onfocus]"), [""; 0], "{hostile}");
        assert_eq!(texts(&page, "#q").len(), 1, "{hostile}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_page_with_a_search() {
    let app = TestApp::new().await;
    let anyone = anyone(&app);
    for path in [
        "/docs/nothing",
        "/docs/nothing.md",
        "/docs/.md",
        "/docs/%ff",
        "/docs/rotating/x",
        "/docs/Rotating",
        "/docs/rotating.md.md",
    ] {
        let answer = anyone.get(path).await.expect(404);
        let page = html(&answer);
        assert_eq!(texts(&page, "h1"), ["There is no such page"], "{path}");
        assert_eq!(attributes(&page, "main form", "action"), ["/docs/search"], "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = anyone.send(anyone.request(method, "/docs/rotating")).await.expect(405);
        assert!(answer.header("allow").contains("GET"), "{answer:?}");
    }
    // The reference of the API is another surface, and answers as the API does.
    assert_eq!(anyone.get("/docs/api/nothing").await.refusal(), (404, "not_found".to_owned()));
    anyone.get("/docs/api").await.expect(200);
}
