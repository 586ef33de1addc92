//! The order of the files of a crate: a file names only files that stand before it, so there are no circles.
//!
//! How: every path that begins with `crate::` or `super::` is followed as far as there are files, those inside
//! of braces too. What a `mod.rs` passes on counts as its own, so its parts stand before it.

use super::source::{Problem, SourceFile};

/// The files of a crate, each after all that it uses; a name without an ending stands for a module in several
/// files, which may use each other.
struct Order {
    /// The folder that the files are in.
    folder: &'static str,
    files: &'static [&'static str],
}

const ORDERS: &[Order] =
    &[Order { folder: "rt/src", files: RUNTIME }, Order { folder: "libwasirt/src", files: LIBWASIRT }];

/// The runtime.
const RUNTIME: &[&str] = &[
    // The platform, and what needs nothing else.
    "sys",
    "lock.rs",
    "text.rs",
    "variables.rs",
    "shared.rs",
    // What is known of modules.
    "pc_map.rs",
    "code.rs",
    "descriptor.rs",
    "types.rs",
    "modules.rs",
    // What instances live in, and what they have.
    "store.rs",
    "policy.rs",
    "registry.rs",
    "memory.rs",
    "table.rs",
    "handle.rs",
    // Calls that are under way.
    "stack.rs",
    "activation.rs",
    "signal_stack.rs",
    "thread.rs",
    "nesting.rs",
    // What happens when something goes wrong.
    "fault.rs",
    "attach.rs",
    "backtrace.rs",
    "trap.rs",
    "deadline.rs",
    // Onto a Wasm stack and back, and what is passed on.
    "enter",
    "func.rs",
    "group.rs",
    "reference.rs",
    // From imports to an instance.
    "external.rs",
    "link.rs",
    "instance.rs",
    // The edges: compiled code, hosts, `main`.
    "builtins.rs",
    "loop_check.rs",
    "export.rs",
    "api.rs",
    "start.rs",
    "runtime.rs",
    "lib.rs",
];

/// Numbers and locks, guest memory, what is behind a descriptor, the state of a guest, the functions, and last
/// what makes a program of them.
const LIBWASIRT: &[&str] = &[
    "types.rs",
    "errno.rs",
    "lock.rs",
    "guest.rs",
    "memory_place.rs",
    "guest_path.rs",
    "path/resolve.rs",
    "report.rs",
    "hint.rs",
    "terminal.rs",
    "stream.rs",
    "time.rs",
    "entropy.rs",
    "signals.rs",
    "embedded/archive.rs",
    "embedded/lookup.rs",
    "embedded/mod.rs",
    "descriptor.rs",
    "fd_table.rs",
    "config.rs",
    "context.rs",
    "args.rs",
    "environ.rs",
    "clock.rs",
    "random.rs",
    "sched.rs",
    "proc.rs",
    "fd/close.rs",
    "fd/fdstat.rs",
    "fd/filestat.rs",
    "fd/prestat.rs",
    "fd/readdir.rs",
    "fd/seek.rs",
    "fd/space.rs",
    "fd/transfer.rs",
    "fd/mod.rs",
    "path/attributes.rs",
    "path/names.rs",
    "path/link.rs",
    "path/open.rs",
    "path/mod.rs",
    "poll.rs",
    "sock.rs",
    "snapshot0.rs",
    "host_call.rs",
    "host_api.rs",
    "grant.rs",
    "guest_name.rs",
    "narrow.rs",
    "describe.rs",
    "listen.rs",
    "grants.rs",
    "lib.rs",
];

/// Names of files that do not stand before the file.
pub fn file_order(file: &SourceFile) -> Vec<Problem> {
    let Some(order) = ORDERS.iter().find(|order| file.is_in(order.folder)) else { return Vec::new() };
    let name = &file.path[order.folder.len() + 1..];
    if file.is_test() {
        return Vec::new();
    }
    let Some(place) = order.files.iter().position(|listed| is_listed_as(name, listed)) else {
        return vec![Problem::new(
            1,
            format!("{name} has no place: say in order.rs after which files it comes"),
        )];
    };
    let module = module_of(name);
    let mut problems = Vec::new();
    for (line, path) in paths(&file.product_code, &module) {
        let used = (1..=path.len()).rev().find_map(|length| order.file_of(&path[..length]));
        if let Some(used) = used.filter(|used| *used > place) {
            problems.push(Problem::new(line, format!("{name} must not use {}", order.files[used])));
        }
    }
    problems
}

/// Listed files that do not exist.
pub fn stale_files(files: &[SourceFile]) -> Vec<String> {
    let exists = |path: &String| files.iter().any(|file| is_listed_as(&file.path, path));
    let listed =
        ORDERS.iter().flat_map(|order| order.files.iter().map(|file| format!("{}/{file}", order.folder)));
    listed.filter(|path| !exists(path)).collect()
}

