//! Types of generated C: what arrays hold, and what is computed with.
//!
//! The rule: integers are computed with unsigned and wide enough, so that nothing that a program does is
//! undefined in C; a signed operation is one on operands that were checked.

/// What an element of an array is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `int8_t`
    I8,
    /// `uint8_t`
    U8,
    /// `int16_t`
    I16,
    /// `uint16_t`
    U16,
    /// `int32_t`
    I32,
    /// `uint32_t`
    U32,
    /// `int64_t`
    I64,
    /// `uint64_t`
    U64,
    /// `float`
    F32,
    /// `double`
    F64,
}

/// What is computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// `uint32_t`
    Word,
    /// `uint64_t`
    Long,
    /// `unsigned __int128`
    Wide,
    /// `float`
    Single,
    /// `double`
    Double,
}

use Domain::{Double, Long, Single, Wide, Word};

impl Element {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::I8,
        Self::U8,
        Self::I16,
        Self::U16,
        Self::I32,
        Self::U32,
        Self::I64,
        Self::U64,
        Self::F32,
        Self::F64,
    ];

    /// Its name in C.
    pub fn name(self) -> &'static str {
        match self {
            Self::I8 => "int8_t",
            Self::U8 => "uint8_t",
            Self::I16 => "int16_t",
            Self::U16 => "uint16_t",
            Self::I32 => "int32_t",
            Self::U32 => "uint32_t",
            Self::I64 => "int64_t",
            Self::U64 => "uint64_t",
            Self::F32 => "float",
            Self::F64 => "double",
        }
    }

    /// Whether it is a floating-point number.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// What one would compute with.
    pub fn domain(self) -> Domain {
        match self {
            Self::I64 | Self::U64 => Long,
            Self::F32 => Single,
            Self::F64 => Double,
            _ => Word,
        }
    }

    /// An element `text`, as a number of `domain`.
    pub fn load(self, text: &str, domain: Domain) -> String {
        match domain {
            Word | Long | Wide if self.is_float() => Double.convert(&format!("(double){text}"), domain),
            _ => format!("({}){text}", domain.name()),
        }
    }

    /// A number `text` of `domain`, as an element.
    pub fn store(self, text: &str, domain: Domain) -> String {
        if domain.is_float() && !self.is_float() {
            return format!("({})to_int({text})", self.name());
        }
        let signed = if self.is_float() && domain == Word { "(int32_t)" } else { "" };
        format!("({}){signed}({text})", self.name())
    }
}

impl Domain {
    /// Its name in C.
    pub fn name(self) -> &'static str {
        match self {
            Word => "uint32_t",
            Long => "uint64_t",
            Wide => "wide",
            Single => "float",
            Double => "double",
        }
    }

    /// Whether it is a floating-point number.
    pub fn is_float(self) -> bool {
        matches!(self, Single | Double)
    }

    /// Bits of a number; a shift by less is defined.
    pub fn bits(self) -> u32 {
        match self {
            Word | Single => 32,
            Long | Double => 64,
            Wide => 128,
        }
    }

    /// The signed type of as many bits.
    pub fn signed(self) -> &'static str {
        match self {
            Long => "int64_t",
            Wide => "signed_wide",
            _ => "int32_t",
        }
    }

    /// A number `text`, as one of `other`.
    pub fn convert(self, text: &str, other: Domain) -> String {
        match (self.is_float(), other.is_float()) {
            _ if self == other => format!("({text})"),
            (true, false) => format!("({})to_int({text})", other.name()),
            (false, true) if self == Word => format!("({})(int32_t)({text})", other.name()),
            (false, true) if self == Wide => format!("({})(uint64_t)({text})", other.name()),
            _ => format!("({})({text})", other.name()),
        }
    }
}
