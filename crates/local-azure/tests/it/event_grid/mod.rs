//! The local Event Grid seen from outside: requests into its router, deliveries out to endpoints in memory.

mod authentication;
mod cloud_events;
mod dead_letters;
mod delivery;
mod delivery_faults;
mod endpoint;
mod filters;
mod handshake;
mod management;
mod publish;
mod receipts;
mod retry;
mod stage;
mod watch;
