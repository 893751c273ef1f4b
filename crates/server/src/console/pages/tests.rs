//! What holds for every page, whatever it shows.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::limits;
use proptest::prelude::*;
use scraper::{ElementRef, Html, Node, Selector};

use super::samples::{self, PLAIN, filled_with};
use crate::assets;
use crate::console::again::{LABELS, SECRET_FIELDS};

/// Text that would do harm if it were taken for markup, a path, a template or a command.
const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "</title></textarea></style><svg onload=alert(1)>",
    "{{ shell.viewer.email }}{% if true %}",
    "javascript:alert(1)//&lt;b&gt;&#60;",
    "]]><!--<bdo dir=rtl>",
];

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("a selector of this file")
}

fn pages() -> Vec<(&'static str, Html)> {
    samples::all(&PLAIN).into_iter().map(|(name, html)| (name, Html::parse_document(&html))).collect()
}

/// Every element with the names of its attributes, in order: what a text must never be able to change.
fn skeleton(html: &str) -> Vec<(String, Vec<String>)> {
    let document = Html::parse_document(html);
    document
        .root_element()
        .descendent_elements()
        .map(|it| (it.value().name().to_owned(), it.value().attrs().map(|(name, _)| name.to_owned()).collect()))
        .collect()
}

#[test]
fn every_page_parses_without_an_error_and_has_one_heading_of_the_first_level() {
    assert!(
        !Html::parse_document("<!doctype html><title>x</title><p></b>").errors.is_empty(),
        "the parser reports errors"
    );
    for (name, page) in pages() {
        assert_eq!(page.errors, Vec::<&str>::new(), "{name}");
        assert_eq!(page.select(&selector("h1")).count(), 1, "{name}");
        assert_eq!(page.select(&selector("main#main")).count(), 1, "{name}");
        // What is inside an image is not read out, and a bar may say its numbers to who points at it.
        let titles = page.select(&selector("title:not([role=img] *)")).count();
        assert_eq!(titles, 1, "{name}: svg titles would be read twice");
    }
}

#[test]
fn every_control_has_a_label() {
    for (name, page) in pages() {
        let labels: BTreeSet<_> = page.select(&selector("label[for]")).filter_map(|it| it.attr("for")).collect();
        for control in page.select(&selector("input:not([type=hidden]), select, textarea")) {
            let labelled = control.attr("aria-label").is_some()
                || control.attr("id").is_some_and(|it| labels.contains(it))
                || control.ancestors().filter_map(ElementRef::wrap).any(|it| it.value().name() == "label");
            assert!(labelled, "{name}: {}", control.html());
        }
        for pressed in page.select(&selector("button, a[href]")) {
            let words: String = pressed.text().collect();
            assert!(!words.trim().is_empty() || pressed.attr("aria-label").is_some(), "{name}: {}", pressed.html());
        }
    }
}

#[test]
fn no_id_stands_twice_and_every_reference_finds_one() {
    for (name, page) in pages() {
        let mut ids = BTreeSet::new();
        for element in page.select(&selector("[id]")) {
            let id = element.attr("id").expect("selected by it");
            assert!(ids.insert(id), "{name}: #{id} twice");
        }
        for (attribute, of) in [
            ("for", "label[for]"),
            ("aria-describedby", "[aria-describedby]"),
            ("popovertarget", "[popovertarget]"),
            ("data-copy", "[data-copy]"),
            ("data-reveal", "[data-reveal]"),
        ] {
            for element in page.select(&selector(of)) {
                for id in element.attr(attribute).expect("selected by it").split_ascii_whitespace() {
                    assert!(ids.contains(id), "{name}: {attribute}={id}");
                }
            }
        }
        for link in page.select(&selector("a[href^='#']")) {
            let id = &link.attr("href").expect("selected by it")[1..];
            assert!(ids.contains(id), "{name}: a summary links to #{id}");
        }
    }
}

#[test]
fn no_page_needs_what_the_content_security_policy_forbids() {
    for (name, page) in pages() {
        assert_eq!(page.select(&selector("style, base, iframe, object, embed")).count(), 0, "{name}");
        for script in page.select(&selector("script")) {
            assert!(script.attr("src").is_some_and(|it| it.starts_with(assets::PREFIX)), "{name}");
            assert_eq!(script.text().collect::<String>(), "", "{name}");
        }
        for element in page.root_element().descendent_elements() {
            for (attribute, value) in element.value().attrs() {
                assert!(attribute != "style" && !attribute.starts_with("on"), "{name}: {attribute}={value}");
                if matches!(attribute, "href" | "src" | "action") {
                    let own = value.starts_with(['#', '?']) || (value.starts_with('/') && !value.starts_with("//"));
                    // Documentation may be the host's, and a link alone leads there.
                    let host = element.value().name() == "a" && element.attr("rel") == Some("external");
                    let documented = host && value.starts_with("https://docs.acme.example/");
                    assert!(own || documented, "{name}: {attribute}={value} leaves this server");
                }
            }
        }
    }
}

