//! What diagnostics are about, as names for programs that read them.
//!
//! The rule: a name keeps its meaning; words of messages may change, these do not.

macro_rules! codes {
    ($($(#[doc = $meaning:literal])* $code:ident = $name:literal,)*) => {
        /// What a diagnostic is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[doc = $meaning])* $code,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The name, as it stands in JSON.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$code => concat!($($meaning),*).trim_ascii(),)*
                }
            }
        }
    };
}

codes! {
    /// The module does not validate.
    InvalidModule = "invalid-module",
    /// The module needs a proposal that is not supported.
    UnsupportedProposal = "unsupported-proposal",
    /// The text of a module cannot be read.
    TextSyntax = "text-syntax",
    /// The input is something else than a core module.
    NotAModule = "not-a-module",
    /// Nothing provides an import, or what does has another type.
    Import = "import",
    /// There is nothing to start the program with.
    NoEntry = "no-entry",
    /// Something else is wrong with an input.
    Input = "input",
    /// A file or directory cannot be read or written.
    File = "file",
    /// There is no usable C compiler to link with, or it failed.
    Linker = "linker",
    /// What the C compiler said about a source.
    CCompiler = "c-compiler",
    /// The machine lacks something else.
    Machine = "machine",
    /// There is no such option.
    UnknownOption = "unknown-option",
    /// An option is ignored, since it changes nothing here.
    NoEffect = "no-effect",
    /// Something else is wrong with the command line.
    Usage = "usage",
    /// The output lacks something that may have been meant.
    Omission = "omission",
    /// What a pass of the optimiser did.
    Remark = "remark",
    /// A step of the work.
    Step = "step",
    /// A bug of the compiler.
    Internal = "internal",
}
