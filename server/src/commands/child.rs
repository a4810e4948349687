//! Runs a program that ends no later than this one.

use std::{
    io::{self, BufRead, BufReader},
    process::{Command, ExitStatus, Stdio},
};

/// Takes a line of a program's output, without its line break.
pub(crate) type OnLine<'a> = &'a mut dyn FnMut(&str) -> io::Result<()>;

/// Runs a program to its end. A signal that ends this process interrupts the program first, and so
/// does a reader that closes standard output.
///
/// Its output goes to standard error, or line by line to `on_line`. If `on_line` fails, the program
/// is interrupted.
///
/// # Errors
/// If the program cannot be started, its output cannot be read, or `on_line` fails.
pub(crate) fn run(command: &mut Command, on_line: Option<OnLine<'_>>) -> io::Result<ExitStatus> {
    command.stdin(Stdio::null());
    let Some(on_line) = on_line else {
        let mut child = stop::spawn(command.stdout(io::stderr()))?;
        let status = child.wait();
        stop::ended();
        return status;
    };
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = stop::spawn(command)?;
    // The end of the output is only visible once this process has no writer.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let relayed = relay(reader, on_line);
    if relayed.is_err() {
        stop::interrupt(&mut child);
    }
    let status = child.wait();
    stop::ended();
    relayed.and(status)
}

fn relay(reader: io::PipeReader, on_line: OnLine<'_>) -> io::Result<()> {
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let text = String::from_utf8_lossy(&bytes);
        // A carriage return redraws a line on a terminal.
        for line in text.split(['\r', '\n']).filter(|it| !it.trim().is_empty()) {
            on_line(line)?;
        }
        bytes.clear();
    }
    Ok(())
}

#[cfg(unix)]
mod stop {
    use std::{
        io,
        os::unix::process::CommandExt,
        process::{Child, Command},
        sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
        thread,
        time::Duration,
    };

    use rustix::{
        event::{PollFd, PollFlags, poll},
        process::{Pid, Signal, kill_process_group},
    };
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM},
        iterator::Signals,
        low_level::emulate_default_handler,
    };

    /// How long an interrupted program may clean up before it is killed.
    const GRACE: Duration = Duration::from_secs(5);

    struct Running {
        /// The process group of the program: it may have started others.
        group: Option<Pid>,
        /// The signal that ends this process once the program has ended.
        signal: Option<i32>,
    }

    static RUNNING: Mutex<Running> = Mutex::new(Running { group: None, signal: None });
    static ENDED: Condvar = Condvar::new();

    fn running() -> MutexGuard<'static, Running> {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a program in a process group of its own, so that an interrupt from the terminal
    /// reaches it once, through this process.
    pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
        watch()?;
        let mut running = running();
        let child = command.process_group(0).spawn()?;
        running.group = Some(Pid::from_child(&child));
        Ok(child)
    }

    pub(super) fn interrupt(child: &mut Child) {
        // Fails only if the group has ended.
        let _ = kill_process_group(Pid::from_child(child), Signal::INT);
    }

    /// Call it after the program has ended.
    pub(super) fn ended() {
        let mut running = running();
        running.group = None;
        ENDED.notify_all();
        if let Some(signal) = running.signal {
            end_by(signal);
        }
    }

    fn watch() -> io::Result<()> {
        static WATCHED: OnceLock<()> = OnceLock::new();
        if WATCHED.set(()).is_err() {
            return Ok(());
        }
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        if !is_hangup_ignored() {
            signals.add_signal(SIGHUP)?;
        }
        thread::spawn(move || signals.forever().for_each(stop));
        thread::spawn(|| {
            if is_closed_at_last(&io::stdout()) {
                stop(SIGPIPE);
            }
        });
        Ok(())
    }

    /// Whether the process was started with `nohup`. Only Linux reports it.
    fn is_hangup_ignored() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|it| u64::from_str_radix(it.trim(), 16).ok());
        mask.is_some_and(|it| it & 1 << (SIGHUP - 1) != 0)
    }

    /// Waits until the reader of a pipe has closed it; waits forever for anything else.
    fn is_closed_at_last(output: &io::Stdout) -> bool {
        loop {
            let mut polled = [PollFd::new(output, PollFlags::empty())];
            match poll(&mut polled, None) {
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
                // macOS reports `NVAL` for devices.
                Ok(_) => return polled[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
            }
        }
    }

    /// Interrupts the program, kills it after a grace period, and ends this process as the signal
    /// would have.
    fn stop(signal: i32) {
        let mut running = running();
        let Some(group) = running.group else { return end_by(signal) };
        running.signal = Some(signal);
        let _ = kill_process_group(group, Signal::INT);
        let is_running = |it: &mut Running| it.group.is_some();
        let waited = ENDED.wait_timeout_while(running, GRACE, is_running);
        if waited.is_ok_and(|(_, timeout)| timeout.timed_out()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn end_by(signal: i32) {
        if emulate_default_handler(signal).is_err() {
            std::process::exit(128 + signal);
        }
    }
}

#[cfg(not(unix))]
mod stop {
    use std::{
        io,
        process::{Child, Command},
    };

    pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
        command.spawn()
    }

    pub(super) fn interrupt(child: &mut Child) {
        // Fails only if it has ended.
        let _ = child.kill();
    }

    pub(super) fn ended() {}
}
