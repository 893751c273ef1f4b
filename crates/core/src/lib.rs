//! Claviger's domain, pure: no I/O, no clock and no randomness of its own.
//!
//! Start reading at [`decision`]: everything else exists so that it can be asked.

pub mod access_token;
pub mod anchor;
pub mod api;
pub mod assertion;
pub mod chain;
pub mod decision;
pub mod ending;
pub mod event;
pub mod event_type;
pub mod feed;
pub mod github;
pub mod hanging;
pub mod host_event;
pub mod id;
pub mod key;
pub mod key_limits;
pub mod limits;
pub mod masking;
pub mod master_keys;
pub mod member;
pub mod name;
pub mod network;
pub mod node;
pub mod notification;
pub mod organization;
pub mod permission;
pub mod policy;
pub mod quota;
pub mod rate;
pub mod reject;
pub mod role;
pub mod rotation;
pub mod sealing;
pub mod secret;
pub mod shared_secret;
pub mod tenant;
pub mod time;
pub mod usage;
pub mod user;
pub mod webhook;
pub mod words;
