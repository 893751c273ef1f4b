//! The members of an organization: the list, a member's own pages, and the link by which somebody sets a password.

use askama::Template;

use super::audit::EventRowView;
use super::form::{Choice, FormErrors};
use super::pager::Pager;
use super::shell::{Moment, Preferences, Shell, Status};

/// The list of members.
#[derive(Template, Debug)]
#[template(path = "members/list.html")]
pub struct MemberListPage {
    /// The frame.
    pub shell: Shell,
    /// The rows of this page.
    pub rows: Vec<PersonFacts>,
    /// The words searched for; empty for none.
    pub search: String,
    /// Whether nothing stands before these.
    pub is_first: bool,
    /// Which part of the list it is.
    pub pager: Pager,
    /// Whether the viewer may invite people.
    pub may_invite: bool,
}

/// What is known of a member.
#[derive(Debug, Clone)]
pub struct PersonFacts {
    /// The membership's id.
    pub id: String,
    /// Free text.
    pub name: String,
    /// The sign-in name; none for who never signs in.
    pub email: Option<String>,
    /// The role's name as people read it: `ADMIN`, `READONLY`.
    pub role: String,
    /// Whether the role carries full administrative privileges.
    pub role_is_admin: bool,
    /// Permissions beside the role's.
    pub extra: Vec<String>,
    /// Active, invited, disabled, in words.
    pub status: Status,
    /// When the person signed in last; none for never.
    pub signed_in: Option<Moment>,
    /// Keys here that belong to the person, in digits as people read them.
    pub own_keys: String,
    /// Until when a link to set a password is good.
    pub link_until: Option<Moment>,
    /// Whether the person has a password.
    pub has_password: bool,
    /// Whether it is a service user, who only acts through keys.
    pub service: bool,
    /// Whether the user is not disabled.
    pub active: bool,
    /// Whether another organization manages the user: then only the membership is changed here.
    pub managed_elsewhere: bool,
    /// Whether it is the viewer.
    pub is_viewer: bool,
}

/// A member's own page.
#[derive(Template, Debug)]
#[template(path = "members/show.html")]
pub struct MemberPage {
    /// The frame.
    pub shell: Shell,
    /// Who.
    pub person: PersonFacts,
    /// Whether it is the last administrator, who stays.
    pub last_admin: bool,
    /// Whether the viewer may change the membership.
    pub may_change: bool,
    /// Whether the viewer may end the membership.
    pub may_remove: bool,
    /// Whether the viewer may change the user: make links, disable and enable.
    pub may_change_user: bool,
    /// Whether the viewer may look at what happened to the membership.
    pub may_read_history: bool,
    /// Makes a reload of the page with a link harmless.
    pub once: String,
}

/// The form that invites somebody.
#[derive(Template, Debug)]
#[template(path = "members/invite.html")]
pub struct InvitePage {
    /// The frame.
    pub shell: Shell,
    /// The name as typed.
    pub name: String,
    /// The e-mail address as typed.
    pub email: String,
    /// The roles that the viewer may give.
    pub roles: Vec<Choice>,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}

/// The form of what a member is called.
#[derive(Template, Debug)]
#[template(path = "members/edit.html")]
pub struct EditMemberPage {
    /// The frame.
    pub shell: Shell,
    /// Who.
    pub person: PersonFacts,
    /// Which version of the user the form shows.
    pub version: String,
    /// The name as typed.
    pub name: String,
    /// The e-mail address as typed.
    pub email: String,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}

/// The form that gives a member another role.
#[derive(Template, Debug)]
#[template(path = "members/role.html")]
pub struct MemberRolePage {
    /// The frame.
    pub shell: Shell,
    /// Who.
    pub person: PersonFacts,
    /// Which version of the membership the form shows.
    pub version: String,
    /// The roles that the viewer may give.
    pub roles: Vec<Choice>,
    /// Permissions beside the role's, one a line.
    pub extra: String,
    /// Keys that belong to the person, and that no other membership reaches.
    pub held: u64,
    /// Other keys that act as the person.
    pub mapped: u64,
    /// Whether there may be more than were counted.
    pub more: bool,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}

/// Asks before somebody is removed.
#[derive(Template, Debug)]
#[template(path = "members/remove.html")]
pub struct RemoveMemberPage {
    /// The frame.
    pub shell: Shell,
    /// Who.
    pub person: PersonFacts,
    /// Personal keys that are revoked.
    pub personal: u64,
    /// Keys that lose their owner.
    pub owned: u64,
    /// Further keys that act as the person.
    pub mapped: u64,
    /// Whether there are more than were counted.
    pub more: bool,
}

/// Asks before somebody is disabled.
#[derive(Template, Debug)]
#[template(path = "members/disable.html")]
pub struct DisableMemberPage {
    /// The frame.
    pub shell: Shell,
    /// Who.
    pub person: PersonFacts,
    /// What stops; none where the viewer may not look at keys.
    pub keys: Option<StoppingKeys>,
}

/// The keys that stop when somebody is disabled.
#[derive(Debug, Clone)]
pub struct StoppingKeys {
    /// How many.
    pub count: u64,
    /// The same in digits as people read them.
    pub counted: String,
    /// How many of them were used within the last day; none where that is too much to find out.
    pub used_lately: Option<String>,
    /// Some of them, those used last first: id and name.
    pub named: Vec<(String, String)>,
    /// The id of the user whom they act as.
    pub user_id: String,
}

/// A link just made: the one page that shows it.
#[derive(Template)]
#[template(path = "members/link.html")]
pub struct LinkMadePage {
    /// The frame.
    pub shell: Shell,
    /// The membership's id.
    pub member_id: String,
    /// For whom, free text.
    pub name: String,
    /// The sign-in name.
    pub email: String,
    /// The whole link.
    pub link: String,
    /// From when on it is not accepted any more.
    pub until: Moment,
    /// Whether it invites; else it lets set another password.
    pub invites: bool,
}

impl std::fmt::Debug for LinkMadePage {
    /// Without the link, by which anybody is let in.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LinkMadePage").field("member_id", &self.member_id).finish_non_exhaustive()
    }
}

/// The page behind a link: sets a password.
#[derive(Template)]
#[template(path = "password_link.html")]
pub struct PasswordLinkPage {
    /// How this browser wants pages to look.
    pub preferences: Preferences,
    /// Whether it invites; else it lets set another password.
    pub invites: bool,
    /// The organization that manages the person, free text.
    pub organization_name: String,
    /// The sign-in name.
    pub email: String,
    /// The one-time token of the link, sent back with the form.
    pub token: String,
    /// Characters that a password needs.
    pub password_chars_min: usize,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}

impl std::fmt::Debug for PasswordLinkPage {
    /// Without the token.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PasswordLinkPage").field("invites", &self.invites).finish_non_exhaustive()
    }
}

/// What is left of a member who was removed.
#[derive(Template, Debug)]
#[template(path = "members/removed.html")]
pub struct RemovedMemberPage {
    /// The frame.
    pub shell: Shell,
    /// The identifier of the membership.
    pub member_id: String,
    /// What ended it.
    pub removal: EventRowView,
    /// That and what came before, newest first.
    pub happened: Vec<EventRowView>,
}
