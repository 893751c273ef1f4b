//! What webhooks are about: an entity and an operation, such as `contact` and `create`.
//!
//! On the wire the type of an event says what has happened, `contact.created`, and a subscription names what it waits for, `create`; so of the
//! three operations that everything has, both forms are read as one. All others are called one way only, which is whoever reports them to say.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use crate::event::EventKind;
use crate::limits;
use crate::permission::Permission;

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
        Ok(Self { entity: word(entity)?, operation: self::operation(operation)? })
    }

    /// The topic of one of our own changes; absent for one that is called as no topic is, of which there is none.
    pub fn of_change(kind: EventKind) -> Option<Self> {
        Self::parse_dotted(kind.as_str()).ok()
    }

    /// The type of an event about it: `contact.created`.
    pub fn event_type(&self) -> String {
        let past = PAST.iter().find(|(it, _)| *it == &*self.operation).map_or(&*self.operation, |(_, past)| past);
        format!("{}.{past}", self.entity)
    }

    /// Whether it is about one of our own changes. Hosts have other names for what is theirs, or a subscriber would not know whose `key.created` comes.
    pub fn is_own(&self) -> bool {
        is_own_entity(&self.entity)
    }

    /// The permission that it takes to hear of a host's event about it, where the catalogue names none: `contacts:read` for a `contact`.
    pub fn read_permission(&self) -> Permission {
        read_permission(&self.entity)
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
        let any = |text: &str| text == ANY;
        Ok(Self {
            entity: if any(entity) { None } else { Some(word(entity)?) },
            operation: if any(operation) { None } else { Some(self::operation(operation)?) },
        })
    }

    /// The entity, or `*`.
    pub fn entity(&self) -> &str {
        self.entity.as_deref().unwrap_or(ANY)
    }

    /// The operation, or `*`.
    pub fn operation(&self) -> &str {
        self.operation.as_deref().unwrap_or(ANY)
    }

    /// Whether it may be about our own changes, and whether about a host's events.
    pub fn sources(&self) -> (bool, bool) {
        self.entity.as_deref().map_or((true, true), |it| (is_own_entity(it), !is_own_entity(it)))
    }

    /// The permission that it takes to hear of a host's events about its entity; absent where that is every one.
    pub fn read_permission(&self) -> Option<Permission> {
        self.entity.as_deref().map(read_permission)
    }

    /// Whether it is about this.
    pub fn covers(&self, topic: &Topic) -> bool {
        let is = |part: &Option<Box<str>>, word: &str| part.as_deref().is_none_or(|it| it == word);
        is(&self.entity, topic.entity()) && is(&self.operation, topic.operation())
    }
}

/// What everything has, and how the type of an event calls it.
const PAST: [(&str, &str); 3] = [("create", "created"), ("update", "updated"), ("delete", "deleted")];

fn operation(text: &str) -> Result<Box<str>, TopicError> {
    word(PAST.iter().find(|(_, past)| *past == text).map_or(text, |(it, _)| it))
}

fn is_own_entity(entity: &str) -> bool {
    static OWN: LazyLock<BTreeSet<Box<str>>> =
        LazyLock::new(|| EventKind::ALL.iter().filter_map(|it| Topic::of_change(*it)).map(|it| it.entity).collect());
    OWN.contains(entity)
}

/// As English has it, as far as names of things in products go: `companies` for `company`, `boxes` for `box`. A host that calls it otherwise says so
/// in the catalogue.
fn read_permission(entity: &str) -> Permission {
    let ends = |ends: &[&str]| ends.iter().any(|it| entity.ends_with(it));
    let resource = match entity.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if ends(&["s", "x", "z", "ch", "sh"]) => format!("{entity}es"),
        _ => format!("{entity}s"),
    };
    Permission::parse(&format!("{resource}:read")).expect("a topic's word is a resource")
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
    fn an_operation_that_everything_has_is_read_in_both_its_forms() {
        for (text, operation, shown) in [
            ("contact.created", "create", "contact.created"),
            ("contact.create", "create", "contact.created"),
            ("deal.won", "won", "deal.won"),
        ] {
            let topic = Topic::parse_dotted(text).expect("a topic");
            assert_eq!((topic.operation(), topic.event_type().as_str()), (operation, shown));
            assert!(
                Subscription::parse(topic.entity(), text.split_once('.').expect("two words").1)
                    .is_ok_and(|it| it.covers(&topic))
            );
        }
    }

    #[test]
    fn every_change_of_ours_is_a_topic_that_no_host_can_report() {
        for kind in EventKind::ALL {
            let topic = Topic::of_change(*kind).unwrap_or_else(|| panic!("{kind:?}"));
            assert!(topic.is_own());
            assert_eq!(topic.event_type(), kind.as_str());
        }
        assert!(!Topic::parse("contact", "create").expect("a topic").is_own());
        let sources = |entity| Subscription::parse(entity, "*").expect("a subscription").sources();
        assert_eq!((sources("*"), sources("key"), sources("contact")), ((true, true), (true, false), (false, true)));
    }

    #[test]
    fn what_is_heard_takes_the_right_to_read_such_things() {
        for (entity, permission) in [
            ("contact", "contacts:read"),
            ("company", "companies:read"),
            ("day", "days:read"),
            ("box", "boxes:read"),
            ("address", "addresses:read"),
        ] {
            let topic = Topic::parse(entity, "create").expect("a topic");
            assert_eq!(topic.read_permission().to_string(), permission);
        }
    }

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
