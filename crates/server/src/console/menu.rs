//! The entries of the menus: plain data, in the order in which they stand on their pages.

use super::{api_management, apis, data_loader, webhooks};

/// What an entry is shown for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Needs {
    /// Being signed in.
    Nothing,
    /// All of these permissions.
    Permissions(&'static [&'static str]),
    /// All of these permissions, at the root: what everybody reads at `/docs` is said there.
    AtRoot(&'static [&'static str]),
    /// Something to do with keys here, be it with all or with own ones.
    Keys,
    /// Keys that the reader may delete, be it all or own ones.
    KeysToDelete,
    /// Another organization within reach.
    Others,
    /// Any entry of that section.
    Section(Section),
}

/// A page that only leads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// What the gear opens.
    Settings,
    /// The people of an organization.
    UserManagement,
    /// Who holds keys.
    Security,
    /// The same, and roles, where others look for them.
    AdvancedSettings,
    /// What leads to the integrations.
    SystemSettings,
    /// What leads to the integrations, further on.
    SystemSetup,
    /// What other programs call with.
    Integrations,
    /// What the installation is for.
    Configure,
    /// The reader's own settings.
    Profile,
    /// The reader's own record.
    EditProfile,
    /// By what the reader signs in, and which keys act under the reader's name.
    ProfileSecurity,
}

/// What a page that only leads on says.
pub(super) struct Plan {
    /// The path within the organization, or on this server.
    pub(super) path: &'static str,
    /// What it is called.
    pub(super) title: &'static str,
    /// Where it stands.
    pub(super) above: Option<Section>,
    /// Where it leads.
    pub(super) entries: &'static [Entry],
}

/// A way on, for who may go it.
pub(super) struct Entry {
    /// The path within the organization, or on this server.
    pub(super) path: &'static str,
    /// The icon's name in the sprite.
    pub(super) icon: &'static str,
    /// What the page is called.
    pub(super) label: &'static str,
    /// What is done there.
    pub(super) note: &'static str,
    /// Whom it is shown to.
    pub(super) needs: Needs,
}

const SETTINGS: Plan = Plan {
    path: "/settings",
    title: "Settings",
    above: None,
    entries: &[
        Entry {
            path: "/keys",
            icon: "key",
            label: "API Keys",
            note: "Create, watch, rotate and revoke the keys that applications call with.",
            needs: Needs::Keys,
        },
        Entry {
            path: USER_MANAGEMENT.path,
            icon: "people",
            label: USER_MANAGEMENT.title,
            note: "Who is a member, with which role, and who is invited.",
            needs: Needs::Section(Section::UserManagement),
        },
        Entry {
            path: SECURITY.path,
            icon: "shield",
            label: SECURITY.title,
            note: "Who holds an active key, and how to clear a personal one.",
            needs: Needs::Section(Section::Security),
        },
        Entry {
            path: ADVANCED_SETTINGS.path,
            icon: "sliders",
            label: ADVANCED_SETTINGS.title,
            note: "Who may have keys, and who holds an active one.",
            needs: Needs::Section(Section::AdvancedSettings),
        },
        Entry {
            path: SYSTEM_SETTINGS.path,
            icon: "plug",
            label: SYSTEM_SETTINGS.title,
            note: "System setup, and from there to the integrations.",
            needs: Needs::Section(Section::SystemSettings),
        },
        Entry {
            path: CONFIGURE.path,
            icon: "sliders",
            label: CONFIGURE.title,
            note: "The APIs that keys are for, and what developers read about them.",
            needs: Needs::Section(Section::Configure),
        },
        Entry {
            path: "/policies",
            icon: "lock",
            label: "Policies",
            note: "How long keys live, who sees secrets again, what becomes of unused keys.",
            needs: Needs::Permissions(&["claviger/organizations:read"]),
        },
        Entry {
            path: "/tree",
            icon: "tree",
            label: "Organizations",
            note: "Make organizations below this one, see what they hold, suspend and move them.",
            needs: Needs::Permissions(&["claviger/organizations:read"]),
        },
        Entry {
            path: "/organizations",
            icon: "switch",
            label: "Switch organization",
            note: "Look at another organization within your reach.",
            needs: Needs::Others,
        },
        Entry {
            path: "/health",
            icon: "warning",
            label: "Key health",
            note: "Keys that expire soon, that nobody uses or answers for, and what to do about them.",
            needs: Needs::Keys,
        },
        Entry {
            path: "/audit",
            icon: "clock",
            label: "Audit",
            note: "Who changed what, by which key, and how it looked before and after.",
            needs: Needs::Permissions(&["claviger/events:read"]),
        },
        Entry {
            path: "/revision-history",
            icon: "clock",
            label: "Revision History",
            note: "What was changed in your product, on whose behalf and by which key.",
            needs: Needs::Permissions(&["claviger/events:read"]),
        },
        Entry {
            path: "/docs",
            icon: "book",
            label: "Developer documentation",
            note: "How to get, send and rotate keys, what every refusal means, and the API reference.",
            needs: Needs::Nothing,
        },
    ],
};

