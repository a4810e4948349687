//! `foretell eval --oracle`: cuts places out of files and gives the policy the file's own text in
//! place of a model's, to measure how often the policy damages a correct text.

mod brackets;
#[cfg(test)]
mod floors;
mod languages;
mod lines;
mod places;
mod report;
mod trial;

use std::{
    fs,
    io::{self, Write},
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::{Context, ensure};
use foretell_policy::Trees;

use report::{Failure, Report};
use trial::{Cut, Outcome, Output};

/// What to print.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    /// The maximum number of places of each kind in a file.
    pub(super) limit: usize,
    /// The maximum number of failures of each language, kind and output.
    pub(super) max_failures: usize,
    /// Whether to print one JSON object instead of tables.
    pub(super) json: bool,
}

/// Measures the policy on files and folders, and prints the report.
///
/// # Errors
/// If a file cannot be read, or no place is found.
pub(super) fn run(paths: &[PathBuf], options: Options) -> anyhow::Result<()> {
    let report = measure(paths, options.limit)?;
    if options.json {
        writeln!(io::stdout().lock(), "{}", report.json())?;
    } else {
        report.print(options.max_failures)?;
    }
    Ok(())
}

/// Measures the policy on files, and on the files in folders whose language is known.
fn measure(paths: &[PathBuf], limit: usize) -> anyhow::Result<Report> {
    let start = Instant::now();
    let mut files = vec![];
    for path in paths {
        find(path, &mut files).with_context(|| path.display().to_string())?;
    }
    // Each thread takes the next file, so that long files do not delay others.
    let (next, n_threads) = (AtomicUsize::new(0), thread::available_parallelism()?.get());
    let measure_next = || {
        let mut reports = vec![];
        let trees = Arc::new(Trees::default());
        while let i = next.fetch_add(1, Ordering::Relaxed)
            && let Some(path) = files.get(i)
        {
            super::print_progress(&format!("file {} of {}", i + 1, files.len()));
            let text = fs::read(path).with_context(|| path.display().to_string())?;
            let text = String::from_utf8_lossy(&text).replace("\r\n", "\n");
            reports.push((i, measure_file(path, &text, limit, &trees)));
        }
        anyhow::Ok(reports)
    };
    let mut reports = thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(measure_next)).collect();
        let reports =
            threads.into_iter().map(|it| it.join().unwrap_or_else(|it| resume_unwind(it)));
        reports.collect::<anyhow::Result<Vec<_>>>()
    })?
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    reports.sort_by_key(|(i, _)| *i);
    let mut report = Report::default();
    reports.into_iter().for_each(|(_, it)| report.add(it));
    ensure!(report.n_places > 0, "no places in {} files", files.len());
    report.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

fn measure_file(path: &Path, text: &str, limit: usize, trees: &Arc<Trees>) -> Report {
    let language = languages::of(path);
    let uri = path.display().to_string();
    let mut report = Report::default();
    report.n_files = 1;
    for place in places::places(text, language, limit) {
        report.n_places += 1;
        let cut = Cut::new(trees, &uri, language, text, &place);
        for trial in Output::ALL.map(|it| cut.run(it)) {
            report.count(language, place.kind, &trial);
            if trial.outcome != Outcome::Intact {
                report.failures.push(Failure {
                    file: uri.clone(),
                    line: place.line + 1,
                    language,
                    kind: place.kind,
                    expected: place.expected(text).to_owned(),
                    trial,
                });
            }
        }
    }
    report
}

/// Appends a file, or the files below a folder whose language is known, in the order of their
/// names.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.metadata()?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() || !languages::of(&path).is_empty() {
            find(&path, files)?;
        }
    }
    Ok(())
}
