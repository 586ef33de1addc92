//! Which instructions of a function can run more than once: blocks that can be reached from themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::IrFunction;

/// Instructions of each block, by label.
type Blocks<'a> = BTreeMap<&'a str, Vec<&'a str>>;

impl IrFunction {
    /// The instructions that are in loops.
    pub fn instructions_in_loops(&self) -> Vec<&str> {
        let blocks = blocks(&self.text);
        let in_loops = blocks.iter().filter(|(label, _)| reachable_from(label, &blocks).contains(**label));
        in_loops.flat_map(|(_, instructions)| instructions.iter().copied()).collect()
    }

    /// The instructions that contain `part`.
    pub fn instructions_with(&self, part: &str) -> Vec<&str> {
        self.text.lines().filter(|line| line.starts_with("  ") && line.contains(part)).collect()
    }
}

fn blocks(text: &str) -> Blocks<'_> {
    let mut blocks = Blocks::new();
    let mut current = "";
    for line in text.lines() {
        if let Some(label) = line.strip_suffix(':') {
            current = label;
        } else if line.starts_with("  ") {
            blocks.entry(current).or_default().push(line);
        }
    }
    blocks
}

/// Labels of all blocks that control can come to after the block `start`.
fn reachable_from<'a>(start: &str, blocks: &Blocks<'a>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut pending = vec![start];
    while let Some(label) = pending.pop() {
        // Only terminators, and the cases of a switch on lines of their own, name labels.
        let lines = blocks.get(label).into_iter().flatten();
        for successor in lines.flat_map(|line| line.split("label %").skip(1)) {
            let successor = successor.split([',', ' ']).next().unwrap_or(successor);
            if reached.insert(successor) {
                pending.push(successor);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::IrFunction;

    #[test]
    fn only_what_can_run_again_is_in_a_loop() {
        let text = "\
define void @m.f0(i32 %0) {
entry:
  br label %header

header:
  %a = load i32, ptr %p
  br i1 %c, label %body, label %end

body:
  %b = add i32 %a, 1
  br label %header

end:
  ret void
}
";
        let function = IrFunction { attributes: String::new(), text: text.to_owned() };
        let mut found = function.instructions_in_loops();
        found.sort_unstable();
        let expected = [
            "  %a = load i32, ptr %p",
            "  %b = add i32 %a, 1",
            "  br i1 %c, label %body, label %end",
            "  br label %header",
        ];
        assert_eq!(found, expected);
        assert_eq!(function.instructions_with("load"), ["  %a = load i32, ptr %p"]);
    }
}
