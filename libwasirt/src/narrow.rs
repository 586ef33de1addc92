//! What a run may take of a policy that it cannot widen: `--policy=bound`.
//!
//! Rule: a variable that is set names all that the program gets of its kind, and everything that it names
//! must lie within what was baked in; else the program ends with a message. An empty list takes nothing.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::grants::{Dir, Grants, RunVariables, Variable, access, split_dir, split_list, split_variable};
use crate::terminal::Escapes;
use crate::types::Access;

/// Leaves of `grants` what the variables name.
pub(crate) fn narrow(grants: &mut Grants, run: &RunVariables) -> Result<(), Vec<u8>> {
    if let Some(list) = &run.dirs {
        let items = split_list(list);
        grants.dirs = items.iter().map(|item| narrow_dir(&grants.dirs, item)).collect::<Result<_, _>>()?;
    }
    if let Some(list) = &run.env {
        let items = split_list(list);
        grants.env = items.iter().map(|item| narrow_variable(&grants.env, item)).collect::<Result<_, _>>()?;
    }
    if let Some(list) = &run.listeners {
        let items = split_list(list);
        if let Some(item) = items.iter().find(|item| !grants.listeners.contains(item)) {
            return Err(refusal(b"W2N_TCPLISTEN", item, b"--tcplisten"));
        }
        grants.listeners = items;
    }
    match escapes(run.escapes.as_deref()) {
        Some(Escapes::Passed) if grants.escapes == Escapes::Shown => {
            return Err(refusal(b"W2N_ALLOW_ESCAPES", b"1", b"--allow-escapes"));
        }
        Some(escapes) => grants.escapes = escapes,
        None => {}
    }
    Ok(())
}

/// What the variable says of escapes, if it is set to something.
pub(crate) fn escapes(value: Option<&[u8]>) -> Option<Escapes> {
    let value = value.filter(|value| !value.is_empty())?;
    Some(if value == b"0" { Escapes::Shown } else { Escapes::Passed })
}

fn refusal(variable: &[u8], item: &[u8], option: &[u8]) -> Vec<u8> {
    let parts: [&[u8]; 7] = [
        variable,
        b": `",
        item,
        b"` is not within the policy that this program was built with; build it with ",
        option,
        b", or with --policy=open",
        b"",
    ];
    parts.concat()
}

/// The directory that `item` names, which must be one of `baked` or lie below one.
///
/// Without `::GUEST` the guest sees it where it would have seen it anyway. It is read-only if either is.
fn narrow_dir(baked: &[Dir], item: &[u8]) -> Result<Dir, Vec<u8>> {
    let parts = split_dir(item)?;
    let real = real_path(parts.host);
    let within = real.as_ref().and_then(|real| {
        // The closest one, where one that was baked in lies below another.
        let candidates = baked.iter().filter_map(|dir| Some((dir, below(&real_path(&dir.host)?, real)?)));
        candidates.min_by_key(|(_, below)| below.len())
    });
    let Some((dir, below)) = within else { return Err(refusal(b"W2N_DIR", item, b"--dir")) };
    Ok(Dir {
        host: dir.host.clone(),
        below: below.to_vec(),
        guest: parts.guest.map_or_else(|| join(&dir.guest, below), <[u8]>::to_vec),
        access: match dir.access {
            Access::ReadOnly => Access::ReadOnly,
            Access::ReadWrite => access(&parts),
        },
    })
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

fn join(guest: &[u8], below: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if below.is_empty() || guest.ends_with(b"/") { b"" } else { b"/" };
    [guest, separator, below].concat()
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
