//! Terminals: what a guest writes to one cannot steer it.
//!
//! An escape sequence can do more than colour a word: move over what others wrote, answer as if the user
//! had typed, set the clipboard. So control characters become visible (`␛`) unless the user allowed them.
//! Tab, newline and carriage return stay, for they only lay out text.

use std::sync::Mutex;

use crate::lock::lock;

/// Bytes of the guest that are filtered at a time: what is left is for the guest's next call.
pub(crate) const MAX_FILTERED_BYTES: usize = 4096;

/// What becomes of the escape sequences that a guest writes to a terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Escapes {
    /// They are made visible and do nothing.
    #[default]
    Shown,
    /// The terminal gets them as they are.
    Passed,
}

/// The filter of one terminal, which remembers a character that was begun.
#[derive(Debug, Default)]
pub struct EscapeFilter {
    /// At most three bytes of a character whose rest has not come yet.
    begun: Mutex<Vec<u8>>,
}

impl EscapeFilter {
    /// What a terminal may be sent for `bytes`. They need not be UTF-8, nor end where a character does: what
    /// is no character becomes U+FFFD, for a terminal could take a lone byte for a control character.
    pub fn filtered(&self, bytes: &[u8]) -> Vec<u8> {
        let mut begun = lock(&self.begun);
        begun.extend_from_slice(bytes);
        let mut output = Vec::with_capacity(begun.len());
        let mut rest = begun.as_slice();
        let unfinished = loop {
            match core::str::from_utf8(rest) {
                Ok(text) => {
                    push_visible(&mut output, text);
                    break &[][..];
                }
                Err(error) => {
                    let (valid, invalid) = rest.split_at(error.valid_up_to());
                    push_visible(&mut output, core::str::from_utf8(valid).unwrap_or_default());
                    let Some(len) = error.error_len() else { break invalid };
                    push(&mut output, char::REPLACEMENT_CHARACTER);
                    rest = &invalid[len..];
                }
            }
        };
        *begun = unfinished.to_vec();
        output
    }
}

fn push_visible(output: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        push(output, visible(character));
    }
}

fn push(output: &mut Vec<u8>, character: char) {
    output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The character, or a picture of it where it is a control character.
fn visible(character: char) -> char {
    /// U+2400 and on are pictures of the control characters, in their order.
    const FIRST_PICTURE: u32 = 0x2400;
    const PICTURE_OF_DELETE: char = '\u{2421}';
    match character {
        '\t' | '\n' | '\r' => character,
        '\0'..='\x1f' => {
            char::from_u32(FIRST_PICTURE + u32::from(character)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        '\x7f' => PICTURE_OF_DELETE,
        '\u{80}'..='\u{9f}' => char::REPLACEMENT_CHARACTER,
        _ => character,
    }
}
