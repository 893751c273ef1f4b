//! Webhooks: what is sent, to whom, and to whom not.

mod facts;
mod fanning;
mod health;
mod hearing;
mod hooks;
pub(crate) mod receiver;
mod receivers;
mod reports;
mod sending;
mod stretches;
mod target;
pub(crate) mod world;
