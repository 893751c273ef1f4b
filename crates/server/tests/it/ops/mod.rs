//! The operations themselves, on a real store and replica.

mod api_access;
mod changes;
mod clocks;
mod imports;
mod keys;
mod notifications;
mod people;
mod replica;
mod reveal;
mod sessions;
mod standing;
mod tree;
