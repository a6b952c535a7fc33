//! The local cloud seen from outside, one module per service, and one for what only all of them together do.

mod blob_storage;
mod event_grid;
mod media_services;
mod whole_cloud;
