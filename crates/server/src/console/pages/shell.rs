//! What every page has around it: who looks at which organization, and the words and signs that all pages share.

use claviger_core::limits::NOTIFICATIONS_COUNTED_MAX;
use claviger_core::time::Timestamp;

use crate::console::paging::back_query;

/// The frame of a signed-in page.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The organization's name, free text.
    pub organization_name: String,
    /// The organization's slug: part of every path, so that two tabs can look at two organizations.
    pub organization_slug: String,
    /// The organizations to look at; none where there is no other.
    pub views: Option<ViewSwitch>,
    /// Who is signed in.
    pub viewer: Viewer,
    /// Whether the reader may look at the organization's webhooks.
    pub webhooks: bool,
    /// Which entry of the menu is marked as the current one.
    pub place: Place,
    /// How this browser wants pages to look.
    pub preferences: Preferences,
    /// The path and query of this page, for forms that come back to it; empty where it answers a form: to come back would lose what it shows.
    pub here: String,
    /// The list that the reader came from to a key, as a path with its query, where it is another organization's or not the whole one; what is
    /// done to the key leads back there.
    pub back: Option<String>,
    /// The present instant of the service, RFC 3339: what "3 h ago" is counted from, whatever the browser's clock says.
    pub now: String,
    /// What the last action did, shown once.
    pub notice: Option<Notice>,
    /// Which nodes have not confirmed the last change yet, in a sentence; absent when all have.
    pub unconfirmed: Option<String>,
    /// How many notifications the reader has not looked at, up to a bound.
    pub unread: u64,
    /// Whether other nodes may have seen keys used that this one does not know of yet.
    pub behind: bool,
}

impl Shell {
    /// What stands at the bell: a number, as far as it is counted.
    #[must_use]
    pub fn bell(&self) -> String {
        match self.unread {
            NOTIFICATIONS_COUNTED_MAX.. => "99+".to_owned(),
            unread => unread.to_string(),
        }
    }

    /// Some of the organizations right below the present one; none where there are none to look at.
    #[must_use]
    pub fn locations(&self) -> &[ViewLink] {
        let views = self.views.as_ref().filter(|it| it.agency.as_ref().is_some_and(|it| it.here));
        views.map_or(&[], |it| it.locations.as_slice())
    }

    /// A path within the organization, `shell.path("/keys")`; its own page with `shell.path("")`.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("/o/{}{rest}", self.organization_slug)
    }

    /// The list that the reader came from; another path within the organization where that is its own.
    #[must_use]
    pub fn back_or(&self, rest: &str) -> String {
        self.back.clone().unwrap_or_else(|| self.path(rest))
    }

    /// What an address of a key's pages ends in, so that they go on knowing where their reader came from; `mark` is `?` or `&`.
    #[must_use]
    pub fn kept(&self, mark: &str) -> String {
        self.back.as_ref().map(|it| format!("{mark}{}", back_query(it))).unwrap_or_default()
    }

    /// The address of a list that a form brought along: that of another organization as it is, else a path within this one.
    #[must_use]
    pub fn list(&self, back: &str) -> String {
        if back.starts_with("/o/") { back.to_owned() } else { self.path(back) }
    }
}

/// What the view switch of the top bar offers at once; the page of organizations has the others.
#[derive(Debug, Clone)]
pub struct ViewSwitch {
    /// The topmost organization, where the agency is another one.
    pub top: Option<ViewLink>,
    /// The nearest agency: the present organization, or the one right above it.
    pub agency: Option<ViewLink>,
    /// Some of the others.
    pub locations: Vec<ViewLink>,
}

/// An organization that can be looked at.
#[derive(Debug, Clone)]
pub struct ViewLink {
    /// Free text.
    pub name: String,
    /// Where it is found.
    pub slug: String,
    /// Whether another one here is called the same: then its short name stands beside the name.
    pub has_namesake: bool,
    /// Whether it is the one that the page belongs to.
    pub here: bool,
}

/// The person who is signed in.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Free text.
    pub name: String,
    /// The address that the person signs in with.
    pub email: String,
}

