//! Two cores: what is measured starts from the calling thread and has one of them; couriers and sink share the other. Measures
//! nothing.

use std::process::{Command, Stdio};
use std::sync::mpsc;

use tokio::runtime::{Builder, Handle};

/// What is measured.
const MEASURED: usize = 0;
/// What measures.
const MEASURING: usize = 1;

/// The core that measures: a runtime on a thread of its own.
pub struct Bench {
    runtime: Handle,
    /// Whether each side has a core of its own.
    pub is_pinned: bool,
}

impl Bench {
    /// Puts the calling thread on the core of what is measured, for whatever it starts.
    pub fn new() -> Self {
        let (started, starting) = mpsc::channel();
        std::thread::spawn(move || {
            let is_pinned = pin(MEASURING);
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            started.send((runtime.handle().clone(), is_pinned)).unwrap();
            runtime.block_on(std::future::pending::<()>());
        });
        let (runtime, is_pinned) = starting.recv().unwrap();
        Self { runtime, is_pinned: pin(MEASURED) && is_pinned }
    }

    /// Waits for what is done there.
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (done, waiting) = mpsc::channel();
        self.runtime.spawn(async move { done.send(work.await) });
        waiting.recv().expect("what was to be measured went wrong")
    }
}

/// Puts the calling thread, and whatever it starts from now on, on one core. False where there is no `taskset`, or no such core.
fn pin(core: usize) -> bool {
    let Ok(thread) = std::fs::read_link("/proc/thread-self") else { return false };
    let Some(id) = thread.file_name() else { return false };
    let pinning =
        Command::new("taskset").arg("-cp").arg(core.to_string()).arg(id).stdout(Stdio::null()).status();
    pinning.is_ok_and(|status| status.success())
}
