//! Forward authentication: what a gateway asks before it lets a request through.

pub mod listener;
