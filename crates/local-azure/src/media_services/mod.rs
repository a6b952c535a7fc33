//! The local Media Services.
