//! Addresses in which a password may stand: they are shown to nobody.

use std::fmt;

macro_rules! secret_urls {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(pub(super) String);
        impl $name {
            /// The address with the password, to connect with.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

secret_urls! {
    /// The address of a PostgreSQL. A password may stand in it, so it is not shown.
    DatabaseUrl,
    /// The address of an SMTP server. A password may stand in it, so it is not shown.
    SmtpUrl,
}
