//! Who is introduced after construction and may be let go again: services that know each other are never freed otherwise.

use std::sync::{Mutex, PoisonError};

/// A place for somebody. The first who comes keeps it.
pub(super) struct Neighbour<T>(Mutex<Option<T>>);

impl<T: Clone> Neighbour<T> {
    pub fn nobody() -> Self {
        Self(Mutex::new(None))
    }

    pub fn introduce(&self, neighbour: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(neighbour);
    }

    pub fn get(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn let_go(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