impl Viewer {
    /// The letter that stands for the person in the top bar.
    #[must_use]
    pub fn initial(&self) -> String {
        self.name
            .chars()
            .find(|it| it.is_alphanumeric())
            .map_or_else(|| "?".to_owned(), |it| it.to_uppercase().collect())
    }
}

/// An entry of the top bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first page after signing in.
    Home,
    /// The keys of the organization.
    Keys,
    /// The webhooks of the organization.
    Webhooks,
    /// The settings page.
    Settings,
    /// None of the menu's entries.
    Elsewhere,
}

/// How this browser wants pages to look. Kept in a cookie and applied by the server, so that a dark page is dark from its first paint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preferences {
    /// Light, dark, or as the system says.
    pub theme: Theme,
    /// How instants are written.
    pub times: Times,
    /// Whether single keys do something.
    pub shortcuts: Shortcuts,
}

/// The colours of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// The word in the cookie, the form and the `data-theme` attribute.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a word; an unknown one counts as no wish.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// How instants are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Times {
    /// `2026-11-20 18:59:11`, in UTC.
    #[default]
    Absolute,
    /// `3 min ago`, where scripts run.
    Relative,
}

impl Times {
    /// The word in the cookie, the form and the `data-times` attribute.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Relative => "relative",
        }
    }

    /// The way of a word; an unknown one counts as no wish.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        if word == "relative" { Self::Relative } else { Self::Absolute }
    }
}

/// Whether single keys do something on the pages: who speaks to the computer, or shakes, must be able to switch that off (WCAG 2.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shortcuts {
    /// They do.
    #[default]
    On,
    /// They are left to the browser.
    Off,
}

impl Shortcuts {
    /// The word in the cookie, the form and the `data-shortcuts` attribute.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }

    /// The wish of a word; an unknown one counts as none.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        if word == "off" { Self::Off } else { Self::On }
    }
}

/// What the last action did: a closed list, so that no link can put words into the console's mouth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The account was made from the set-up link.
    AccountCreated,
    /// What the reader sent before signing in again was not done.
    NotSent,
    /// A key's name, role, expiry or mapped user was changed.
    KeyUpdated(String),
    /// The reader keeps a key that was about to end for want of use.
    KeyKept(String),
    /// The reader put a notification away.
    NotificationDismissed,
    /// The reader marked all notifications as read.
    NotificationsRead,
    /// The reader chose how to be told.
    ChoicesSaved,
    /// A key was deactivated.
    KeyDeactivated(String),
    /// A key was activated again.
    KeyActivated(String),
    /// A key was deleted.
    KeyDeleted(String),
    /// Something was to be done to the ticked keys, and none was.
    NoKeyTicked,
    /// None of the ticked keys was there any more.
    TickedKeysGone,
    /// Several keys were activated: how many, and how many were gone meanwhile.
    KeysActivated(usize, usize),
    /// Old secrets of a key were ended: the key's name, and what the one begins with; empty where it was more than one, or an imported one.
    RotationEnded(String, String),
    /// An old secret of a key works for longer.
    RotationExtended(String, String),
    /// The new secret of a key was ended, and an old one is current again.
    RotationCancelled(String, String),
    /// Several keys were deactivated.
    KeysDeactivated(usize, usize),
    /// Several keys were given a later end: how many, how many were gone meanwhile, and which were left since they end later already; empty for
    /// none.
    KeysExtended(usize, usize, String),
    /// Several keys were deleted.
    KeysDeleted(usize, usize),
    /// An administrator cleared somebody's personal key.
    KeyCleared(String),
    /// The reader switched API access off.
    ApiAccessOff,
    /// The reader asked for API access, which was on already.
    ApiAccessWasOn,
    /// A role was made.
    RoleCreated(String),
    /// A role was changed.
    RoleSaved(String),
    /// A role was deleted.
    RoleDeleted(String),
    /// The reader changed the own password.
    PasswordChanged,
    /// The reader ended one of the own sessions.
    SessionEnded,
    /// The reader ended all of the own sessions but this one.
    SessionsEnded,
    /// The organization's shared secret was deleted.
    SharedSecretDeleted,
    /// An old shared secret was ended.
    OldSharedSecretEnded,
    /// An old shared secret works for longer.
    OldSharedSecretExtended,
    /// A webhook goes on.
    WebhookPlayed,
    /// A webhook is sent nothing until somebody plays it.
    WebhookPaused,
    /// A webhook's address or description was changed.
    WebhookUpdated,
    /// A webhook was deleted.
    WebhookDeleted,
    /// What an api or a version of one is called, or how far it has come, was changed.
    ApiSaved(String),
    /// A guide or an OpenAPI document was put where it is read.
    DocumentationSaved(String),
    /// A version, a guide or an OpenAPI document was taken away.
    DocumentationDeleted(String),
    /// The form that shows a signing secret was sent again.
    SigningSecretWasShown,
    /// A delivery is sent again.
    DeliveryResent,
    /// A test is on its way.
    TestSent,
    /// Configure was pressed, and no webhook was selected.
    NoWebhookSelected,
    /// So many deliveries are sent again, and whether there are more.
    DeliveriesRecovered(usize, bool),
    /// The reader set a password by a link.
    PasswordSet,
    /// Somebody who had an account was made a member.
    MemberAdded(String),
    /// A member was given another role.
    MemberUpdated(String),
    /// Somebody was removed from the organization.
    MemberRemoved(String),
    /// Somebody was disabled, and with them so many keys that act as the user with this id, where any did and the reader may know.
    UserDisabled(String, Option<(u64, String)>),
    /// Somebody was enabled again.
    UserEnabled(String),
    /// The link for somebody was taken back.
    LinkWithdrawn(String),
    /// A link was shown in the answer to the same form before.
    LinkWasShown(String),
    /// Somebody is called otherwise, or signs in with another address.
    UserUpdated(String),
    /// A setting of the policy was changed.
    PolicySaved(String),
    /// What an event told was erased.
    EventErased,
    /// An organization was made, and below which.
    OrganizationCreated(String, String),
    /// An organization is called otherwise.
    OrganizationUpdated(String),
    /// An organization was suspended.
    OrganizationSuspended(String),
    /// A suspension was taken back.
    OrganizationResumed(String),
    /// An organization got another parent.
    OrganizationMoved(String),
}

