//! What a run may take of a policy that it cannot widen: `--policy=bound`.
//!
//! Rule: a variable that is set names all that the program gets of its kind, and everything that it names
//! must lie within what was baked in; else the program ends with a message. An empty list takes nothing.
//! What a guest finds under a name is what it would have found there anyway, or nothing.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::embedded::Archive;
use crate::grant::{
    Dir, Grants, Packed, RunVariables, Variable, access, split_dir, split_list, split_variable,
};
use crate::guest_name::{depth, is_same, is_within, join, relative};
use crate::terminal::Escapes;
use crate::types::Access;

/// Leaves of `grants` what the variables name.
pub(crate) fn narrow(grants: &mut Grants, run: &RunVariables) -> Result<(), Vec<u8>> {
    if let Some(list) = &run.dirs {
        let items = split_list(list);
        let taken = items.iter().map(|item| narrow_dir(grants, item)).collect::<Result<Vec<_>, _>>()?;
        let not_taken = core::mem::replace(&mut grants.dirs, taken);
        keep_names(grants, &not_taken);
    }
    if let Some(list) = &run.env {
        let items = split_list(list);
        grants.env = items.iter().map(|item| narrow_variable(&grants.env, item)).collect::<Result<_, _>>()?;
    }
    if let Some(list) = &run.listeners {
        narrow_listeners(&mut grants.listeners, &split_list(list))?;
    }
    match escapes(run.escapes.as_deref())? {
        Some(Escapes::Passed) if grants.escapes == Escapes::Shown => {
            return Err(refusal(b"W2N_ALLOW_ESCAPES", b"1", b"--allow-escapes"));
        }
        Some(escapes) => grants.escapes = escapes,
        None => {}
    }
    Ok(())
}

/// What the variable says of escapes, if it is set.
pub(crate) fn escapes(value: Option<&[u8]>) -> Result<Option<Escapes>, Vec<u8>> {
    match value {
        None => Ok(None),
        Some(b"0") => Ok(Some(Escapes::Shown)),
        Some(b"1") => Ok(Some(Escapes::Passed)),
        Some(other) => Err([b"W2N_ALLOW_ESCAPES: `", other, b"` is not 0 or 1"].concat()),
    }
}

fn refusal(variable: &[u8], item: &[u8], option: &[u8]) -> Vec<u8> {
    let parts: [&[u8]; 6] = [
        variable,
        b": `",
        item,
        b"` is not within the policy that this program was built with; build it with ",
        option,
        b", or with --policy=open",
    ];
    parts.concat()
}

/// The directory that `item` names, which must be one that was baked in or lie below one.
///
/// The guest sees it where it would have seen it anyway: of `--dir data::/d`, `data/sub` is `/d/sub`.
/// `::GUEST` can only say which one is meant, where there are several. It is read-only if either is.
fn narrow_dir(grants: &Grants, item: &[u8]) -> Result<Dir, Vec<u8>> {
    let parts = split_dir(item)?;
    let Some(real) = real_path(parts.host) else { return Err(refusal(b"W2N_DIR", item, b"--dir")) };
    let mut within: Vec<Dir> =
        (0..grants.dirs.len()).filter_map(|number| part_of(grants, number, &real)).collect();
    if within.is_empty() {
        return Err(refusal(b"W2N_DIR", item, b"--dir"));
    }
    if let Some(guest) = parts.guest {
        let name = within[0].guest.clone();
        within.retain(|dir| is_same(&dir.guest, guest));
        if within.is_empty() {
            return Err(renames(item, &name));
        }
    }
    // The closest one, where one that was baked in lies below another.
    let least = within.iter().map(|dir| dir.below.len()).min();
    within.retain(|dir| Some(dir.below.len()) == least);
    let mut dir = match <[Dir; 1]>::try_from(within) {
        Ok([dir]) => dir,
        Err(several) => return Err(ambiguous(item, &several)),
    };
    if parts.read_only {
        dir.access = access(&parts);
    }
    Ok(dir)
}

/// What the guest sees of `real` in the baked-in directory of this number; `None` if that is nothing, for it
/// does not lie there, or something else stands under its name.
fn part_of(grants: &Grants, number: usize, real: &[u8]) -> Option<Dir> {
    let dir = &grants.dirs[number];
    let base = real_path(&dir.host)?;
    let below = below(&base, real)?;
    let guest = join(&dir.guest, below);
    // C libraries take the longest name that a path leads through, and of two equal ones the later.
    let is_closer = |other: &[u8], is_later: bool| {
        is_within(&guest, other) && (depth(other), is_later) > (depth(&dir.guest), false)
    };
    let is_hidden = grants.embedded.iter().any(|packed| is_closer(&packed.guest, false))
        || grants.dirs.iter().enumerate().any(|(other, dir)| is_closer(&dir.guest, other > number));
    (!is_hidden).then(|| Dir { host: dir.host.clone(), below: below.to_vec(), guest, access: dir.access })
}

