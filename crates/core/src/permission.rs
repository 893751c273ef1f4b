//! Permissions: `resource[/element]:action`, with `*` for any resource or action.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits;

const RESOURCE_BYTES_MAX: usize = 64;
const ELEMENT_BYTES_MAX: usize = 96;
const ACTION_BYTES_MAX: usize = 32;

/// Why a permission was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    /// Not of the form `resource[/element]:action`.
    #[error(
        "`{0}` is not of the form resource[/element]:action, such as contacts:read, scorecards/A:update or, for any resource or action, *:read and contacts:*"
    )]
    Form(String),
    /// Longer than allowed, as a whole or in a part.
    #[error(
        "`{0}…` is too long: a permission has at most {max} bytes, of which {resource} are the resource's, {element} the element's and {action} the action's",
        max = limits::PERMISSION_BYTES_MAX,
        resource = RESOURCE_BYTES_MAX,
        element = ELEMENT_BYTES_MAX,
        action = ACTION_BYTES_MAX
    )]
    TooLong(String),
    /// A wildcard where only a named permission can be asked for.
    #[error("`{0}` has a wildcard; ask for a named permission")]
    Wildcard(String),
    /// More permissions than allowed.
    #[error("at most {max} permissions")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

fn part_ok(text: &str, bytes_max: usize, extra: &[u8]) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
}

/// Splits a text into its three parts without allocating.
fn split(text: &str) -> Option<(&str, Option<&str>, &str)> {
    if text.len() > limits::PERMISSION_BYTES_MAX {
        return None;
    }
    let (object, action) = text.rsplit_once(':')?;
    let (resource, element) = match object.split_once('/') {
        Some((resource, element)) => (resource, Some(element)),
        None => (object, None),
    };
    let resource_ok = resource == "*" && element.is_none() || part_ok(resource, RESOURCE_BYTES_MAX, b"_-.");
    let element_ok = element.is_none_or(|it| part_ok(it, ELEMENT_BYTES_MAX, b"_-.~"));
    let action_ok = action == "*" || part_ok(action, ACTION_BYTES_MAX, b"_-");
    (resource_ok && element_ok && action_ok).then_some((resource, element, action))
}

/// Why a text that cannot be split is no permission.
fn fault(text: &str) -> PermissionError {
    let (object, action) = text.rsplit_once(':').unwrap_or_default();
    let (resource, element) = object.split_once('/').unwrap_or((object, ""));
    let is_long = text.len() > limits::PERMISSION_BYTES_MAX
        || resource.len() > RESOURCE_BYTES_MAX
        || element.len() > ELEMENT_BYTES_MAX
        || action.len() > ACTION_BYTES_MAX;
    if is_long { PermissionError::TooLong(shown(text)) } else { PermissionError::Form(shown(text)) }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// A permission that a request asks for: named, without wildcards, borrowed from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    resource: &'a str,
    element: Option<&'a str>,
    action: &'a str,
}

impl<'a> Asked<'a> {
    /// Parses a named permission.
    ///
    /// # Errors
    /// [`PermissionError`] when the form is wrong or a wildcard stands in it.
    pub fn parse(text: &'a str) -> Result<Self, PermissionError> {
        let (resource, element, action) = split(text).ok_or_else(|| fault(text))?;
        if resource == "*" || action == "*" {
            return Err(PermissionError::Wildcard(shown(text)));
        }
        Ok(Self { resource, element, action })
    }

    /// Whether it asks for a whole resource rather than one element; where the right is by element, the answer then names the elements.
    pub const fn is_list(&self) -> bool {
        self.element.is_none()
    }

    /// The permission to read the same thing.
    #[must_use]
    pub const fn reading(self) -> Self {
        Self { action: "read", ..self }
    }

    /// The same action on the whole resource.
    #[must_use]
    pub const fn on_whole_resource(self) -> Self {
        Self { element: None, ..self }
    }
}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(f, self.resource, self.element, self.action)
    }
}

fn write_parts(f: &mut fmt::Formatter<'_>, resource: &str, element: Option<&str>, action: &str) -> fmt::Result {
    match element {
        Some(element) => write!(f, "{resource}/{element}:{action}"),
        None => write!(f, "{resource}:{action}"),
    }
}

/// A permission that is held: may have `*` for its resource or its action, and covers every element where it names none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permission {
    resource: Box<str>,
    element: Option<Box<str>>,
    action: Box<str>,
}

