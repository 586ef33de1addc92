//! Changes to a module's bytes, chosen at random. The sizes of what is changed are often put right again:
//! otherwise nearly every mutant would end at the first size that is wrong.

use std::ops::Range;

use fastrand::Rng;
use wasmparser::{BinaryReader, Parser};

use crate::encode::{HEADER, Section, leb, sized};

/// A change: of a module, with another one at hand to take bytes from.
type Mutation = fn(&mut Rng, &[u8], &[u8]) -> Vec<u8>;

const MUTATIONS: &[Mutation] = &[
    flip_bits,
    truncate,
    insert_bytes,
    remove_bytes,
    put_huge_number,
    swap_sections,
    repeat_section,
    take_section,
    take_bytes,
    change_body,
    change_body,
    change_body,
];

/// Bytes that mean something in many places: numbers at a limit, types, operators.
const TELLING_BYTES: &[u8] = &[
    0, 1, 0x7f, 0x80, 0xff, 0x40, 0x70, 0x6f, 0x7b, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0e, 0x11, 0xfc,
    0xfd,
];

/// A mutant of `module`, which is valid, and `other`.
pub fn mutant(rng: &mut Rng, module: &[u8], other: &[u8]) -> Vec<u8> {
    let mutation = rng.choice(MUTATIONS).expect("there are some");
    mutation(rng, module, other)
}

fn flip_bits(rng: &mut Rng, module: &[u8], _: &[u8]) -> Vec<u8> {
    let mut bytes = module.to_vec();
    for _ in 0..rng.usize(1..4) {
        let position = rng.usize(..bytes.len());
        bytes[position] ^= 1 << rng.u8(..8);
    }
    bytes
}

fn truncate(rng: &mut Rng, module: &[u8], _: &[u8]) -> Vec<u8> {
    module[..rng.usize(..module.len())].to_vec()
}

fn insert_bytes(rng: &mut Rng, module: &[u8], _: &[u8]) -> Vec<u8> {
    let mut bytes = module.to_vec();
    insert(rng, &mut bytes);
    bytes
}

fn insert(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let position = rng.usize(..=bytes.len());
    let inserted: Vec<u8> = (0..rng.usize(1..5)).map(|_| any_byte(rng)).collect();
    bytes.splice(position..position, inserted);
}

fn any_byte(rng: &mut Rng) -> u8 {
    if rng.bool() { *rng.choice(TELLING_BYTES).expect("there are some") } else { rng.u8(..) }
}

fn remove_bytes(rng: &mut Rng, module: &[u8], _: &[u8]) -> Vec<u8> {
    let mut bytes = module.to_vec();
    let removed = short_range(rng, bytes.len());
    bytes.drain(removed);
    bytes
}

fn short_range(rng: &mut Rng, length: usize) -> Range<usize> {
    let start = rng.usize(..=length);
    start..(start + rng.usize(..8)).min(length)
}

/// Some number becomes one near the limit of its type, or takes more bytes than it may.
fn put_huge_number(rng: &mut Rng, module: &[u8], _: &[u8]) -> Vec<u8> {
    let mut bytes = module.to_vec();
    let position = rng.usize(..bytes.len());
    let number = match rng.u8(..4) {
        0 => leb(u32::MAX.into()),
        1 => leb(u64::MAX),
        2 => leb(1 << rng.u32(..33)),
        _ => [vec![0x80; rng.usize(1..12)], vec![0]].concat(),
    };
    bytes.splice(position..=position, number);
    bytes
}

fn swap_sections(rng: &mut Rng, module: &[u8], _: &[u8]) -> Vec<u8> {
    let mut sections = sections(module);
    if !sections.is_empty() {
        let (left, right) = (rng.usize(..sections.len()), rng.usize(..sections.len()));
        sections.swap(left, right);
    }
    joined(&sections)
}

fn repeat_section(rng: &mut Rng, module: &[u8], _: &[u8]) -> Vec<u8> {
    let mut sections = sections(module);
    if !sections.is_empty() {
        sections.insert(rng.usize(..=sections.len()), sections[rng.usize(..sections.len())]);
    }
    joined(&sections)
}

/// A section becomes what it is in another module.
fn take_section(rng: &mut Rng, module: &[u8], other: &[u8]) -> Vec<u8> {
    let mut sections = sections(module);
    let others = self::sections(other);
    if let Some(taken) = rng.choice(&others) {
        match sections.iter_mut().find(|section| section.id == taken.id) {
            Some(section) => *section = *taken,
            None => sections.push(*taken),
        }
    }
    joined(&sections)
}

fn take_bytes(rng: &mut Rng, module: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = module.to_vec();
    let position = rng.usize(..bytes.len());
    let taken = &other[short_range(rng, other.len())];
    let end = (position + taken.len()).min(bytes.len());
    bytes.splice(position..end, taken.iter().copied());
    bytes
}

/// Changes the code of one function; all sizes are right afterwards.
fn change_body(rng: &mut Rng, module: &[u8], other: &[u8]) -> Vec<u8> {
    let mut sections = sections(module);
    let Some(code) = sections.iter_mut().find(|section| section.id == Section::Code as u8) else {
        return flip_bits(rng, module, other);
    };
    let mut bodies = bodies(code.content);
    if bodies.is_empty() {
        return flip_bits(rng, module, other);
    }
    let chosen = rng.usize(..bodies.len());
    let body = &mut bodies[chosen];
    match rng.u8(..4) {
        0 => insert(rng, body),
        1 => {
            let removed = short_range(rng, body.len());
            body.drain(removed);
        }
        2 => {
            let copied = body[short_range(rng, body.len())].to_vec();
            let position = rng.usize(..=body.len());
            body.splice(position..position, copied);
        }
        _ => {
            let position = rng.usize(..body.len());
            body[position] = any_byte(rng);
        }
    }
    let bodies: Vec<_> = bodies.iter().map(|body| sized(body)).collect();
    let content = [leb(bodies.len() as u64), bodies.concat()].concat();
    code.content = &content;
    joined(&sections)
}

/// A section as it stands in a module.
#[derive(Clone, Copy)]
struct RawSection<'a> {
    id: u8,
    content: &'a [u8],
}

fn sections(module: &[u8]) -> Vec<RawSection<'_>> {
    let payloads = Parser::new(0).parse_all(module).map(|payload| payload.expect("a valid module"));
    let sections = payloads.filter_map(|payload| payload.as_section());
    let place = |range: Range<u64>| range.start as usize..range.end as usize;
    sections.map(|(id, range)| RawSection { id, content: &module[place(range)] }).collect()
}

fn joined(sections: &[RawSection<'_>]) -> Vec<u8> {
    let sections = sections.iter().map(|section| [&[section.id], sized(section.content).as_slice()].concat());
    [HEADER, &sections.collect::<Vec<_>>().concat()].concat()
}

/// The bodies in a valid code section, without their sizes.
fn bodies(code: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = BinaryReader::new(code, 0);
    let count = reader.read_var_u32().expect("a valid code section");
    let mut next = || -> wasmparser::Result<Vec<u8>> {
        let size = reader.read_var_u32()?;
        Ok(reader.read_bytes(size as usize)?.to_vec())
    };
    (0..count).map(|_| next().expect("a valid code section")).collect()
}
