//! Work ahead of the next request.

use parking_lot::Mutex;
use tokio::task::AbortHandle;

/// At most one task. A new one aborts it, because only the latest prompt is worth a prefill.
#[derive(Debug, Default)]
pub(crate) struct Background(Mutex<Option<AbortHandle>>);

impl Background {
    /// Runs a task, and aborts the one before.
    pub(crate) fn run<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) {
        let task = tokio::spawn(task).abort_handle();
        if let Some(earlier) = self.0.lock().replace(task) {
            earlier.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use tokio::{sync::oneshot, time::timeout};

    use super::*;

    #[tokio::test]
    async fn task_ends_the_one_before() {
        let background = Background::default();
        let (alive, ended) = oneshot::channel::<()>();
        background.run(async move {
            pending::<()>().await;
            alive.send(())
        });
        background.run(async {});
        let ended = timeout(Duration::from_secs(10), ended).await.expect("the task is dropped");
        assert!(ended.is_err(), "before its end");
    }
}
