use super::*;

#[test]
fn markup_within_a_text_is_shown_and_not_obeyed() {
    let html = render("## A\n\n<script>alert(1)</script>\n\nText <b onclick=\"x\">bold</b> and `<i>`.\n").html;
    assert!(!html.contains("<script") && !html.contains("<b ") && !html.contains("<i>"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
    let html =
        render("## A <form method=post action=/sign-out><button>Read on</button></form>\n\n<b>x</b>\n---\n").html;
    assert!(!html.contains("<form") && !html.contains("<button>Read") && !html.contains("<b>"), "{html}");
    assert!(html.contains("&lt;button&gt;Read on"), "{html}");
}

#[test]
fn a_small_text_of_a_host_makes_no_page_of_megabytes() {
    let of = |text: &str| render_with(text, Links::Below("/docs/apis/default/1.0")).html.len();
    let columns = 2_000;
    let wide = format!("|{}\n|{}\n{}", "a|".repeat(columns), "-|".repeat(columns), "|x\n".repeat(500));
    assert!(of(&wide) < HOST_HTML_BYTES_MAX / 2, "{} bytes", of(&wide));
    assert!(of(&"&".repeat(HOST_HTML_BYTES_MAX / 4)) < 1_000);
    assert!(of(&"&".repeat(1_000)) > 5_000, "what is no longer than that is shown");
}

#[test]
fn pieces_of_code_have_identifiers_that_no_heading_has() {
    let html = render("## Code 1\n\n```sh\ncurl a\n```\n").html;
    assert!(html.contains("<h2 id=\"code-1\">") && html.contains("<code id=\"code-1-2\">"), "{html}");
    assert!(html.contains("data-copy=\"code-1-2\""), "{html}");
}

#[test]
fn headings_are_linked_to_by_their_words_and_each_once() {
    let found = render("## Rotate a key\n\nOne.\n\n### `Now`\n\n## Rotate a key\n\nTwo.\n");
    assert_eq!(
        found.contents,
        [
            ("rotate-a-key".to_owned(), "Rotate a key".to_owned()),
            ("rotate-a-key-2".to_owned(), "Rotate a key".to_owned()),
        ]
    );
    assert!(found.html.contains("<h3 id=\"now\"><a href=\"#now\"><code>Now</code></a></h3>"), "{}", found.html);
    let texts: Vec<_> = found.parts.iter().map(|it| (it.id.as_str(), it.text.trim())).collect();
    assert_eq!(texts, [("rotate-a-key", "One."), ("now", ""), ("rotate-a-key-2", "Two.")]);
}

#[test]
fn pieces_of_code_that_do_the_same_stand_in_tabs() {
    let tabs = "```sh\ncurl \"a\" && b\n```\n\n```ts\nawait b();\n```\n\n";
    let html = render(&format!("{tabs}```sh\ncurl c\n```\n\n```json\n{{}}\n```\n")).html;
    assert_eq!(html.matches("<div class=\"tabs\">").count(), 1);
    assert_eq!(html.matches("<details name=\"tabs-0\"").count(), 2);
    assert_eq!(html.matches("<details name=\"tabs-0\" open>").count(), 1);
    assert!(html.contains("<summary>TypeScript</summary>") && html.contains("<code id=\"code-4\">{}</code>"), "{html}");
    assert!(html.contains("curl \"a\" &amp;&amp; b</code>"), "{html}");
}

#[test]
fn a_row_that_names_a_word_of_the_code_can_be_linked_to() {
    let found = render(
        "## Codes\n\n| code | means |\n|---|---|\n| `name_taken` | There **is** one. |\n| other | x |\n\nBehind.\n",
    );
    assert!(
        found.html.contains("<tr id=\"name_taken\"><th scope=\"row\"><code>name_taken</code></th><td>"),
        "{}",
        found.html
    );
    assert!(
        found.html.contains("<th scope=\"col\">code</th>") && found.html.contains("<tr><th scope=\"row\">other</th>")
    );
    let part = found.parts.iter().find(|it| it.id == "name_taken").expect("a part of its own");
    assert!(part.text.contains("There is one."), "{part:?}");
    assert!(found.parts.last().is_some_and(|it| it.id == "codes" && it.text.contains("Behind.")), "{:?}", found.parts);
}

#[test]
fn links_between_guides_name_their_files() {
    for (written, expected) in [
        ("refusals.md", "/docs/refusals"),
        ("refusals.md#name_taken", "/docs/refusals#name_taken"),
        ("/docs/api", "/docs/api"),
        ("#here", "#here"),
        ("https://example.com/x.md", "https://example.com/x.md"),
    ] {
        assert_eq!(Links::Ours.address(written).as_deref(), Some(expected));
    }
}

#[test]
fn links_of_a_host_lead_to_pages_and_run_nothing() {
    let of = |text: &str| render_with(text, Links::Below("/docs/apis/default/1.0")).html;
    for (written, leads) in [
        ("[a](workflows.md#two)", "/docs/apis/default/1.0/workflows#two"),
        ("[a](https://example.com/x.md)", "https://example.com/x.md"),
        ("[a](MAILTO:help@example.com)", "MAILTO:help@example.com"),
        ("[a](/docs/rotating)", "/docs/rotating"),
        ("[a](#part)", "#part"),
        ("[a](?x=a:b)", "?x=a:b"),
    ] {
        assert!(of(written).contains(&format!("href=\"{leads}\"")), "{written}: {}", of(written));
    }
    for written in [
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](java&#10;script:alert(1))",
        "[a](&#1;javascript:alert(1))",
        "[a](data:text/html,x)",
        "[a](vbscript:x)",
        "<javascript:alert(1)>",
        "![a](javascript:alert(1))",
        "[a][1]\n\n[1]: javascript:alert(1)",
        "## [a](javascript:alert(1))",
        "## ![a](https://example.com/a.png)",
    ] {
        let html = of(written);
        // A heading is a link to itself.
        assert_eq!(html.contains("<a "), written.starts_with("##"), "{written}: {html}");
        assert!(!html.contains("</a>") || html.contains("<a href=\"#"), "{written}: {html}");
        assert!(!html.to_ascii_lowercase().contains("href=\"java") && !html.contains("<img"), "{written}: {html}");
    }
    assert_eq!(of("[![a](javascript:x)](https://example.com)"), "<p><a href=\"https://example.com\">a</a></p>\n");
    assert!(of("![A map](https://example.com/map.png)").contains("<a href=\"https://example.com/map.png\">A map</a>"));
}

#[test]
fn a_part_of_a_page_has_nothing_that_stands_once() {
    let of = |text: &str| render_part(text, Links::Below("/docs/apis/default/1.0"));
    assert_eq!(
        of("Lists **all** of them, see [forms](forms.md).\n"),
        "Lists <strong>all</strong> of them, see <a href=\"/docs/apis/default/1.0/forms\">forms</a>."
    );
    let html = of(
        "# How\n\nOne.\n\n```sh\ncurl a\n```\n\n```ts\nb();\n```\n\n|a|\n|-|\n|b|\n\n<script>x</script> ![a](https://a.example/b.png)\n",
    );
    assert!(html.contains("<p><b>How</b></p>") && html.contains("<code>curl a</code>"), "{html}");
    assert!(
        !html.contains("id=") && !html.contains("<table") && !html.contains("<script") && !html.contains("<img"),
        "{html}"
    );
    assert_eq!(plain("<b> & c"), "&lt;b&gt; &amp; c");
}

#[test]
fn quotes_and_lists_are_shown_a_few_levels_deep_and_what_they_hold_is_kept() {
    let of = |text: &str| render_with(text, Links::Below("/docs/apis/default/1.0")).html;
    let html = of(&format!("{} deep\n\nAfter.\n", ">".repeat(3000)));
    assert_eq!(html.matches("<blockquote>").count(), GUIDE_LEVELS_MAX);
    assert_eq!(html.matches("</blockquote>").count(), GUIDE_LEVELS_MAX);
    assert!(html.contains("deep") && html.trim_end().ends_with("<p>After.</p>"), "{html}");
    let list: String = (0..30).map(|it| format!("{}- item {it}\n", "  ".repeat(it))).collect();
    let html = of(&list);
    assert_eq!((html.matches("<ul>").count(), html.matches("</ul>").count()), (GUIDE_LEVELS_MAX, GUIDE_LEVELS_MAX));
    assert_eq!(html.matches("<li>").count(), html.matches("</li>").count());
    assert!((0..30).all(|it| html.contains(&format!("item {it}"))), "{html}");
    let part = render_part(&">".repeat(1000), Links::Ours);
    assert!(part.matches("<blockquote>").count() <= GUIDE_LEVELS_MAX, "{part}");
}
