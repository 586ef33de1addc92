//! Which glibc a finished program or plugin asks for.
//!
//! The rule: what is promised is looked at in what the linker has made, since linkers differ.

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader as _;

/// The newest that our own part of a program asks for; `rt/glibc` sees to it.
pub const NEWEST: Version = Version(2, 28);

/// What names of versions begin with.
const PREFIX: &str = "GLIBC_";

/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

/// The newest version that the ELF file `bytes` asks for; `None` if it asks for none, or cannot be read.
pub fn newest_needed(bytes: &[u8]) -> Option<Version> {
    let header = FileHeader64::<Endianness>::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, bytes).ok()?;
    let (mut needs, strings) = sections.gnu_verneed(endian, bytes).ok()??;
    let strings = sections.strings(endian, bytes, strings).ok()?;
    let mut newest = None;
    while let Ok(Some((_, mut versions))) = needs.next() {
        while let Ok(Some(version)) = versions.next() {
            let name = version.name(endian, strings).ok().and_then(|name| std::str::from_utf8(name).ok());
            newest = newest.max(name.and_then(parse));
        }
    }
    newest
}

/// `GLIBC_2.34`; others, such as `GLIBC_PRIVATE`, are no numbers.
fn parse(name: &str) -> Option<Version> {
    let (major, minor) = name.strip_prefix(PREFIX)?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some(Version(major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse("GLIBC_2.34"), Some(Version(2, 34)));
        assert_eq!(parse("GLIBC_2.2.5"), Some(Version(2, 2)));
        assert!(parse("GLIBC_2.4") < parse("GLIBC_2.28"));
        assert!(["GLIBC_PRIVATE", "GCC_3.0", "GLIBC_", ""].into_iter().all(|name| parse(name).is_none()));
        assert_eq!(newest_needed(b"\x7fELF"), None);
    }
}
