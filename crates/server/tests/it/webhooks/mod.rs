//! Webhooks: what is sent, to whom, and to whom not.

mod hearing;
mod hooks;
mod receiver;
mod receivers;
mod sending;
mod target;
mod world;
