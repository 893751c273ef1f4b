//! What each page shows: structs of plain data, one per template.
//!
//! A handler fills them and renders; nothing here reads a clock, a database or a request. Free text stays free text up to the template,
//! which escapes it and sets names in `<bdi>`.

pub mod access;
pub mod account;
pub mod again;
pub mod apis;
pub mod audit;
pub mod bulk;
pub mod data_loader;
pub mod entrance;
pub mod failure;
pub mod form;
pub mod health;
pub mod home;
pub mod key_list;
pub mod keyboard;
pub mod keys;
pub mod leak;
pub mod limits;
pub mod members;
pub mod notifications;
pub mod organizations;
pub mod pager;
pub mod policies;
pub mod review;
pub mod revisions;
pub mod roles;
pub mod rotation;
pub mod secrets;
pub mod settings;
pub mod shared_secret;
pub mod shell;
pub mod snippets;
pub mod tree;
pub mod usage;
pub mod webhooks;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
