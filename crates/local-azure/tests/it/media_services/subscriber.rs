//! Who hears the account's events. Not whom they are for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use local_azure::inside::{EventSink, PlatformEvent, Receipt};

/// Hears all events.
#[derive(Default)]
pub struct Events {
    heard: Mutex<Vec<PlatformEvent>>,
    /// Receipts of events that are never settled.
    owed: Mutex<Vec<Receipt>>,
    /// Whether events are never settled from now on.
    pub is_owed: AtomicBool,
    /// Looks at each event as it is raised.
    pub look: Mutex<Option<Look>>,
}

type Look = Box<dyn Fn(&PlatformEvent) + Send>;

impl EventSink for Events {
    fn raise(&self, event: PlatformEvent) {
        if let Some(look) = &*self.look.lock().unwrap() {
            look(&event);
        }
        self.heard.lock().unwrap().push(event);
    }

    fn raise_with_receipt(&self, event: PlatformEvent, receipt: Receipt) {
        self.raise(event);
        if self.is_owed.load(Ordering::Relaxed) {
            self.owed.lock().unwrap().push(receipt);
        }
    }
}

impl Events {
    /// All events so far, which are then forgotten.
    pub fn take(&self) -> Vec<PlatformEvent> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// Settles the earlier half of the events that are not.
    pub fn settle_half(&self) {
        let mut owed = self.owed.lock().unwrap();
        let half = owed.len() / 2;
        owed.drain(..half);
    }

    /// The types of all events so far without `Microsoft.Media.`, which are then forgotten.
    pub fn take_types(&self) -> Vec<&'static str> {
        let types = self.take().into_iter().map(|event| event.event_type);
        types.map(|event_type| event_type.strip_prefix("Microsoft.Media.").unwrap_or(event_type)).collect()
    }
}