impl Permission {
    /// Parses a held permission.
    ///
    /// # Errors
    /// [`PermissionError::Form`] when it is not `resource[/element]:action`, [`PermissionError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, PermissionError> {
        let (resource, element, action) = split(text).ok_or_else(|| fault(text))?;
        Ok(Self { resource: resource.into(), element: element.map(Into::into), action: action.into() })
    }

    fn reaches(&self, asked: &Asked<'_>) -> bool {
        (&*self.resource == "*" || &*self.resource == asked.resource)
            && (&*self.action == "*" || &*self.action == asked.action)
    }

    /// What both allow, if anything.
    fn meet(&self, other: &Self) -> Option<Self> {
        fn narrower(a: &str, b: &str) -> Option<Box<str>> {
            match (a, b) {
                ("*", it) | (it, "*") => Some(it.into()),
                (a, b) => (a == b).then(|| a.into()),
            }
        }
        let resource = narrower(&self.resource, &other.resource)?;
        let action = narrower(&self.action, &other.action)?;
        let element = match (&self.element, &other.element) {
            (None, it) | (it, None) => it.clone(),
            (Some(a), Some(b)) => Some((a == b).then(|| a.clone())?),
        };
        Some(Self { resource, element, action })
    }

    /// Whether one of a set allows everything that this does.
    pub fn is_held_in(&self, set: &PermissionSet) -> bool {
        set.0.iter().any(|wide| self.is_within(wide))
    }

    /// Whether everything that this allows, `wider` allows too.
    fn is_within(&self, wider: &Self) -> bool {
        self.meet(wider).as_ref() == Some(self)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(f, &self.resource, self.element.as_deref(), &self.action)
    }
}

impl FromStr for Permission {
    type Err = PermissionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// How far a set covers what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// Not at all.
    None,
    /// For these elements only; answered only to a request for the whole resource.
    Elements(BTreeSet<Box<str>>),
    /// Entirely.
    All,
}

impl Coverage {
    /// What both cover.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::All, it) | (it, Self::All) => it,
            (Self::Elements(a), Self::Elements(b)) => {
                let both: BTreeSet<_> = a.intersection(&b).cloned().collect();
                if both.is_empty() { Self::None } else { Self::Elements(both) }
            }
        }
    }
}

/// A set of held permissions: a role's, a key's scopes, a member's extra ones. Empty allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionSet(Box<[Permission]>);

impl PermissionSet {
    /// The set that allows nothing.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The set that allows everything.
    pub fn everything() -> Self {
        Self::parse(&["*:*"]).expect("a permission")
    }

    /// Parses a set; duplicates are dropped and the order does not matter.
    ///
    /// # Errors
    /// [`PermissionError`] for the first entry of another form, or more than 256 entries.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, PermissionError> {
        let max = limits::PERMISSIONS_MAX;
        if texts.len() > max {
            return Err(PermissionError::TooMany { max });
        }
        let set = texts.iter().map(|it| Permission::parse(it.as_ref())).collect::<Result<BTreeSet<_>, _>>()?;
        Ok(Self(set.into_iter().collect()))
    }

    /// Whether it allows nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The permissions, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }

    /// The permissions as text, sorted.
    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// How far this set covers what is asked. Allocates only where the right is by element and the whole resource is asked for.
    pub fn coverage(&self, asked: &Asked<'_>) -> Coverage {
        let mut elements = BTreeSet::new();
        for held in self.0.iter().filter(|held| held.reaches(asked)) {
            match (held.element.as_deref(), asked.element) {
                (None, _) => return Coverage::All,
                (Some(held), Some(asked)) if held == asked => return Coverage::All,
                (Some(_), Some(_)) => {}
                (Some(held), None) => drop(elements.insert(Box::from(held))),
            }
        }
        if elements.is_empty() { Coverage::None } else { Coverage::Elements(elements) }
    }

    /// What both sets allow.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let both: BTreeSet<_> = self.0.iter().flat_map(|a| other.0.iter().filter_map(move |b| a.meet(b))).collect();
        let kept = both.iter().filter(|it| !both.iter().any(|wider| wider != *it && it.is_within(wider)));
        Self(kept.cloned().collect())
    }

    /// What either set allows.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(&other.0).cloned().collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Whether everything this set allows, `wider` allows too. It may say no where only several of `wider`'s permissions together would do,
    /// never yes where they would not.
    pub fn is_within(&self, wider: &Self) -> bool {
        self.0.iter().all(|it| it.is_held_in(wider))
    }
}

