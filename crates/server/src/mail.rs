//! Mail: what goes out, and how.

use std::fmt;
use std::time::Duration;

use askama::Template;
use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::config::Config;
use crate::ops::notifications::words::Sentence;

/// For so long a server may keep a message waiting.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a message did not go out.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It cannot be written: the address is none that mail can have.
    #[error("the message cannot be written: {0}")]
    Message(String),
    /// The server did not take it.
    #[error("the mail server did not take the message: {0}")]
    Transport(String),
}

/// Hands messages to the SMTP server of the configuration.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// As it is configured; absent where no server is.
    pub fn of(config: &Config) -> Option<Self> {
        let (url, from) = (config.smtp_url.as_ref()?, config.mail_from.clone()?);
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose()).ok()?;
        Some(Self { transport: builder.timeout(Some(TIMEOUT)).build(), from })
    }

    /// Hands a digest over. Answers once the server has taken it.
    ///
    /// # Errors
    /// When the address is none, or the server does not take it.
    pub async fn send(&self, to: &str, digest: &Digest) -> Result<(), MailError> {
        let unwritten = |error: &dyn fmt::Display| MailError::Message(error.to_string());
        let to: Mailbox = to.parse().map_err(|error: lettre::address::AddressError| unwritten(&error))?;
        let text = digest.text().map_err(|error| unwritten(&error))?;
        let html = digest.html().map_err(|error| unwritten(&error))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(digest.subject.clone())
            .multipart(MultiPart::alternative_plain_html(text, html))
            .map_err(|error| unwritten(&error))?;
        // Of what the server said only its words: the address of a user may stand in them, a secret does not.
        self.transport.send(message).await.map(drop).map_err(|error| MailError::Transport(error.to_string()))
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailer(…)")
    }
}

/// One message about everything that a person has to know.
#[derive(Debug, Clone)]
pub struct Digest {
    /// What it is called.
    pub subject: String,
    /// Whom it is for; free text.
    pub name: String,
    /// What there is to know.
    pub lines: Vec<Line>,
    /// How much more there is than the lines say.
    pub more: usize,
    /// The address of the list.
    pub list: String,
    /// The address where the reader chooses how to be told.
    pub choices: String,
}

/// One thing to know.
#[derive(Debug, Clone)]
pub struct Line {
    /// What.
    pub sentence: Sentence,
    /// Where what it is about stands; free text.
    pub organization: String,
    /// Its page.
    pub href: String,
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
    fn text(&self) -> askama::Result<String> {
        let Self { name, lines, more, list, choices, .. } = self;
        Text { name, lines, more: *more, list, choices }.render()
    }

    fn html(&self) -> askama::Result<String> {
        let Self { subject, name, lines, more, list, choices } = self;
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
