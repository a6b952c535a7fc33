//! The local Blob Storage.
