//! Names under which a guest sees directories, compared as C libraries resolve paths: by components, from the
//! root, whether a name says so or not.
//!
//! Rule: `..` is a component like any other. Nothing resolves it in a name that was granted.

/// The components of a name: of `/d`, `d`, `./d` and `d//` the same; of `/` and `.` none.
fn components(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|&byte| byte == b'/').filter(|component| !matches!(*component, b"" | b"."))
}

/// How deep below the root the name is.
pub(crate) fn depth(name: &[u8]) -> usize {
    components(name).count()
}

/// Whether a path that leads to `name` leads through `outer`, or ends there.
pub(crate) fn is_within(name: &[u8], outer: &[u8]) -> bool {
    let mut rest = components(name);
    components(outer).all(|component| rest.next() == Some(component))
}

/// Whether paths that lead to one lead to the other.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    components(one).eq(components(other))
}

/// The path from `outer` to `name`, which lies within it.
pub(crate) fn relative(name: &[u8], outer: &[u8]) -> Vec<u8> {
    components(name).skip(depth(outer)).collect::<Vec<_>>().join(&b'/')
}

/// The name of what lies at `below` in the directory `name`.
pub(crate) fn join(name: &[u8], below: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if below.is_empty() || name.ends_with(b"/") { b"" } else { b"/" };
    [name, separator, below].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_from_the_root_by_components() {
        for (one, other) in [("/d", "d"), ("./d", "d//"), ("/", "."), ("a/./b", "/a//b/")] {
            assert!(is_same(one.as_bytes(), other.as_bytes()), "{one} {other}");
        }
        for (one, other) in [("/d", "/e"), ("/d", "/"), ("a", "a/b"), ("a/../b", "b"), ("ab", "a")] {
            assert!(!is_same(one.as_bytes(), other.as_bytes()), "{one} {other}");
        }
        for (name, outer) in [("/d", "/"), ("d/e", "/d"), ("/d", "d"), ("a/b/c", "./a/b/"), ("x", ".")] {
            assert!(is_within(name.as_bytes(), outer.as_bytes()), "{name} {outer}");
        }
        for (name, outer) in [("/", "/d"), ("/data", "/d"), ("a/c", "a/b"), ("/d", "/d/e")] {
            assert!(!is_within(name.as_bytes(), outer.as_bytes()), "{name} {outer}");
        }
        assert_eq!(relative(b"/d/./e//f", b"d"), b"e/f");
        assert_eq!([depth(b"/"), depth(b"."), depth(b"a/./b/")], [0, 0, 2]);
    }

    #[test]
    fn what_lies_below_has_the_name_and_the_path() {
        let joined: [Vec<u8>; 3] = [join(b"/", b"a"), join(b"d", b"a/b"), join(b"d", b"")];
        assert_eq!(joined, [b"/a".to_vec(), b"d/a/b".to_vec(), b"d".to_vec()]);
    }
}
