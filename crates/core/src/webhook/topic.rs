//! What webhooks are about: an entity and an operation, such as `contact` and `create`.

use std::fmt;

use crate::limits;

/// Stands for every word.
const ANY: &str = "*";

/// What happened, in a host's or our own words: `contact.create`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    entity: Box<str>,
    operation: Box<str>,
}

/// The text is no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not of the form `contact`: at most {} small letters, digits and `_`, a letter first",
    limits::TOPIC_WORD_BYTES_MAX
)]
pub struct TopicError;

impl Topic {
    /// Reads the two words.
    ///
    /// # Errors
    /// [`TopicError`].
    pub fn parse(entity: &str, operation: &str) -> Result<Self, TopicError> {
        Ok(Self { entity: word(entity)?, operation: word(operation)? })
    }

    /// Reads the form of the wire, with a dot between.
    ///
    /// # Errors
    /// [`TopicError`].
    pub fn parse_dotted(text: &str) -> Result<Self, TopicError> {
        let (entity, operation) = text.split_once('.').ok_or(TopicError)?;
        Self::parse(entity, operation)
    }

    /// The kind of thing.
    pub fn entity(&self) -> &str {
        &self.entity
    }

    /// What was done with it.
    pub fn operation(&self) -> &str {
        &self.operation
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.entity, self.operation)
    }
}

/// The topics that a webhook is about; absent means every entity, or every operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    entity: Option<Box<str>>,
    operation: Option<Box<str>>,
}

impl Subscription {
    /// Reads the two words; `*` is every one.
    ///
    /// # Errors
    /// [`TopicError`].
    pub fn parse(entity: &str, operation: &str) -> Result<Self, TopicError> {
        let part = |text: &str| if text == ANY { Ok(None) } else { word(text).map(Some) };
        Ok(Self { entity: part(entity)?, operation: part(operation)? })
    }

    /// The entity, or `*`.
    pub fn entity(&self) -> &str {
        self.entity.as_deref().unwrap_or(ANY)
    }

    /// The operation, or `*`.
    pub fn operation(&self) -> &str {
        self.operation.as_deref().unwrap_or(ANY)
    }

    /// Whether it is about this.
    pub fn covers(&self, topic: &Topic) -> bool {
        let is = |part: &Option<Box<str>>, word: &str| part.as_deref().is_none_or(|it| it == word);
        is(&self.entity, topic.entity()) && is(&self.operation, topic.operation())
    }
}

fn word(text: &str) -> Result<Box<str>, TopicError> {
    let is_good = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_';
    let begins = text.bytes().next().is_some_and(|it| it.is_ascii_lowercase());
    let fits = text.len() <= limits::TOPIC_WORD_BYTES_MAX;
    if begins && fits && text.bytes().all(is_good) { Ok(text.into()) } else { Err(TopicError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_two_words_and_a_subscription_covers_some() {
        let topic = Topic::parse_dotted("contact.create").expect("a topic");
        assert_eq!(
            (topic.entity(), topic.operation(), topic.to_string().as_str()),
            ("contact", "create", "contact.create")
        );
        for (entity, operation, covered) in [
            ("contact", "create", true),
            ("*", "create", true),
            ("contact", "*", true),
            ("*", "*", true),
            ("contact", "delete", false),
            ("deal", "*", false),
        ] {
            let subscription = Subscription::parse(entity, operation).expect("a subscription");
            assert_eq!(subscription.covers(&topic), covered, "{entity} {operation}");
            assert_eq!((subscription.entity(), subscription.operation()), (entity, operation));
        }
        for text in ["", "contact", ".", "contact.", "Contact.create", "con tact.x", "1a.x", "a.b.c", "*.create", "a.*"]
        {
            assert_eq!(Topic::parse_dotted(text), Err(TopicError), "{text}");
        }
        assert!(Topic::parse(&"a".repeat(limits::TOPIC_WORD_BYTES_MAX + 1), "x").is_err());
    }
}
