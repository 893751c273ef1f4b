//! Markdown as HTML that needs no script: headings that can be linked to, code in tabs, tables that scroll by themselves.
//!
//! Markup within Markdown is shown as the text that it is: ours needs none, and what hosts bring must not have any.

use claviger_core::anchor::Anchors;
use claviger_core::limits::GUIDE_LEVELS_MAX;
use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// What a piece of code is called, by the language that stands behind its fence; the first four of one thing stand in tabs.
const LANGUAGES: [(&str, &str); 11] = [
    ("sh", "curl"),
    ("ts", "TypeScript"),
    ("python", "Python"),
    ("rust", "Rust"),
    ("console", "Terminal"),
    ("html", "HTML"),
    ("json", "JSON"),
    ("http", "HTTP"),
    ("regex", "Pattern"),
    ("toml", "TOML"),
    ("yaml", "YAML"),
];
/// How many of them are ways to do the same thing.
const TABS: usize = 4;
/// Cells of tables in one text; where a row has fewer than the head, the reader of Markdown makes up what is missing.
const CELLS_MAX: usize = 20_000;
/// Bytes of a host's text as HTML: a text of a few hundred kilobytes is what a guide may have, and a few signs of it can stand for many elements.
pub(super) const HOST_HTML_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A text as it is shown and searched.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    /// The HTML.
    pub(super) html: String,
    /// The headings that the page's own table of contents has: identifier and words.
    pub(super) contents: Vec<(String, String)>,
    /// Its parts, for the search.
    pub(super) parts: Vec<Part>,
}

/// What can be linked to, and what stands there.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The identifier; empty before the first heading.
    pub(super) id: String,
    /// What it is called.
    pub(super) heading: String,
    /// Its text without markup.
    pub(super) text: String,
}

/// Whose text it is, and so where its links may lead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Links<'a> {
    /// Ours: anywhere.
    #[default]
    Ours,
    /// A host's, whose guides stand below this path: to pages of the web, to other guides and to a mail address. Whoever may write of the api is
    /// trusted with less than what a script of theirs could do here.
    Below(&'a str),
}

/// Renders a text of ours.
pub(super) fn render(markdown: &str) -> Rendered {
    render_with(markdown, Links::Ours)
}

/// Renders a host's text that stands within a page of others, such as what an operation does: what it has of headings is shown as text that stands
/// out, and neither they nor its code can be linked to. Tables it has none: a short text can stand for very many cells. One paragraph alone comes
/// without the element, for it may stand in a line.
pub(super) fn render_part(markdown: &str, links: Links<'_>) -> String {
    let mut levels = Levels::default();
    let read: Vec<Event<'_>> = Parser::new_ext(markdown, Options::empty()).filter_map(|it| levels.within(it)).collect();
    let mut writer = Writer { links, is_part: true, ..Writer::default() };
    writer.all(&read);
    let mut text = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut text, writer.events.into_iter());
    match text.strip_prefix("<p>").and_then(|it| it.strip_suffix("</p>\n")) {
        Some(alone) if !alone.contains("<p>") => alone.to_owned(),
        _ => text,
    }
}

/// A text as HTML that shows it as it is.
pub(super) fn plain(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    html::push_html(&mut html, std::iter::once(Event::Text(text.into())));
    html
}

/// Renders a text.
pub(super) fn render_with(markdown: &str, links: Links<'_>) -> Rendered {
    let mut cells = 0;
    let within = |event: &Event<'_>| {
        cells += usize::from(matches!(event, Event::Start(Tag::TableCell)));
        cells <= CELLS_MAX || !matches!(event, Event::Start(Tag::TableCell) | Event::End(TagEnd::TableCell))
    };
    let mut levels = Levels::default();
    let read: Vec<Event<'_>> =
        Parser::new_ext(markdown, Options::ENABLE_TABLES).filter(within).filter_map(|it| levels.within(it)).collect();
    // What stands on the page besides.
    let ids = Anchors::from(["main", "markdown", "q"]);
    let mut writer = Writer { parts: vec![Part::default()], links, ids, ..Writer::default() };
    writer.all(&read);
    let mut text = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut text, writer.events.into_iter());
    if links != Links::Ours && text.len() > HOST_HTML_BYTES_MAX {
        text = "<p>This guide is too long for a page. Read it as Markdown.</p>\n".to_owned();
        writer.contents.clear();
    }
    writer.parts.retain(|it| !it.heading.is_empty() || !it.text.is_empty());
    Rendered { html: text, contents: writer.contents, parts: writer.parts }
}