/// What stands together among the settings: a heading, and the paths below it.
pub(super) const GROUPS: [(&str, &[&str]); 3] = [
    ("Keys", &["/keys", "/health", "/policies", "/docs"]),
    ("People", &[USER_MANAGEMENT.path, SECURITY.path, ADVANCED_SETTINGS.path]),
    ("Organization", &["/tree", "/organizations", SYSTEM_SETTINGS.path, CONFIGURE.path, "/audit", "/revision-history"]),
];

/// Pages that are found by a search though no section leads to them.
pub(super) const BESIDES: &[Entry] = &[
    Entry {
        path: "/keys/new",
        icon: "plus",
        label: "Create API Key",
        note: "A key for one application, to be copied from the page that makes it.",
        needs: Needs::Permissions(&["claviger/keys:create"]),
    },
    Entry {
        path: "/keys/leaked",
        icon: "warning",
        label: "Report a leak",
        note: "A key stands where it does not belong: end it at once.",
        needs: Needs::KeysToDelete,
    },
    Entry {
        path: "/shared-secret",
        icon: "lock",
        label: "API shared secret",
        note: "What signs for access tokens together with a key: view it, rotate it, and how programs sign in.",
        needs: Needs::Permissions(&["claviger/shared-secrets:read"]),
    },
    Entry {
        path: "/members/new",
        icon: "people",
        label: "Invite a person",
        note: "By a link to pass on, by which they set a password.",
        needs: Needs::Permissions(&["claviger/users:create", "claviger/members:create", "claviger/roles:read"]),
    },
    Entry {
        path: PROFILE.path,
        icon: "people",
        label: PROFILE.title,
        note: "Your personal key, password and sessions, and preferences: how pages and times look to you.",
        needs: Needs::Section(Section::Profile),
    },
    Entry {
        path: "/sessions",
        icon: "clock",
        label: "Sessions",
        note: "Where you are signed in, and signing out there.",
        needs: Needs::Nothing,
    },
    Entry {
        path: "/password",
        icon: "lock",
        label: "Change password",
        note: "The one that you sign in with.",
        needs: Needs::Nothing,
    },
    Entry {
        path: "/keyboard",
        icon: "book",
        label: "Keyboard shortcuts",
        note: "What single keys do on these pages, and switching them off.",
        needs: Needs::Nothing,
    },
];

const USER_MANAGEMENT: Plan = Plan {
    path: "/user-management",
    title: "User Management",
    above: Some(Section::Settings),
    entries: &[
        Entry {
            path: "/members",
            icon: "people",
            label: "Members",
            note: "Invite people, give them roles, and make a link for a lost password.",
            needs: Needs::Permissions(&["claviger/members:read"]),
        },
        Entry {
            path: "/roles",
            icon: "shield",
            label: "User Roles",
            note: "What each role may do, and whether people with it may have keys.",
            needs: Needs::Permissions(&["claviger/members:read", "claviger/roles:read"]),
        },
        Entry {
            path: "/user-management/keys",
            icon: "key",
            label: "API Keys",
            note: "Keys for integrations, access control and automation.",
            needs: Needs::Keys,
        },
    ],
};

const SECURITY: Plan = Plan {
    path: "/security",
    title: "Security",
    above: Some(Section::Settings),
    entries: &[Entry {
        path: "/security/api-management",
        icon: "key",
        label: api_management::TITLE,
        note: "Who holds an active key, and how to clear a personal one.",
        needs: Needs::Permissions(api_management::NEEDS),
    }],
};

const ADVANCED_SETTINGS: Plan = Plan {
    path: "/advanced-settings",
    title: "Advanced Settings",
    above: Some(Section::Settings),
    entries: &[
        Entry {
            path: "/roles",
            icon: "shield",
            label: "User Roles",
            note: "What each role may do, and whether people with it may have keys.",
            needs: Needs::Permissions(&["claviger/members:read", "claviger/roles:read"]),
        },
        Entry {
            path: "/advanced-settings/api-management",
            icon: "key",
            label: api_management::TITLE,
            note: "Who holds an active key, and how to clear a personal one.",
            needs: Needs::Permissions(api_management::NEEDS),
        },
    ],
};

const SYSTEM_SETTINGS: Plan = Plan {
    path: "/system-settings",
    title: "System Settings",
    above: Some(Section::Settings),
    entries: &[Entry {
        path: SYSTEM_SETUP.path,
        icon: "sliders",
        label: SYSTEM_SETUP.title,
        note: "What other programs call with.",
        needs: Needs::Section(Section::SystemSetup),
    }],
};

