//! Who is introduced after construction and may be let go again: services that know each other are never freed otherwise.

use std::sync::{Mutex, PoisonError};

/// A place for somebody. Whoever comes keeps it until let go.
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
        // Whoever it was may know us: freed when the lock is, not under it.
        let neighbour = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(neighbour);
    }
}