/// How many quotes and lists stand around what is read. Each takes room at the side: thousands of them would make a page thousands of pixels wide.
#[derive(Default)]
struct Levels(usize);

impl Levels {
    /// What is shown of an event: all of it, but for the quotes and lists that stand too deep, whose contents are shown where they stand.
    fn within<'a>(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        match event {
            Event::Start(Tag::BlockQuote(_) | Tag::List(_)) => {
                self.0 += 1;
                (self.0 <= GUIDE_LEVELS_MAX).then_some(event)
            }
            Event::End(TagEnd::BlockQuote(_) | TagEnd::List(_)) => {
                let is_shown = self.0 <= GUIDE_LEVELS_MAX;
                self.0 = self.0.saturating_sub(1);
                is_shown.then_some(event)
            }
            // Each in a line of its own, as it was.
            Event::Start(Tag::Item) if self.0 > GUIDE_LEVELS_MAX => Some(Event::HardBreak),
            Event::End(TagEnd::Item) if self.0 > GUIDE_LEVELS_MAX => None,
            event => Some(event),
        }
    }
}

#[derive(Default)]
struct Writer<'a> {
    links: Links<'a>,
    /// Whether it stands within a page of others.
    is_part: bool,
    events: Vec<Event<'a>>,
    /// Of the links that are open, whether each leads somewhere.
    leads: Vec<bool>,
    contents: Vec<(String, String)>,
    parts: Vec<Part>,
    ids: Anchors,
    /// Pieces of code so far, for their identifiers.
    codes: usize,
    /// Whether the row of a table is that of its head.
    is_head: bool,
    /// Whether the next cell is the first of its row.
    is_first_cell: bool,
    /// Whether the cell at hand names the row.
    names_row: bool,
    /// The part that goes on behind a table whose rows are parts of their own.
    behind: Option<Part>,
}

impl<'a> Writer<'a> {
    fn all(&mut self, read: &[Event<'a>]) {
        let mut rest = read;
        while let Some(event) = rest.first() {
            let taken = match event {
                Event::Start(Tag::CodeBlock(_)) => self.code(rest),
                Event::Start(Tag::Heading { level, .. }) => self.heading(*level, rest),
                event => {
                    self.other(event, rest);
                    1
                }
            };
            rest = &rest[taken..];
        }
    }

    fn markup(&mut self, text: impl Into<CowStr<'a>>) {
        self.events.push(Event::Html(text.into()));
    }

    /// Adds to what is searched.
    fn note(&mut self, text: &str) {
        if let Some(part) = self.parts.last_mut() {
            part.text.push_str(text);
        }
    }

    fn other(&mut self, event: &Event<'a>, rest: &[Event<'a>]) {
        match event {
            Event::Html(text) | Event::InlineHtml(text) => {
                self.note(text);
                self.events.push(Event::Text(text.clone()));
            }
            Event::Text(text) => {
                self.note(text);
                self.events.push(event.clone());
            }
            Event::Code(text) => {
                self.note(text);
                self.events.push(event.clone());
            }
            // Pages show no pictures of elsewhere, which would tell that place of their readers: they are led to.
            Event::Start(
                Tag::Link { link_type, dest_url, title, id } | Tag::Image { link_type, dest_url, title, id },
            ) => {
                let address = self.links.address(dest_url);
                self.leads.push(address.is_some());
                // One that leads nowhere is the text that it is: a link to nothing would be pressed and do nothing.
                if let Some(dest_url) = address.map(Into::into) {
                    let (link_type, title, id) = (*link_type, title.clone(), id.clone());
                    self.events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
                }
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if self.leads.pop().unwrap_or_default() {
                    self.events.push(Event::End(TagEnd::Link));
                }
            }
            Event::Start(Tag::Table(_)) => {
                self.markup("<div class=\"scroll\" role=\"group\" aria-label=\"Table\" tabindex=\"0\"><table>\n");
            }
            Event::End(TagEnd::Table) => {
                self.markup("</tbody></table></div>\n");
                self.parts.extend(self.behind.take());
            }
            Event::Start(Tag::TableHead) => {
                self.is_head = true;
                self.markup("<thead><tr>");
            }
            Event::End(TagEnd::TableHead) => {
                self.is_head = false;
                self.markup("</tr></thead><tbody>\n");
            }
            Event::Start(Tag::TableRow) => {
                self.is_first_cell = true;
                self.row(rest);
            }
            Event::End(TagEnd::TableRow) => self.markup("</tr>\n"),
            Event::Start(Tag::TableCell) => {
                self.names_row = self.is_first_cell && !self.is_head;
                self.is_first_cell = false;
                self.markup(match (self.is_head, self.names_row) {
                    (true, _) => "<th scope=\"col\">",
                    (false, true) => "<th scope=\"row\">",
                    (false, false) => "<td>",
                });
            }
            Event::End(TagEnd::TableCell) => {
                self.note(" ");
                self.markup(if self.is_head || self.names_row { "</th>" } else { "</td>" });
                self.names_row = false;
            }
            Event::SoftBreak | Event::HardBreak | Event::End(_) => {
                if !matches!(event, Event::End(TagEnd::Strong | TagEnd::Emphasis)) {
                    self.note(" ");
                }
                self.events.push(event.clone());
            }
            event => self.events.push(event.clone()),
        }
    }