/// Whether a file is the one that is listed, or one of the module that is.
fn is_listed_as(file: &str, listed: &str) -> bool {
    let rest = file.strip_prefix(listed);
    rest.is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
}

impl Order {
    /// The place of the file that has the module of this path.
    fn file_of(&self, path: &[String]) -> Option<usize> {
        let path = path.join("/");
        let is_named = |file: &&str| {
            [format!("{path}.rs"), format!("{path}/mod.rs"), path.clone()].contains(&(**file).to_owned())
        };
        self.files.iter().position(is_named)
    }
}

/// The path of a file's module: `fd/seek.rs` is `fd`, `seek`; `fd/mod.rs` is `fd`.
fn module_of(name: &str) -> Vec<String> {
    let mut module: Vec<String> = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    module.pop_if(|last| last == "mod");
    module
}

/// Paths that begin at the crate or the module above, from the crate on, with their lines.
fn paths(code: &str, module: &[String]) -> Vec<(usize, Vec<String>)> {
    let mut paths = Vec::new();
    for (start, base) in [("crate::", &[][..]), ("super::", &module[..module.len().saturating_sub(1)])] {
        for (position, _) in code.match_indices(start) {
            if code[..position].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let line = code[..position].matches('\n').count() + 1;
            let (names, braces) = names_of(&code[position + start.len()..]);
            let path = [base, &names].concat();
            paths.extend(braces.into_iter().map(|last| (line, [path.as_slice(), &[last]].concat())));
            paths.push((line, path));
        }
    }
    paths
}

/// The names at the start of `code`, with `::` between them, and those inside of braces behind.
fn names_of(code: &str) -> (Vec<String>, Vec<String>) {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let first_name = |text: &str| text.trim().split(|c| !is_part(c)).next().unwrap_or_default().to_owned();
    let path = code.split(|c| !is_part(c) && c != ':' && c != '{').next().unwrap_or_default();
    let (path, has_braces) = path.split_once('{').map_or((path, false), |(before, _)| (before, true));
    let names = path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let inside = code.split_once('{').filter(|_| has_braces);
    (names, inside.map(|(_, rest)| elements(rest).into_iter().map(first_name).collect()).unwrap_or_default())
}

/// What stands between commas up to the end of the group; groups in it stay whole.
fn elements(group: &str) -> Vec<&str> {
    let (mut elements, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                elements.push(&group[start..at]);
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_runtime(path: &str, text: &str) -> usize {
        file_order(&SourceFile::new(&format!("rt/src/{path}"), text.to_owned())).len()
    }

    #[test]
    fn a_module_of_several_files_is_one() {
        assert_eq!(check_runtime("sys/linux.rs", "use super::Access;\n"), 0);
        assert_eq!(check_runtime("sys/linux.rs", "use crate::lock::Lock;\n"), 1);
        assert_eq!(check_runtime("enter/x86_64.rs", "use super::*;\n"), 0);
        assert_eq!(check_runtime("enter/x86_64.rs", "use crate::start;\n"), 1);
        assert_eq!(check_runtime("lock.rs", "use crate::{sys::{A, start}, api,\n    start::B};\n"), 2);
        assert_eq!(check_runtime("api.rs", "use crate::lock;\nuse w2n_crate::start;\n"), 0);
        assert_eq!(check_runtime("tests/new.rs", "use crate::start;\n"), 0);
        assert_eq!(check_runtime("new.rs", "\n"), 1);
    }

    fn check(path: &str, text: &str) -> usize {
        file_order(&SourceFile::new(&format!("libwasirt/src/{path}"), text.to_owned())).len()
    }

    #[test]
    fn a_name_of_a_later_file_is_found() {
        assert_eq!(check("guest.rs", "use crate::errno::Errno;\n"), 0);
        assert_eq!(check("errno.rs", "use crate::guest::GuestMemory;\n"), 1);
        assert_eq!(check("errno.rs", "fn a() { crate::grants::b() }\n"), 1);
        assert_eq!(check("errno.rs", "// crate::grants\n"), 0);
        assert_eq!(check("errno.rs", "use crate::{types::Fd, guest::GuestMemory};\n"), 1);
        assert_eq!(check("fd/seek.rs", "use super::transfer::transfer;\n"), 1);
        assert_eq!(check("fd/transfer.rs", "use super::seek::require_seekable;\n"), 0);
        assert_eq!(check("fd/seek.rs", "use crate::fd::fd_read;\n"), 1);
        assert_eq!(check("fd/seek.rs", "pub(super) fn a() {}\n"), 0);
        assert_eq!(check("path/resolve.rs", "use crate::path::path_open;\n"), 1);
        assert_eq!(check("new.rs", "\n"), 1);
    }
}
