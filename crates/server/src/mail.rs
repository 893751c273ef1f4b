//! Mail: how it goes out. What it says is the business of whoever writes it.

use std::fmt;
use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::config::Config;

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

/// What one message says, in the two forms that a reader's program chooses from.
#[derive(Debug, Clone)]
pub struct Letter {
    /// What it is known by, the same when it is sent again; letters and digits. With the domain of the sender it is the message's identifier, by which a
    /// reader's program shows one that came twice only once.
    pub id: String,
    /// What it is called.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// As HTML.
    pub html: String,
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

    /// Hands a letter over. Answers once the server has taken it.
    ///
    /// # Errors
    /// When the address is none, or the server does not take it.
    pub async fn send(&self, to: &str, letter: Letter) -> Result<(), MailError> {
        let unwritten = |error: &dyn fmt::Display| MailError::Message(error.to_string());
        let to: Mailbox = to.parse().map_err(|error: lettre::address::AddressError| unwritten(&error))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject)
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            // RFC 3834: nobody's absence is answered to us.
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(letter.text, letter.html))
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
