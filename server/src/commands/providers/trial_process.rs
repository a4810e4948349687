//! A process that may crash, hang, print anything or start other processes, and leaves nothing
//! behind.

use std::{
    io::{self, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use foretell_engine::trial::{Report, Trial};

/// How much of the end of an output is kept, in bytes.
const MAX_BYTES: usize = 1 << 18;
/// The longest message of a process in a reason.
const MAX_MESSAGE_CHARS: usize = 200;
/// How long a killed process may take to end.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a trial to its end, and for no longer than `limit`. Its child processes are killed with it.
/// It can tell from its standard input that this process has ended.
///
/// # Errors
/// Why there is no result.
pub(super) fn run(command: &mut Command, limit: Duration) -> Result<Trial, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = group::spawn(command).map_err(|error| format!("cannot be tried: {error}"))?;
    let (output, errors) = (Tail::of(child.stdout.take()), Tail::of(child.stderr.take()));
    let Some(status) = group::end(child, limit) else {
        return Err(format!("no result after {} s", limit.as_secs_f64().round()));
    };
    // Other programs may have written to the output: drivers do.
    let output = output.text();
    let report = output.lines().rev().find_map(|it| serde_json::from_str::<Report>(it).ok());
    match report {
        Some(Report::Failed(reason)) => Err(reason),
        Some(Report::Ran(trial)) if status.success() => Ok(trial),
        _ => Err(ended(status, &errors.text())),
    }
}

fn ended(status: ExitStatus, errors: &str) -> String {
    let how = if status.success() { "ended without a result" } else { "crashed" };
    let last = errors.lines().rev().map(str::trim).find(|it| !it.is_empty());
    let last = last.map_or_else(String::new, |it| format!(": {it}"));
    format!("{how} ({status}){}", last.chars().take(MAX_MESSAGE_CHARS).collect::<String>())
}

/// The end of an output, which a thread reads.
struct Tail(Receiver<Vec<u8>>);

impl Tail {
    fn of(from: Option<impl Read + Send + 'static>) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut from) = from {
                let mut buffer = [0; 1 << 13];
                while let Ok(n_bytes @ 1..) = from.read(&mut buffer) {
                    bytes.extend_from_slice(&buffer[..n_bytes]);
                    if bytes.len() > 2 * MAX_BYTES {
                        bytes.drain(..bytes.len() - MAX_BYTES);
                    }
                }
            }
            // Fails only if the receiver was dropped.
            let _ = sender.send(bytes);
        });
        Self(receiver)
    }

    /// The text, once all writers have ended. A process that has left the group may keep the output
    /// open: then, it is empty.
    fn text(self) -> String {
        let bytes = self.0.recv_timeout(GRACE).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(unix)]
mod group {
    use std::os::unix::process::CommandExt;

    use rustix::{
        io::Errno,
        process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
    };

    use super::{Child, Command, Duration, ExitStatus, GRACE, channel, io, thread};

    pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
        command.process_group(0).spawn()
    }

    /// Waits for the process, kills what is left of its group, and reaps it. `None` if it did not
    /// end in time.
    pub(super) fn end(mut child: Child, limit: Duration) -> Option<ExitStatus> {
        let pid = Pid::from_child(&child);
        let (sender, ended) = channel();
        thread::spawn(move || {
            // It is not reaped here: until the group is killed, its number must not be used again.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
            let _ = sender.send(());
        });
        let has_ended = ended.recv_timeout(limit).is_ok();
        // Fails only if nothing is left of the group.
        let _ = kill_process_group(pid, Signal::KILL);
        if !has_ended && ended.recv_timeout(GRACE).is_err() {
            // A driver keeps it in the kernel; it is reaped as soon as possible.
            thread::spawn(move || child.wait());
            return None;
        }
        let status = child.wait().ok()?;
        has_ended.then_some(status)
    }
}

#[cfg(not(unix))]
mod group {
    use std::time::Instant;

    use super::{Child, Command, Duration, ExitStatus, io, thread};

    const POLL: Duration = Duration::from_millis(20);

    pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
        command.spawn()
    }

    pub(super) fn end(mut child: Child, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = child.try_wait().ok()? {
                return Some(status);
            }
            thread::sleep(POLL);
        }
        // Fails only if it has ended.
        let _ = child.kill();
        let _ = child.wait();
        None
    }
}
