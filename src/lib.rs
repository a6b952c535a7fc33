//! Everything that touches the world: sockets, clocks, providers, configuration. What is decided is decided in
//! [`gridwich_handlers`].

pub mod admission;
pub mod app;
pub mod azure;
pub mod bodies;
pub mod clock;
pub mod config;
pub mod contract;
pub mod deadletter;
pub mod endpoint;
pub mod health;
pub mod jitter;
#[cfg(feature = "local")]
pub mod local;
pub mod media_info;
pub mod publisher;
pub mod secret;
#[cfg(feature = "local")]
pub mod send;
pub mod server;
pub mod steps;
pub mod telemetry;
pub mod watch;
