//! A run: modules in all setups until enough due traps were counted in each.
//!
//! The rule: a call that never ends is lost too; its module goes on behind it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::setup::Setup;

const USAGE: &str = "--due-traps N [--floor N] [--seconds S] [--seed S] [--setup NAME]";

/// First argument of a child.
pub const CHILD: &str = "--due-child";

/// Processor seconds of a child. A module takes two or three; a call that is ended by this is lost.
const CPU_SECONDS: u64 = 40;

/// Calls of one module that may be seen never to end.
const MAX_HANGS: usize = 20;

/// Module seeds of one `--seed`.
const SEEDS_PER_RUN: u64 = 1 << 32;

/// What a run is to do.
#[derive(Debug)]
pub struct Session {
    /// Due traps, in each setup, after which it is enough.
    enough: u64,
    /// Due traps, in each setup, without which it fails.
    floor: u64,
    time_limit: Duration,
    seed: u64,
    setups: Vec<Setup>,
}

/// What was seen in a setup.
#[derive(Clone, Default)]
struct Tally {
    due: u64,
    lost: Vec<String>,
}

impl Session {
    /// Reads the command line. Errors: an option that there is not, or a value that is no number.
    pub fn from_args(args: &[String]) -> Result<Self, String> {
        let mut session = Self {
            enough: u64::MAX,
            floor: 1,
            time_limit: Duration::from_secs(u32::MAX.into()),
            seed: 1,
            setups: Setup::ALL.to_vec(),
        };
        for pair in args.chunks(2) {
            let [option, value] = pair else { return Err(format!("{} wants a value", pair[0])) };
            let number = || value.parse::<u64>().map_err(|error| format!("{option} {value}: {error}"));
            match option.as_str() {
                "--due-traps" => session.enough = number()?,
                "--floor" => session.floor = number()?,
                "--seconds" => session.time_limit = Duration::from_secs(number()?),
                "--seed" => session.seed = number()?,
                "--setup" => session.setups = vec![Setup::named(value).ok_or("no such setup")?],
                _ => return Err(format!("no option {option}; {USAGE}")),
            }
        }
        Ok(session)
    }

    /// Runs it and prints what was counted. Errors: lost traps, or too few due ones.
    pub fn run(&self) -> Result<(), String> {
        let start = Instant::now();
        let next = AtomicU64::new(0);
        let tallies = Mutex::new(vec![Tally::default(); self.setups.len()]);
        let workers = std::thread::available_parallelism().map_or(1, |count| count.get());
        std::thread::scope(|scope| {
            let work = || -> Result<(), String> {
                while start.elapsed() < self.time_limit && self.wants_more(&tallies) {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let count = self.setups.len() as u64;
                    let position = (turn % count) as usize;
                    let seed = self.seed.wrapping_mul(SEEDS_PER_RUN).wrapping_add(turn / count);
                    let tally = run_module(seed, self.setups[position])?;
                    tally.lost.iter().for_each(|lost| println!("due traps: {lost}"));
                    let mut tallies = tallies.lock().expect("no worker panics");
                    tallies[position].due += tally.due;
                    tallies[position].lost.extend(tally.lost);
                }
                Ok(())
            };
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
        })?;
        let tallies = tallies.into_inner().expect("no worker panics");
        let seconds = start.elapsed().as_secs_f64();
        for (setup, tally) in self.setups.iter().zip(&tallies) {
            println!(
                "due traps: {}: {} due, {} lost, in {seconds:.1} s",
                setup.name,
                tally.due,
                tally.lost.len()
            );
        }
        self.verdict(&tallies)
    }

    fn wants_more(&self, tallies: &Mutex<Vec<Tally>>) -> bool {
        tallies.lock().expect("no worker panics").iter().any(|tally| tally.due < self.enough)
    }

    fn verdict(&self, tallies: &[Tally]) -> Result<(), String> {
        let lost: usize = tallies.iter().map(|tally| tally.lost.len()).sum();
        if lost > 0 {
            return Err(format!("{lost} due traps are lost"));
        }
        match tallies.iter().map(|tally| tally.due).min() {
            Some(due) if due < self.floor => {
                Err(format!("only {due} due traps, the floor is {}", self.floor))
            }
            _ => Ok(()),
        }
    }
}

/// Hears children out until all calls of a module are done.
fn run_module(seed: u64, setup: Setup) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let mut first = 0;
    for _ in 0..MAX_HANGS {
        let Some(behind) = run_from(seed, setup, first, &mut tally)? else { return Ok(tally) };
        first = behind;
    }
    Ok(tally)
}

/// Answers behind which call to go on, if one never ended.
fn run_from(seed: u64, setup: Setup, first: u64, tally: &mut Tally) -> Result<Option<u64>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg(CHILD).args([seed.to_string(), setup.name.to_owned(), first.to_string()]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("start a child: {error}"))?;
    let mut at = None;
    let mut is_done = false;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
        match line.split_once(' ') {
            Some(("at", rest)) => at = Some(rest.to_owned()),
            Some(("lost", rest)) => tally.lost.push(format!("seed {seed} {}: {rest}", setup.name)),
            Some(("done", rest)) => {
                is_done = true;
                tally.due += first_number(rest)?;
            }
            _ => return Err(format!("a child said {line:?}")),
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if is_done {
        return Ok(None);
    }
    let at = at.ok_or_else(|| format!("seed {seed} {}: ended before it began: {status}", setup.name))?;
    tally.lost.push(format!("seed {seed} {}: {at}: {status}", setup.name));
    let (index, rest) = at.split_once(' ').ok_or("a call has a number")?;
    tally.due += first_number(rest)?;
    Ok(Some(index.parse::<u64>().map_err(|error| error.to_string())? + 1))
}

fn first_number(text: &str) -> Result<u64, String> {
    let number = text.split(' ').next().unwrap_or_default();
    number.parse().map_err(|error| format!("{text}: {error}"))
}

/// Lets the system end this process, a child. Errors: the system's words.
pub fn limit_time() -> Result<(), String> {
    crate::parent::limit_time_to(CPU_SECONDS)
}
