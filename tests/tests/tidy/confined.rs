//! What is dangerous or stated once may be named in few places, each with its reason.

use super::source::{Problem, SourceFile, lines_with_word};

/// Words that may stand in certain files only.
pub struct Confined {
    /// What the words are for.
    about: &'static str,
    words: &'static [&'static str],
    /// The folder, or the file, in which the rule holds.
    within: &'static str,
    /// Files below `within` where the words may stand, and what for.
    places: &'static [(&'static str, &'static str)],
}

impl Confined {
    fn is_about(&self, file: &SourceFile) -> bool {
        file.is_in(self.within) || file.path == self.within
    }
}

/// All of them.
pub const CONFINED: &[Confined] = &[
    Confined {
        about: "makes pointers, and only address.rs makes those into linear memory (INV-2)",
        words: &[
            "build_gep",
            "build_in_bounds_gep",
            "build_struct_gep",
            "build_int_to_ptr",
            "const_gep",
            "const_in_bounds_gep",
            "const_to_pointer",
        ],
        within: "wasm2native/src",
        places: &[
            ("translate/address.rs", "linear memory"),
            ("translate/bulk.rs", "bytes of a data segment"),
            ("translate/table.rs", "an element of a table"),
            ("translate/constant_table.rs", "what is known of an element of a constant table"),
            ("env/module_env.rs", "a field of a structure of the ABI"),
            ("emit/descriptor.rs", "a constant inside of constant text"),
            ("emit/active_data.rs", "an element of the constant list of segments"),
        ],
    },
    Confined {
        about: "says which alias class an access is of (INV-6)",
        words: &[
            "alias.mark",
            "AliasClass::LinearMemory",
            "AliasClass::InstanceState",
            "AliasClass::MemoryLength",
        ],
        within: "wasm2native/src",
        places: &[
            ("env/place.rs", "instance state"),
            ("env/alias.rs", "where the classes are made"),
            ("translate/address.rs", "loads and stores of linear memory, and its length"),
            ("translate/bulk.rs", "operators on whole ranges of linear memory"),
        ],
    },
    Confined {
        about: "makes pointers into guest memory or follows them, and only guest.rs does (INV-7)",
        words: &[
            "wrapping_add",
            "copy_from_nonoverlapping",
            "copy_to_nonoverlapping",
            "copy_nonoverlapping",
            "byte_add",
            "ptr::read",
            "ptr::write",
        ],
        within: "libwasirt/src",
        places: &[
            ("guest.rs", "guest memory"),
            ("memory_place.rs", "the reference to the memory in an instance"),
            ("entropy.rs", "the sums of a generator"),
            ("host_api.rs", "what the host of a plugin points to"),
        ],
    },
    Confined {
        about: "makes a reference or a slice of an address: guest memory, to which others write, is copied",
        words: &["from_raw_parts", "from_raw_parts_mut", "slice_from_raw_parts", "transmute"],
        within: "libwasirt/src",
        places: &[("host_api.rs", "what the host of a plugin points to")],
    },
    Confined {
        about: "makes a reference of a pointer, and no pointer here may become one",
        words: &["&*", "&mut *", ".as_ref", ".as_mut", "CStr", "str::"],
        within: "libwasirt/src/guest.rs",
        places: &[],
    },
    Confined {
        about: "opens files, and only resolve.rs does so by a guest's path (INV-7)",
        words: &["openat", "openat2", "OpenOptions", "File::open", "std::fs", "libc::open"],
        within: "libwasirt/src",
        places: &[
            ("path/resolve.rs", "guest paths"),
            ("grants.rs", "directories that the user of the program grants"),
            ("host_api.rs", "directories that the host of a plugin grants"),
            ("narrow.rs", "real paths of directories that the user of the program grants"),
        ],
    },
    Confined {
        about: "changes what LLVM may assume of every function",
        words: &["create_string_attribute", "create_enum_attribute"],
        within: "wasm2native/src",
        places: &[
            ("env/module_env.rs", "the attributes of Wasm functions"),
            ("backend/target.rs", "what to tune code for, which changes no meaning"),
        ],
    },
    Confined {
        about: "depends on the processor, and facts about those stand in arch/",
        words: &["x86_64", "X86_64", "initialize_x86", "llvm.x86", "llvm.aarch64", "target_arch"],
        within: "wasm2native/src",
        places: &[
            ("arch/mod.rs", "which architecture is compiled for"),
            ("arch/x86_64.rs", "all that is known of it"),
        ],
    },
    Confined {
        about: "is the platform's, and only sys knows that (DESIGN.md, platforms)",
        words: &["libc::", "rustix::", "environ", "asm!"],
        within: "rt/src",
        places: &[
            ("sys/linux.rs", "addresses, threads, the process"),
            ("sys/linux_signals.rs", "faults and the timer"),
            ("sys/x86_64.rs", "registers as Linux keeps them"),
        ],
    },
    Confined {
        about: "asks or changes the process, and only the command does so: the library is told by its options",
        words: &[
            "env::var",
            "env::var_os",
            "env::temp_dir",
            "env::current_dir",
            "env::current_exe",
            "set_current_dir",
            "io::stdin",
            "io::stdout",
            "io::stderr",
            "process::exit",
            "process::abort",
            "libc::_exit",
            "libc::signal",
            "libc::sigaction",
            "pthread_sigmask",
            "println",
            "eprintln",
            "eprint",
        ],
        within: "wasm2native/src",
        places: &[
            ("options.rs", "what the command passes on"),
            ("cli/mod.rs", "the command"),
            ("cli/report.rs", "the command"),
            ("cli/progress.rs", "the command"),
            ("cli/signals.rs", "the command"),
            ("driver/input.rs", "standard input, where the options name it"),
            ("driver/output.rs", "standard output, where the options name it"),
            ("backend/diagnostics.rs", "what LLVM cannot come back from"),
        ],
    },
    Confined { about: "is global state", words: &["static mut"], within: "wasm2native/src", places: &[] },
];

