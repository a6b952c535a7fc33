//! How scratch folders go. Not what is in them.

use std::io;
use std::path::Path;
use std::time::Duration;

/// An encoder that was just killed may make one more file in a folder that is being removed.
const REMOVALS_MAX: usize = 30;
const REMOVE_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Removes a folder and all in it, if it is there. For three seconds somebody may still write to it.
///
/// # Errors
/// What the system says at the last attempt.
pub async fn remove(folder: &Path) -> io::Result<()> {
    for _ in 1..REMOVALS_MAX {
        match remove_now(folder).await {
            Ok(()) => return Ok(()),
            Err(_) => tokio::time::sleep(REMOVE_AGAIN_AFTER).await,
        }
    }
    remove_now(folder).await
}

async fn remove_now(folder: &Path) -> io::Result<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_folder_goes_although_somebody_wrote_there_a_moment_ago() {
        let folder = std::env::temp_dir().join(format!("local-azure-scratch-{}", std::process::id()));
        let job = folder.join("job");
        std::fs::create_dir_all(&job).expect("a folder");
        let end = Instant::now() + Duration::from_millis(300);
        let writer = std::thread::spawn(move || {
            for number in (0..).take_while(|_| Instant::now() < end) {
                let _ = std::fs::create_dir_all(&job)
                    .and_then(|()| std::fs::write(job.join(format!("{number}")), ""));
            }
        });
        let removed = remove(&folder).await;
        writer.join().expect("a writer");
        remove(&folder).await.expect("nobody writes any more");
        assert!(removed.is_ok() && !folder.exists(), "{removed:?}");
    }
}
