//! Which C functions a program offers to its guests, and which it merely has.
//!
//! The rule: a guest is hostile and chooses the names that it imports, so a name alone offers nothing. A
//! function is offered if the user says so: by giving its source or object as an input, by marking it with
//! `W2N_EXPORT_TO_GUEST`, or by naming it with `--provide`. What a library happens to define is not.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use object::read::Symbol;
use object::{Object, ObjectKind, ObjectSection, ObjectSymbol, SectionKind, SymbolFlags, elf};
use w2n_abi::NOTE_SECTION;
use w2n_abi::symbol::{EXPORT_SEPARATOR, NAMESPACE, OFFERED_SECTION};

/// What kind of file a function is defined in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A source or an object that was named on the command line.
    Code,
    /// An archive or a shared library.
    Library,
}

/// Whether guests may have a function, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// They may.
    Offered,
    /// It is part of a library.
    InLibrary,
    /// It is weak: an inline function or a template that every file has a copy of.
    Weak,
    /// Its visibility is hidden.
    Hidden,
    /// It is no function.
    Variable,
}

/// A name that native code defines.
#[derive(Clone, Debug)]
struct Definition {
    file: Rc<str>,
    standing: Standing,
}

/// All functions and variables of native code, by name.
#[derive(Debug, Default)]
pub struct Offers {
    known: HashMap<Vec<u8>, Definition>,
}

impl Offers {
    /// Adds what a file defines. Of several definitions the one that is offered counts, or else the first.
    pub fn add(&mut self, file: &object::File<'_>, provider: Provider, shown: &Path) {
        let shown: Rc<str> = shown.display().to_string().into();
        let marked = file.section_by_name(OFFERED_SECTION).map(|section| section.index());
        let has_module = file.section_by_name(NOTE_SECTION).is_some();
        let symbols: Box<dyn Iterator<Item = Symbol<'_, '_>>> = match file.kind() {
            ObjectKind::Dynamic => Box::new(file.dynamic_symbols()),
            _ => Box::new(file.symbols()),
        };
        for symbol in symbols.filter(|symbol| symbol.is_global() && !symbol.is_undefined()) {
            let Ok(name) = symbol.name_bytes() else { continue };
            // A module's own symbols are in the name space; else the long names of C functions are the
            // user's.
            if is_reserved(name) || (has_module && name.starts_with(NAMESPACE.as_bytes())) {
                continue;
            }
            let standing = match symbol.section_index() {
                Some(section) if Some(section) == marked && is_function(file, &symbol) => Standing::Offered,
                _ => standing(file, &symbol, provider),
            };
            let definition = Definition { file: Rc::clone(&shown), standing };
            let known = self.known.entry(name.to_owned()).or_insert_with(|| definition.clone());
            if standing < known.standing {
                *known = definition;
            }
        }
    }

    /// Offers the function `name` wherever it is (`--provide`); whether there is one.
    pub fn provide(&mut self, name: &str) -> bool {
        match self.known.get_mut(name.as_bytes()) {
            Some(definition) if definition.standing != Standing::Variable => {
                definition.standing = Standing::Offered;
                true
            }
            _ => false,
        }
    }

    /// The file that defines `symbol`, and whether guests may have it.
    pub fn find(&self, symbol: &str) -> Option<(&str, Standing)> {
        self.known.get(symbol.as_bytes()).map(|definition| (&*definition.file, definition.standing))
    }
}

/// Names of the runtime, of descriptors and so on.
fn is_reserved(name: &[u8]) -> bool {
    let has_separator = name.windows(EXPORT_SEPARATOR.len()).any(|pair| pair == EXPORT_SEPARATOR.as_bytes());
    name.starts_with(NAMESPACE.as_bytes()) && !has_separator
}

fn standing(file: &object::File<'_>, symbol: &Symbol<'_, '_>, provider: Provider) -> Standing {
    let SymbolFlags::Elf { st_other, .. } = symbol.flags() else { return Standing::Variable };
    let is_hidden = matches!(st_other.visibility(), elf::STV_HIDDEN | elf::STV_INTERNAL);
    match provider {
        _ if !is_function(file, symbol) => Standing::Variable,
        Provider::Library => Standing::InLibrary,
        Provider::Code if symbol.is_weak() => Standing::Weak,
        Provider::Code if is_hidden => Standing::Hidden,
        Provider::Code => Standing::Offered,
    }
}

/// Whether a call would run code: of a function, or in hand-written assembly of a label in code.
fn is_function(file: &object::File<'_>, symbol: &Symbol<'_, '_>) -> bool {
    let SymbolFlags::Elf { st_info, .. } = symbol.flags() else { return false };
    let is_code = || {
        let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
        section.is_some_and(|section| section.kind() == SectionKind::Text)
    };
    match st_info.st_type() {
        elf::STT_FUNC | elf::STT_GNU_IFUNC => true,
        elf::STT_NOTYPE => is_code(),
        _ => false,
    }
}
