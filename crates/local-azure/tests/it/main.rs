//! The local cloud seen from outside, one module per service.
mod media_services;
