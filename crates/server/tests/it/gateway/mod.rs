//! The real gateways, as processes on loopback, with the configurations of `gateways/`.

mod listener;
mod nginx;
mod nginx_configuration;
