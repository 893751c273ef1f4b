//! The operations themselves, on a real store and replica.

mod api_access;
mod changes;
mod clocks;
mod imports;
mod keys;
mod leak_notices;
pub(crate) mod mail_sink;
mod notifications;
mod people;
mod replica;
mod reveal;
mod sessions;
mod standing;
mod tree;
