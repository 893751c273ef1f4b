//! The console over HTTP, as a browser without scripts meets it.

mod account;
mod audit;
mod browser;
mod changes;
mod confirm;
mod confirmations;
mod edits;
mod hostile;
mod limits;
mod organizations;
mod pages;
mod people;
mod questions;
mod roles;
mod secrets;
mod sessions;
mod tenants;