impl Serialize for PermissionSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for PermissionSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        Self::parse(&texts).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(texts: &[&str]) -> PermissionSet {
        PermissionSet::parse(texts).expect("permissions")
    }

    fn asked(text: &str) -> Asked<'_> {
        Asked::parse(text).expect("a named permission")
    }

    #[test]
    fn wildcards_stand_for_any_resource_or_action() {
        for (held, ask, covers) in [
            ("*:*", "contacts:read", true),
            ("*:read", "contacts:read", true),
            ("*:read", "contacts:update", false),
            ("contacts:*", "contacts:export", true),
            ("contacts:*", "contacts/7:update", true),
            ("contacts:read", "contact:read", false),
            ("scorecards/A:update", "scorecards/A:update", true),
            ("scorecards/A:update", "scorecards/B:update", false),
            ("scorecards/A:*", "scorecards/A:read", true),
            ("claviger/keys:*", "claviger/members:read", false),
        ] {
            assert_eq!(set(&[held]).coverage(&asked(ask)) == Coverage::All, covers, "{held} {ask}");
        }
    }

    #[test]
    fn a_right_by_element_answers_a_list_with_its_elements() {
        let held = set(&["scorecards/A:read", "scorecards/C:*", "scorecards/D:update"]);
        let expected = Coverage::Elements(["A".into(), "C".into()].into());
        assert_eq!(held.coverage(&asked("scorecards:read")), expected);
        assert_eq!(set(&["scorecards:read"]).coverage(&asked("scorecards:read")), Coverage::All);
        assert_eq!(PermissionSet::nothing().coverage(&asked("scorecards:read")), Coverage::None);
    }

    #[test]
    fn what_is_asked_can_be_turned_into_reading_and_into_the_whole() {
        let update = asked("scorecards/A:update");
        assert_eq!(update.reading().to_string(), "scorecards/A:read");
        assert_eq!(update.on_whole_resource().to_string(), "scorecards:update");
    }

    #[test]
    fn malformed_permissions_are_refused() {
        for bad in
            ["", ":", "a", "a:", ":read", "a/:read", "*/A:read", "a/b/c:read", "a b:read", "a:re*d", "ä:read", "a:b:c"]
        {
            assert!(Permission::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Asked::parse("*:read"), Err(PermissionError::Wildcard("*:read".into())));
        let long = "a".repeat(97);
        for bad in
            [format!("{}:read", "a".repeat(300)), format!("{long}:read"), format!("a/{long}:read"), format!("a:{long}")]
        {
            let error = Permission::parse(&bad).expect_err("too long");
            assert!(matches!(error, PermissionError::TooLong(_)), "{error}");
            assert!(error.to_string().contains("is too long: a permission has at most 200 bytes"), "{error}");
        }
    }

    fn permission() -> impl Strategy<Value = String> {
        let resource = prop_oneof![Just("*"), Just("a"), Just("b")];
        let element = prop_oneof![Just(None), Just(Some("x")), Just(Some("y"))];
        let action = prop_oneof![Just("*"), Just("read"), Just("update")];
        (resource, element, action).prop_map(|(resource, element, action)| match element {
            Some(element) if resource != "*" => format!("{resource}/{element}:{action}"),
            _ => format!("{resource}:{action}"),
        })
    }

    fn sets() -> impl Strategy<Value = PermissionSet> {
        proptest::collection::vec(permission(), 0..6).prop_map(|it| PermissionSet::parse(&it).expect("permissions"))
    }

    const ASKED: [&str; 6] = ["a:read", "a/x:read", "a/y:update", "b:update", "b/x:read", "c:read"];

    proptest! {
        #[test]
        fn a_meet_covers_exactly_what_both_cover(a in sets(), b in sets()) {
            let both = a.meet(&b);
            for ask in ASKED {
                let ask = asked(ask);
                prop_assert_eq!(both.coverage(&ask), a.coverage(&ask).meet(b.coverage(&ask)), "{} {:?} {:?}", ask, a, b);
            }
            prop_assert!(both.is_within(&a) && both.is_within(&b));
        }

        #[test]
        fn within_never_says_yes_to_more(a in sets(), b in sets()) {
            if a.is_within(&b) {
                for ask in ASKED {
                    let ask = asked(ask);
                    prop_assert_eq!(a.coverage(&ask).meet(b.coverage(&ask)), a.coverage(&ask));
                }
            }
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,60}") {
            drop(Permission::parse(&text));
            drop(Asked::parse(&text));
        }
    }
}