const SYSTEM_SETUP: Plan = Plan {
    path: "/system-setup",
    title: "System setup",
    above: Some(Section::SystemSettings),
    entries: &[Entry {
        path: INTEGRATIONS.path,
        icon: "plug",
        label: INTEGRATIONS.title,
        note: "The keys of applications that work with this organization.",
        needs: Needs::Section(Section::Integrations),
    }],
};

const INTEGRATIONS: Plan = Plan {
    path: "/integrations",
    title: "Integrations",
    above: Some(Section::SystemSetup),
    entries: &[
        Entry {
            path: "/integrations/keys",
            icon: "key",
            label: "API Keys",
            note: "Let an application act on behalf of a user.",
            needs: Needs::Keys,
        },
        Entry {
            path: data_loader::PATH,
            icon: "plug",
            label: data_loader::TITLE,
            note: "Keys for loading data in bulk: one for each user, apart from API keys.",
            needs: Needs::Permissions(data_loader::NEEDS),
        },
        Entry {
            path: webhooks::PATH,
            icon: "switch",
            label: webhooks::TITLE,
            note: "Tell other programs that something happened, and see what became of it.",
            needs: Needs::Permissions(webhooks::NEEDS),
        },
    ],
};

const CONFIGURE: Plan = Plan {
    path: "/configure",
    title: "Configure",
    above: Some(Section::Settings),
    entries: &[Entry {
        path: apis::PATH,
        icon: "book",
        label: apis::TITLE,
        note: "Name your APIs, list their versions, and upload OpenAPI documents and guides for your developers.",
        needs: Needs::AtRoot(apis::NEEDS),
    }],
};

const PROFILE: Plan = Plan {
    path: "/profile",
    title: "Your Profile & Preferences",
    above: None,
    entries: &[
        Entry {
            path: "/profile/api-access",
            icon: "key",
            label: "API Access",
            note: "Your personal key: switch it on and off, regenerate it.",
            needs: Needs::Keys,
        },
        Entry {
            path: EDIT_PROFILE.path,
            icon: "people",
            label: EDIT_PROFILE.title,
            note: "Your password, your sessions, and keys made for you.",
            needs: Needs::Section(Section::EditProfile),
        },
        Entry {
            path: "/profile/notifications",
            icon: "bell",
            label: "Notification preferences",
            note: "What you are told, at the bell and by mail.",
            needs: Needs::Nothing,
        },
        Entry {
            path: "/sessions",
            icon: "clock",
            label: "Sessions",
            note: "Where you are signed in.",
            needs: Needs::Nothing,
        },
        Entry {
            path: "/docs",
            icon: "book",
            label: "Developer documentation",
            note: "How to get, send and rotate keys, what every refusal means, and the API reference.",
            needs: Needs::Nothing,
        },
    ],
};

const EDIT_PROFILE: Plan = Plan {
    path: "/profile/edit",
    title: "Edit Profile",
    above: Some(Section::Profile),
    entries: &[Entry {
        path: PROFILE_SECURITY.path,
        icon: "shield",
        label: PROFILE_SECURITY.title,
        note: "Password, sessions, and the keys that act under your name.",
        needs: Needs::Section(Section::ProfileSecurity),
    }],
};

const PROFILE_SECURITY: Plan = Plan {
    path: "/profile/security",
    title: "Security",
    above: Some(Section::EditProfile),
    entries: &[
        Entry {
            path: "/profile/security/keys",
            icon: "key",
            label: "API Keys",
            note: "Keys that others made for you.",
            needs: Needs::Keys,
        },
        Entry { path: "/password", icon: "gear", label: "Password", note: "Set another one.", needs: Needs::Nothing },
        Entry {
            path: "/sessions",
            icon: "clock",
            label: "Sessions",
            note: "Where you are signed in, and how to end it.",
            needs: Needs::Nothing,
        },
    ],
};

impl Section {
    /// Every one of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 11] = [
        Self::Settings,
        Self::UserManagement,
        Self::Security,
        Self::AdvancedSettings,
        Self::SystemSettings,
        Self::SystemSetup,
        Self::Integrations,
        Self::Configure,
        Self::Profile,
        Self::EditProfile,
        Self::ProfileSecurity,
    ];

    /// What its page says.
    pub(super) fn plan(self) -> &'static Plan {
        match self {
            Self::Settings => &SETTINGS,
            Self::UserManagement => &USER_MANAGEMENT,
            Self::Security => &SECURITY,
            Self::AdvancedSettings => &ADVANCED_SETTINGS,
            Self::SystemSettings => &SYSTEM_SETTINGS,
            Self::SystemSetup => &SYSTEM_SETUP,
            Self::Integrations => &INTEGRATIONS,
            Self::Configure => &CONFIGURE,
            Self::Profile => &PROFILE,
            Self::EditProfile => &EDIT_PROFILE,
            Self::ProfileSecurity => &PROFILE_SECURITY,
        }
    }
}