#[test]
fn every_asset_and_icon_that_a_page_names_exists() {
    let sprite = String::from_utf8_lossy(
        &assets::find(&assets::url("icons.svg")[assets::PREFIX.len()..]).expect("embedded").body,
    );
    for (name, page) in pages() {
        for element in page.select(&selector("[href^='/assets/'], [src^='/assets/']")) {
            let url = element.attr("href").or_else(|| element.attr("src")).expect("selected by it");
            let (path, icon) = url.split_once('#').unwrap_or((url, ""));
            assert!(assets::find(&path[assets::PREFIX.len()..]).is_some(), "{name}: {url}");
            assert!(icon.is_empty() || sprite.contains(&format!("<symbol id=\"{icon}\"")), "{name}: no icon {icon}");
        }
    }
}

// Assurance S12; the policy on every answer is looked at by tests/it/console/browser.rs.
#[test]
fn hostile_text_changes_no_element_and_no_attribute_on_any_page() {
    let plain: BTreeMap<_, _> = samples::all(&filled_with("x")).into_iter().collect();
    for text in HOSTILE {
        for (name, html) in samples::all(&filled_with(text)) {
            assert_eq!(skeleton(&html), skeleton(&plain[name]), "{name} with {text}");
        }
    }
}

#[test]
fn free_text_stands_in_bdi_wherever_markup_may_stand() {
    let marked = "MARKED";
    let words = samples::Words { complaint: "Mend it.", typed: "typed", ..filled_with(marked) };
    for (name, html) in samples::all(&words) {
        let page = Html::parse_document(&html);
        for node in page.tree.nodes().filter(|it| matches!(it.value(), Node::Text(text) if text.contains(marked))) {
            let within = node
                .ancestors()
                .filter_map(ElementRef::wrap)
                .any(|it| matches!(it.value().name(), "bdi" | "title" | "option"));
            assert!(within, "{name}: {:?}", node.value());
        }
    }
}

// Such an element lays out its parts side by side, with room between them: a name would stand apart from its quotation marks.
#[test]
fn a_text_with_an_element_in_it_is_one_part_of_what_lays_out_its_parts() {
    for (name, page) in pages() {
        for element in page.select(&selector(".button, .item, .aside, .banner, .summary, .caution, .complaint, .gear"))
        {
            let is_text = |it: &Node| it.as_text().is_some_and(|it| it.chars().any(|it| !it.is_whitespace()));
            let is_words = |it: ElementRef<'_>| matches!(it.value().name(), "bdi" | "b" | "code" | "time" | "a");
            let texts = element.children().filter(|it| is_text(it.value())).count();
            let inline = element.children().filter_map(ElementRef::wrap).filter(|it| is_words(*it)).count();
            assert!(texts == 0 || inline == 0, "{name}: {}", element.html());
        }
    }
}

#[test]
fn a_page_of_25_rows_keeps_its_budget() {
    let pages: BTreeMap<_, _> = samples::all(&PLAIN).into_iter().collect();
    // That of an agency has them in several tables; one that is narrowed says so in some addresses.
    for name in ["keys-25", "keys-25-agency", "keys-25-agency-narrowed", "keys-25-narrowed"] {
        let bytes = pages[name].len();
        assert!(bytes < 60_000, "{name} has {bytes} bytes");
    }
}

