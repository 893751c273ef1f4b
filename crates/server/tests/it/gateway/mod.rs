//! The real gateways, as processes on loopback, with the configurations of `gateways/`.

mod authz;
mod claviger;
mod limits;
mod listener;
mod locations;
mod nginx;
mod nginx_configuration;
mod real_input;
mod scorecards;
mod versions;
mod world;