/// Confined words outside of their places.
pub fn words_in_place(file: &SourceFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    for confined in CONFINED.iter().filter(|confined| confined.is_about(file)) {
        if confined.places.iter().any(|(place, _)| is_at(file, confined, place)) {
            continue;
        }
        for word in confined.words {
            for line in lines_with_word(&file.product_code, word) {
                problems.push(Problem::new(line, format!("{word} {}", confined.about)));
            }
        }
    }
    problems
}

fn is_at(file: &SourceFile, confined: &Confined, place: &str) -> bool {
    file.path == format!("{}/{place}", confined.within)
}

/// Places where none of the words stands any more.
pub fn stale_places(files: &[SourceFile]) -> Vec<String> {
    let mut stale = Vec::new();
    for confined in CONFINED {
        for (place, reason) in confined.places {
            let file = files.iter().find(|file| is_at(file, confined, place));
            let is_used = file.is_some_and(|file| {
                confined.words.iter().any(|word| !lines_with_word(&file.product_code, word).is_empty())
            });
            if !is_used || reason.is_empty() {
                stale.push(format!("{}/{place}: none of {:?}", confined.within, confined.words));
            }
        }
    }
    stale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_out_of_its_place_is_found() {
        let check = |path: &str, text: &str| words_in_place(&SourceFile::new(path, text.to_owned())).len();
        let gep = "fn a() { b.build_gep(c) }\n";
        assert_eq!(check("wasm2native/src/translate/control.rs", gep), 1);
        assert_eq!(check("wasm2native/src/translate/address.rs", gep), 0);
        assert_eq!(check("rt/src/memory.rs", gep), 0);
        assert_eq!(check("libwasirt/src/path/open.rs", "fn a() { rustix::fs::openat(b) }\n"), 1);
        assert_eq!(check("libwasirt/src/args.rs", "fn a() { slice::from_raw_parts(b, 1) }\n"), 1);
        assert_eq!(check("libwasirt/src/args.rs", "// from_raw_parts\n"), 0);
        assert_eq!(check("libwasirt/src/guest.rs", "fn a() { slice::from_raw_parts(b, 1) }\n"), 1);
        assert_eq!(check("libwasirt/src/guest.rs", "fn a(b: *const u8) { let c = unsafe { &*b }; }\n"), 1);
        assert_eq!(check("libwasirt/src/guest.rs", "fn a(b: *const u8, c: *mut u8) {}\n"), 0);
        assert_eq!(check("libwasirt/src/args.rs", "fn a(b: *const A) { let c = unsafe { &*b }; }\n"), 0);
        assert_eq!(check("rt/src/memory.rs", "fn a() { libc::mmap() }\n"), 1);
        assert_eq!(check("rt/src/sys/linux.rs", "fn a() { libc::mmap() }\n"), 0);
        assert_eq!(check("wasm2native/src/cli/mod.rs", "static mut A: u8 = 0;\n"), 1);
    }

    #[test]
    fn a_place_without_its_word_is_found() {
        let count: usize = CONFINED.iter().map(|confined| confined.places.len()).sum();
        assert_eq!(stale_places(&[]).len(), count);
    }
}