impl Notice {
    /// Whether it says that nothing was done.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        matches!(self, Self::NotSent | Self::NoKeyTicked | Self::TickedKeysGone)
    }
}

/// An instant, for `<time>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339, for machines.
    pub iso: String,
    /// `2026-11-20 18:59:11`, in UTC.
    pub text: String,
}

impl Moment {
    /// Writes an instant with the second.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self { iso: at.to_string(), text: at.to_table_text() }
    }

    /// Writes the end of a key, and midnight as the end of the day before.
    #[must_use]
    pub fn until(at: Timestamp) -> Self {
        let moment = Self::new(at);
        let text = match at.is_midnight() {
            true => format!("end of {} (UTC)", at.on_last_day().to_date_text()),
            false => format!("{} UTC", moment.text),
        };
        Self { text, ..moment }
    }

    /// Writes the last day on which a key is good, where the hour is of no use in a narrow column.
    #[must_use]
    pub fn last_day(at: Timestamp) -> Self {
        Self { iso: at.to_string(), ..Self::day(at.on_last_day()) }
    }

    /// Writes an instant as its day, where the hour is of no use in a narrow column.
    #[must_use]
    pub fn day(at: Timestamp) -> Self {
        let mut day = Self::new(at);
        day.text.truncate("2027-01-20".len());
        day
    }
}

/// A state in words with the icon that goes with it; colour is never the only sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Chooses icon and colour.
    pub tone: Tone,
    /// `Active`, `Rotating until …`, `Idle, deletes in 7 d`.
    pub words: String,
}

/// How a state is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// On its way from one state to another, as planned.
    Turning,
    /// Somebody should look at it.
    Warning,
    /// Switched off by somebody, can be switched on again.
    Paused,
    /// Over: expired or deleted.
    Ended,
}

impl Tone {
    /// The class that colours it.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Turning => "turning",
            Self::Warning => "warning",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }

    /// The icon's name in the sprite.
    #[must_use]
    pub fn icon(self) -> &'static str {
        match self {
            Self::Good => "dot",
            Self::Turning => "clock",
            Self::Warning => "warning",
            Self::Paused => "pause",
            Self::Ended => "ended",
        }
    }
}