fn renames(item: &[u8], name: &[u8]) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        b"W2N_DIR: `",
        item,
        b"` would rename what the policy that this program was built with calls `",
        name,
        b"`; leave out the name, or build it with --policy=open",
    ];
    parts.concat()
}

fn ambiguous(item: &[u8], several: &[Dir]) -> Vec<u8> {
    let names = several.iter().map(|dir| [b"`", dir.guest.as_slice(), b"`"].concat()).collect::<Vec<_>>();
    let parts: [&[u8]; 5] = [
        b"W2N_DIR: `",
        item,
        b"` has several names in this program: ",
        &names.join(&b", "[..]),
        b"; say which one is meant, as HOST::GUEST",
    ];
    parts.concat()
}

/// Puts an empty directory where one was baked in that this run does not take, if its paths would lead to
/// something else without it: into a directory with a shorter name, or to a packed one that it hid.
fn keep_names(grants: &mut Grants, baked: &[Dir]) {
    for dir in baked {
        let covers = |name: &[u8]| is_within(&dir.guest, name).then(|| depth(name));
        let packed = grants.embedded.iter().filter_map(|packed| covers(&packed.guest)).max();
        let taken = grants.dirs.iter().max_by_key(|taken| covers(&taken.guest));
        let taken = taken.filter(|taken| covers(&taken.guest).is_some());
        let is_same_place = taken.is_some_and(|taken| {
            is_same(&taken.guest, &dir.guest) || covers(&taken.guest) >= packed && leads_to_same(taken, dir)
        });
        if (taken.is_some() || packed.is_some()) && !is_same_place {
            let archive = Archive::empty(grants.embedded.len() as u32);
            grants.embedded.push(Packed { guest: dir.guest.clone(), archive });
        }
    }
}

/// Whether the paths of `dir` lead through `outer`, whose name is a part of its name, to the same files, and
/// allow no more there.
fn leads_to_same(outer: &Dir, dir: &Dir) -> bool {
    let path =
        [&outer.host, b"/".as_slice(), &outer.below, b"/", &relative(&dir.guest, &outer.guest)].concat();
    let is_same = real_path(&path).is_some_and(|path| real_path(&dir.host) == Some(path));
    is_same && (outer.access == Access::ReadOnly || dir.access == Access::ReadWrite)
}

/// Leaves the listed ones. A guest knows a socket by its place in the list, so the others keep theirs.
fn narrow_listeners(baked: &mut [Option<Vec<u8>>], items: &[Vec<u8>]) -> Result<(), Vec<u8>> {
    let is_baked = |item: &&Vec<u8>| baked.iter().flatten().any(|address| address == *item);
    if let Some(item) = items.iter().find(|item| !is_baked(item)) {
        return Err(refusal(b"W2N_TCPLISTEN", item, b"--tcplisten"));
    }
    for listener in baked {
        *listener = listener.take().filter(|address| items.contains(address));
    }
    Ok(())
}

/// The path without links and dots, if it exists.
fn real_path(path: &[u8]) -> Option<Vec<u8>> {
    let path = std::fs::canonicalize(OsStr::from_bytes(path)).ok()?;
    Some(path.into_os_string().into_vec())
}

/// The path from `base` to `path`, both real: empty if they are the same, `None` if it does not lie below.
fn below<'path>(base: &[u8], path: &'path [u8]) -> Option<&'path [u8]> {
    let rest = path.strip_prefix(base)?;
    if rest.is_empty() || base.ends_with(b"/") { Some(rest) } else { rest.strip_prefix(b"/") }
}

/// The variable that `item` names, `K`, or `K=V` where the value is the host's to choose.
fn narrow_variable(baked: &[Variable], item: &[u8]) -> Result<Variable, Vec<u8>> {
    let (key, value) = split_variable(item).map_or((item, None), |(key, value)| (key, Some(value)));
    // Of several with one name the last one counts.
    let variable = baked.iter().rev().find(|variable| variable.key == key);
    match (variable, value) {
        (Some(variable), None) => Ok(variable.clone()),
        (Some(variable), Some(value)) if variable.inherits || variable.value.as_deref() == Some(value) => {
            Ok(Variable { value: Some(value.to_vec()), ..variable.clone() })
        }
        _ => Err(refusal(b"W2N_ENV", item, b"--env")),
    }
}
