//! Work in threads that makes more work: units, and the parts of large units.
//!
//! The rule: results are in the order of their keys, whoever made them and when.

use std::collections::{BTreeMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard};

use crate::error::{CompileError, Result, plain_reason};

/// LLVM recurses over expressions and blocks as deep as the module has them. Only what is used of it
/// is ever backed by memory.
const STACK_SIZE_BYTES: usize = 256 << 20;

/// What a task came to: its own result, and further tasks.
pub struct Done<T, R> {
    /// The result.
    pub result: R,
    /// To be done before tasks that were there before, so that less is in memory at once.
    pub more: Vec<T>,
}

/// Tasks that wait, and results so far.
struct State<K, T, R> {
    waiting: VecDeque<T>,
    running: usize,
    has_failed: bool,
    results: BTreeMap<K, Result<R>>,
}

struct Queue<K, T, R> {
    state: Mutex<State<K, T, R>>,
    changed: Condvar,
}

/// Does `tasks`, and the tasks that they lead to, in `threads` threads, each with what `prepare` makes.
/// Answers the results in the order of `key_of`; of several errors the first in that order.
pub fn run<K, T, R, P>(
    tasks: Vec<T>,
    threads: usize,
    key_of: impl Fn(&T) -> K + Sync,
    prepare: impl Fn() -> Result<P> + Sync,
    work: impl Fn(T, &P) -> Result<Done<T, R>> + Sync,
) -> Result<Vec<R>>
where
    K: Ord + Send,
    T: Send,
    R: Send,
{
    let state = State { waiting: tasks.into(), running: 0, has_failed: false, results: BTreeMap::new() };
    let queue = Queue { state: Mutex::new(state), changed: Condvar::new() };
    let run_thread = || -> Result<()> {
        let prepared = prepare()?;
        while let Some(task) = queue.take() {
            // Also when the work panics, so that nobody waits for it.
            let _finish = Finish(&queue);
            let key = key_of(&task);
            queue.put(key, work(task, &prepared));
        }
        Ok(())
    };
    std::thread::scope(|scope| -> Result<()> {
        let mut handles = Vec::new();
        for _ in 0..threads.max(1) {
            let thread =
                std::thread::Builder::new().stack_size(STACK_SIZE_BYTES).spawn_scoped(scope, run_thread);
            handles.push(thread.map_err(|error| cannot_start_thread(&error))?);
        }
        for handle in handles {
            // A panic was reported where it happened; it goes on from here to set the exit status.
            handle.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        Ok(())
    })?;
    let state = queue.state.into_inner().expect("no thread panics while it holds the lock");
    state.results.into_values().collect()
}

fn cannot_start_thread(error: &std::io::Error) -> CompileError {
    CompileError::machine(format!("cannot start a thread: {}", plain_reason(error)))
        .hint("its stack takes 256 MiB of address space; is there a limit (`ulimit -v`) or one on processes?")
}

impl<K: Ord, T, R> Queue<K, T, R> {
    fn lock(&self) -> MutexGuard<'_, State<K, T, R>> {
        self.state.lock().expect("no thread panics while it holds the lock")
    }

    /// The next task, once there is one; `None` when there will be none.
    fn take(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.has_failed {
                return None;
            }
            if let Some(task) = state.waiting.pop_front() {
                state.running += 1;
                return Some(task);
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).expect("no thread panics while it holds the lock");
        }
    }

    fn put(&self, key: K, outcome: Result<Done<T, R>>) {
        let mut state = self.lock();
        state.has_failed |= outcome.is_err();
        let result = outcome.map(|done| {
            for task in done.more.into_iter().rev() {
                state.waiting.push_front(task);
            }
            done.result
        });
        state.results.insert(key, result);
    }
}

/// Says that a task is over.
struct Finish<'q, K: Ord, T, R>(&'q Queue<K, T, R>);

impl<K: Ord, T, R> Drop for Finish<'_, K, T, R> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running -= 1;
        state.has_failed |= std::thread::panicking();
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::{Done, run};
    use crate::error::{CompileError, Result};

    /// Task `(n, k)` leads to `(n, 1)` … `(n, k)`.
    fn work((number, parts): (u32, u32), _: &()) -> Result<Done<(u32, u32), u32>> {
        let more = if number < 100 {
            (1..=parts).map(|part| (number * 100 + part, 0)).collect()
        } else {
            Vec::new()
        };
        Ok(Done { result: number, more })
    }

    #[test]
    fn results_are_in_order_for_any_number_of_threads() {
        for threads in 1..5 {
            let tasks = vec![(1, 3), (2, 0), (3, 2)];
            let results = run(tasks, threads, |task| task.0, || Ok(()), work).ok();
            assert_eq!(results, Some(vec![1, 2, 3, 101, 102, 103, 301, 302]));
        }
    }

    #[test]
    fn the_first_error_is_answered() {
        let fail = |(number, _): (u32, u32), _: &()| -> Result<Done<(u32, u32), u32>> {
            Err(CompileError::internal(number.to_string()))
        };
        let result = run(vec![(7, 0), (8, 0)], 1, |task| task.0, || Ok(()), fail);
        assert_eq!(result.err().map(|error| error.to_string()), Some("7".to_owned()));
    }
}