// Whoever types learns how much there is room for before the server says that it was too much.
#[test]
fn text_fields_say_how_much_they_take() {
    let pages: BTreeMap<_, _> = pages().into_iter().collect();
    for (name, field, at_most) in [
        ("key-new", "name", limits::NAME_CHARS_MAX),
        ("key-edit", "description", limits::DESCRIPTION_CHARS_MAX),
        ("key-new", "scopes", limits::PERMISSIONS_MAX),
        ("key-new", "allowed_ips", limits::ALLOWED_IPS_MAX),
        ("webhook-new", "url", limits::TARGET_URL_BYTES_MAX),
        ("webhook-new", "entity", limits::TOPIC_WORD_BYTES_MAX),
        ("webhook-new", "operation", limits::TOPIC_WORD_BYTES_MAX),
        ("webhook-edit", "description", limits::DESCRIPTION_CHARS_MAX),
        ("member-invite", "name", limits::NAME_CHARS_MAX),
        ("member-edit", "email", limits::EMAIL_BYTES_MAX),
        ("role-new", "name", limits::NAME_CHARS_MAX),
        ("role-edit-built-in", "description", limits::DESCRIPTION_CHARS_MAX),
        ("role-edit", "permissions", limits::PERMISSIONS_MAX),
        ("organization-new", "name", limits::NAME_CHARS_MAX),
        ("organization-new", "slug", limits::SLUG_BYTES_MAX),
        ("organization-edit", "external_id", limits::EXTERNAL_ID_BYTES_MAX),
        ("api-rename", "name", limits::NAME_CHARS_MAX),
        ("api-version-new", "name", limits::API_VERSION_BYTES_MAX),
        ("api-version-edit", "label", limits::NAME_CHARS_MAX),
        ("api-version-edit", "docs_url", limits::DOCS_URL_BYTES_MAX),
        ("api-guide-edit", "title", limits::NAME_CHARS_MAX),
    ] {
        let page = &pages[name];
        let it = page.select(&selector(&format!("main [name={field}]"))).next().expect("a field");
        let hint = it.attr("aria-describedby").and_then(|it| it.split_whitespace().next()).expect("a hint");
        let said: String = page.select(&selector(&format!("[id='{hint}']"))).flat_map(|it| it.text()).collect();
        assert!(said.contains(&format!("t most {at_most}")), "{name} {field}: {said}");
        assert_eq!(it.attr("maxlength"), None, "{name} {field}: a browser would cut what is pasted without a word");
    }
}

// What somebody types who was signed out meanwhile goes along through the sign-in, but for this.
#[test]
fn every_field_of_a_form_that_may_go_along_is_called_what_people_know() {
    for (name, page) in pages() {
        for form in page.select(&selector("form[method=post][action^='/o/']")) {
            for field in form.select(&selector("[name]")) {
                let field = field.attr("name").expect("a name");
                let is_known = SECRET_FIELDS.contains(&field) || LABELS.iter().any(|it| it.0 == field);
                assert!(is_known, "{name}: {field}");
            }
        }
    }
}

#[test]
fn every_field_that_is_secret_is_known_as_one() {
    for (name, page) in pages() {
        for field in page.select(&selector("input[type=password], input[name=token]")) {
            let field = field.attr("name").expect("a field has a name");
            assert!(SECRET_FIELDS.contains(&field), "{name}: {field}");
        }
    }
}

#[test]
fn every_change_is_a_plain_form_with_a_button() {
    for (name, page) in pages() {
        for form in page.select(&selector("form")) {
            let method = form.attr("method").unwrap_or_default();
            assert!(matches!(method, "get" | "post"), "{name}: {}", form.html());
            assert!(
                form.select(&selector("button:not([type=button])")).next().is_some(),
                "{name}: a form without a button needs a script"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_text_changes_no_element_and_no_attribute_on_any_page(text in "[\\PC\\t<>&\"'`=/]{1,80}") {
        let plain: BTreeMap<_, _> = samples::all(&filled_with("x")).into_iter().collect();
        for (name, html) in samples::all(&filled_with(&text)) {
            prop_assert_eq!(skeleton(&html), skeleton(&plain[name]), "{}", name);
        }
    }
}

/// Writes every sample page to `target/pages/`, so that it can be looked at in a browser.
#[test]
fn samples_are_written_for_looking_at() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/pages");
    std::fs::create_dir_all(folder).expect("the target folder can be written");
    for (name, html) in samples::all(&PLAIN) {
        std::fs::write(format!("{folder}/{name}.html"), html).expect("the target folder can be written");
    }
}

#[test]
fn a_chart_says_how_high_it_is_and_what_is_what_without_its_colours() {
    let (_, page) = pages().into_iter().find(|it| it.0 == "key").expect("a key's page");
    let chart = page.select(&selector(".chart")).next().expect("a chart");
    let text: String = chart.text().collect();
    assert!(text.contains("Wide: passed · narrow, on top: refused"), "{text}");
    let scale: String = page.select(&selector(".chart > p")).flat_map(|it| it.text()).collect();
    assert!(scale.ends_with("requests") || scale.ends_with("request"), "{scale}");
    let drawn = |css: &str| page.select(&selector(css)).filter_map(|it| it.attr("d")).collect::<Vec<_>>();
    let (refused, passed) = (drawn(".chart path.denied"), drawn(".chart path:not(.denied):not([fill])"));
    assert!(!refused.is_empty() && refused.iter().all(|it| it.contains("h4v")), "{refused:?}");
    assert!(!passed.is_empty() && passed.iter().all(|it| it.contains("h8v")), "{passed:?}");
}
