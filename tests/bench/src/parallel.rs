//! Work that nobody times, on all processors.
//!
//! The rule: never while something is timed.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls `work` for each of `jobs`. Errors: the first one that happened; jobs not begun by then are dropped.
pub fn for_each_in_parallel<J: Sync>(
    jobs: &[J],
    work: impl Fn(&J) -> Result<(), String> + Sync,
) -> Result<(), String> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let worker = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(reason) = work(job) {
                next.store(jobs.len(), Ordering::Relaxed);
                failure.lock().expect("no worker panicked").get_or_insert(reason);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(worker);
        }
    });
    failure.into_inner().expect("no worker panicked").map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once() {
        let done = Mutex::new(Vec::new());
        let jobs: Vec<_> = (0..100).collect();
        for_each_in_parallel(&jobs, |&job| {
            done.lock().unwrap().push(job);
            Ok(())
        })
        .unwrap();
        let mut done = done.into_inner().unwrap();
        done.sort();
        assert_eq!(done, jobs);
    }

    #[test]
    fn a_failure_is_the_answer() {
        let answer = for_each_in_parallel(&[1, 2, 3], |&job| match job {
            2 => Err("no".to_owned()),
            _ => Ok(()),
        });
        assert_eq!(answer, Err("no".to_owned()));
    }
}
