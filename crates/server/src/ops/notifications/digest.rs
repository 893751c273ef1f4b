//! The digest: one message about everything that a person has to know, as text and as HTML.

use askama::Template;

use super::words::Sentence;
use crate::mail::Letter;

/// One message about everything that a person has to know.
#[derive(Debug, Clone)]
pub(super) struct Digest {
    /// What it is known by, see [`Letter::id`].
    pub(super) id: String,
    /// What it is called.
    pub(super) subject: String,
    /// Whom it is for; free text.
    pub(super) name: String,
    /// What there is to know.
    pub(super) lines: Vec<Line>,
    /// How much more there is than the lines say.
    pub(super) more: usize,
    /// The address of the list.
    pub(super) list: String,
    /// The address where the reader chooses how to be told.
    pub(super) choices: String,
}

/// One thing to know.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// What.
    pub(super) sentence: Sentence,
    /// Where what it is about stands; free text.
    pub(super) organization: String,
    /// Its page.
    pub(super) href: String,
}

#[derive(Template)]
#[template(path = "mail/digest.txt", escape = "none")]
struct Text<'a> {
    name: &'a str,
    lines: &'a [Line],
    more: usize,
    list: &'a str,
    choices: &'a str,
}

#[derive(Template)]
#[template(path = "mail/digest.html")]
struct Html<'a> {
    subject: &'a str,
    name: &'a str,
    lines: &'a [Line],
    more: usize,
    list: &'a str,
    choices: &'a str,
}

impl Digest {
    /// As it goes out.
    ///
    /// # Errors
    /// None that is known; the templates may have some.
    pub(super) fn letter(&self) -> askama::Result<Letter> {
        Ok(Letter { id: self.id.clone(), subject: self.subject.clone(), text: self.text()?, html: self.html()? })
    }

    fn text(&self) -> askama::Result<String> {
        let Self { name, lines, more, list, choices, .. } = self;
        Text { name, lines, more: *more, list, choices }.render()
    }

    fn html(&self) -> askama::Result<String> {
        let Self { subject, name, lines, more, list, choices, .. } = self;
        Html { subject, name, lines, more: *more, list, choices }.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_text_in_both_parts() {
        let sentence = Sentence { before: "Key “".into(), name: "<b>&\"'".into(), after: "” expires.".into() };
        let line = Line { sentence, organization: "A & B".into(), href: "https://keys.example.com/o/a/keys/k".into() };
        let digest = Digest {
            id: "1".into(),
            subject: "One".into(),
            name: "<i>Ann".into(),
            lines: vec![line],
            more: 3,
            list: "https://keys.example.com/o/a/notifications".into(),
            choices: "https://keys.example.com/o/a/profile/notifications".into(),
        };
        let (text, html) = (digest.text().expect("text"), digest.html().expect("HTML"));
        assert!(text.contains("- Key “<b>&\"'” expires.\n  A & B: https://keys.example.com/o/a/keys/k"), "{text}");
        assert!(!html.contains("<b>") && !html.contains("<i>") && html.contains("&#60;b&#62;"), "{html}");
        assert!(text.contains("and 3 more") && html.contains("And 3 more"));
    }
}
