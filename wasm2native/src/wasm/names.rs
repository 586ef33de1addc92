//! The name section: names for functions and the module. A malformed one is ignored, as the spec asks.

use std::collections::HashMap;
use wasmparser::{Name, NameSectionReader};

/// What the name section says.
#[derive(Debug, Default)]
pub struct Names<'a> {
    /// Name of the module.
    pub module: Option<&'a str>,
    /// Names of functions by index.
    pub funcs: HashMap<u32, &'a str>,
}

impl<'a> Names<'a> {
    /// Reads as much as is well-formed. spec: appendix/custom, errors in custom sections are not errors.
    pub fn read(reader: NameSectionReader<'a>) -> Self {
        let mut names = Self::default();
        for subsection in reader {
            match subsection {
                Ok(Name::Module { name, .. }) => names.module = Some(name),
                Ok(Name::Function(map)) => {
                    names.funcs =
                        map.into_iter().map_while(|naming| naming.ok()).map(|n| (n.index, n.name)).collect();
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        names
    }
}