    /// A row that begins with a word of the code can be linked to by it, and is found by itself.
    fn row(&mut self, rest: &[Event<'a>]) {
        let named = match rest {
            [_, Event::Start(Tag::TableCell), Event::Code(name), ..] if is_word(name) => name.to_string(),
            _ => String::new(),
        };
        if named.is_empty() || !self.ids.take(&named) {
            return self.markup("<tr>");
        }
        self.markup(format!("<tr id=\"{named}\">"));
        if self.behind.is_none() {
            let of_section = self.parts.last().map(|it| (it.id.clone(), it.heading.clone())).unwrap_or_default();
            self.behind = Some(Part { id: of_section.0, heading: of_section.1, text: String::new() });
        }
        self.parts.push(Part { id: named.clone(), heading: named, text: String::new() });
    }

    fn heading(&mut self, level: HeadingLevel, rest: &[Event<'a>]) -> usize {
        let end = rest.iter().position(|it| matches!(it, Event::End(TagEnd::Heading(_)))).unwrap_or(rest.len() - 1);
        let inside = &rest[1..end];
        let words: String = inside.iter().filter_map(words_of).collect();
        let id = if self.is_part { String::new() } else { self.ids.of(&words) };
        match self.is_part {
            true => self.markup("<p><b>"),
            false => self.markup(format!("<{level} id=\"{id}\"><a href=\"#{id}\">")),
        }
        for event in inside {
            match event {
                // The heading is a link itself, and one within another is none.
                Event::Start(Tag::Link { .. } | Tag::Image { .. }) | Event::End(TagEnd::Link | TagEnd::Image) => {}
                Event::Html(text) | Event::InlineHtml(text) => self.events.push(Event::Text(text.clone())),
                event => self.events.push(event.clone()),
            }
        }
        if self.is_part {
            self.markup("</b></p>\n");
            return end + 1;
        }
        self.markup(format!("</a></{level}>\n"));
        if level == HeadingLevel::H2 {
            self.contents.push((id.clone(), words.clone()));
        }
        self.parts.push(Part { id, heading: words, text: String::new() });
        end + 1
    }

    /// One piece of code, or several that do the same in different languages, which stand in tabs.
    fn code(&mut self, rest: &[Event<'a>]) -> usize {
        let (first, mut taken) = piece(rest);
        let mut pieces = vec![first];
        while let Some(Event::Start(Tag::CodeBlock(_))) = rest.get(taken) {
            let (next, length) = piece(&rest[taken..]);
            let is_other = pieces.iter().all(|it| it.language != next.language && it.is_tab) && next.is_tab;
            if !is_other || self.is_part {
                break;
            }
            pieces.push(next);
            taken += length;
        }
        if let [alone] = pieces.as_slice() {
            self.piece(alone);
            return taken;
        }
        self.markup("<div class=\"tabs\">");
        let name = format!("tabs-{}", self.codes);
        for (at, it) in pieces.iter().enumerate() {
            let open = if at == 0 { " open" } else { "" };
            self.markup(format!("<details name=\"{name}\"{open}><summary>{}</summary>\n", it.label));
            self.piece(it);
            self.markup("</details>");
        }
        self.markup("</div>\n");
        taken
    }

    fn piece(&mut self, piece: &Piece) {
        if self.is_part {
            self.markup("<pre tabindex=\"0\"><code>");
            self.events.push(Event::Text(piece.code.clone().into()));
            return self.markup("</code></pre>\n");
        }
        self.codes += 1;
        let (id, label) = (self.ids.of(&format!("code-{}", self.codes)), piece.label);
        self.note(&piece.code);
        self.note(" ");
        self.markup(format!(
            "<div class=\"code\"><pre tabindex=\"0\" role=\"group\" aria-label=\"{label}\"><code id=\"{id}\">"
        ));
        self.events.push(Event::Text(piece.code.clone().into()));
        let icons = crate::assets::url("icons.svg");
        self.markup(format!(
            "</code></pre><button class=\"button small copy\" type=\"button\" data-copy=\"{id}\" hidden>\
             <svg class=\"icon\" aria-hidden=\"true\"><use href=\"{icons}#copy\"/></svg><span>Copy</span>\
             <span class=\"sr\"> the {label} snippet</span></button></div>\n"
        ));
    }
}

struct Piece {
    language: String,
    label: &'static str,
    is_tab: bool,
    code: String,
}

/// The piece of code that begins here, and how many events it is.
fn piece(rest: &[Event<'_>]) -> (Piece, usize) {
    let language = match rest.first() {
        Some(Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info)))) => {
            info.split_whitespace().next().unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    let end = rest.iter().position(|it| matches!(it, Event::End(TagEnd::CodeBlock))).unwrap_or(rest.len() - 1);
    let code: String = rest[1..=end].iter().filter_map(words_of).collect();
    let at = LANGUAGES.iter().position(|it| it.0 == language);
    let label = at.map_or("Code", |it| LANGUAGES[it].1);
    let piece = Piece { language, label, is_tab: at.is_some_and(|it| it < TABS), code: code.trim_end().to_owned() };
    (piece, end + 1)
}

fn words_of<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    match event {
        Event::Text(text) | Event::Code(text) => Some(text),
        _ => None,
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || b"._".contains(&it))
}

impl Links<'_> {
    /// Where a link of a guide leads: to the page of another guide, where it names its file, as it is right for whoever reads the Markdown. Nothing
    /// where it may not lead there.
    fn address(self, written: &str) -> Option<String> {
        let base = match self {
            Self::Ours => "/docs",
            Self::Below(base) if is_harmless(written) => base,
            Self::Below(_) => return None,
        };
        let (path, fragment) = written.split_once('#').map_or((written, ""), |(path, rest)| (path, rest));
        Some(match path.strip_suffix(".md") {
            Some(slug) if !slug.contains([':', '/']) => match fragment {
                "" => format!("{base}/{slug}"),
                fragment => format!("{base}/{slug}#{fragment}"),
            },
            _ => written.to_owned(),
        })
    }
}

/// Whether an address leads to a page, and is no program: it has no scheme, or one of these. Whatever stands before a colon counts as one, for
/// browsers pass over blanks and control characters in it.
fn is_harmless(address: &str) -> bool {
    let end = address.find([':', '/', '?', '#']).filter(|at| address[*at..].starts_with(':'));
    let scheme = end.map(|at| address[..at].to_ascii_lowercase());
    scheme.is_none_or(|it| ["http", "https", "mailto"].contains(&it.as_str()))
}

#[cfg(test)]
#[path = "markdown_tests.rs"]
mod tests;
