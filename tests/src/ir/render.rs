//! LLVM's text without what makes a diff hard to read: numbers of attribute groups and metadata, facts
//! that are the same for every function, predecessors of blocks.

use std::collections::HashMap;

use super::PREFIX;

/// A function of the Wasm module in LLVM's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IrFunction {
    /// Attributes as LLVM writes them.
    pub attributes: String,
    /// From `define` to `}`.
    pub text: String,
}

/// The functions of the Wasm module in `ir`, in order: entries, `initialize` and declarations are left out.
pub fn functions(ir: &str) -> Vec<IrFunction> {
    let groups = definitions(ir, "attributes #");
    let metadata = definitions(ir, "!");
    let own = format!("@{PREFIX}.f");
    let mut found = Vec::new();
    let mut lines = ir.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("define ") || !line.contains(&own) {
            continue;
        }
        let (head, number) =
            line.trim_end_matches(" {").rsplit_once(" #").expect("functions have attributes");
        let mut text = format!("{} {{\n", without_instance_facts(head));
        for line in lines.by_ref().take_while(|line| *line != "}") {
            text += &simplified(line, &groups, &metadata);
            text.push('\n');
        }
        found.push(IrFunction { attributes: groups[number].clone(), text: text + "}\n" });
    }
    found
}

/// What follows `prefix` in lines such as `!7 = !{…}` and `attributes #0 = { … }`: number to content.
fn definitions(ir: &str, prefix: &str) -> HashMap<String, String> {
    let lines = ir.lines().filter_map(|line| line.strip_prefix(prefix)?.split_once(" = "));
    lines
        .map(|(number, content)| {
            let content = content.trim_start_matches("distinct ").trim_start_matches('!');
            (number.to_owned(), content.trim_matches(['{', '}', ' ']).to_owned())
        })
        .collect()
}

/// The head of a function without what is said of every function's instance, its size among it.
fn without_instance_facts(head: &str) -> String {
    let Some((before, facts)) = head.split_once(" noundef nonnull align 8 dereferenceable(") else {
        return head.to_owned();
    };
    let (_, after) = facts.split_once(')').expect("a size");
    format!("{before}{after}")
}

fn simplified(line: &str, groups: &HashMap<String, String>, metadata: &HashMap<String, String>) -> String {
    let code = line.split("; preds = ").next().unwrap_or(line).trim_end();
    let mut parts = code.split(", !");
    let mut text = with_attributes(parts.next().unwrap_or(code), groups);
    for part in parts {
        let (kind, number) = part.split_once(" !").unwrap_or((part, ""));
        text += &format!(", !{kind}");
        // A type-based alias tag is known by the name of its class.
        let class = metadata.get(number).and_then(|tag| metadata.get(tag.split(',').next()?.get(1..)?));
        if let Some(name) = class.and_then(|class| class.split('"').nth(1)) {
            text += &format!(" {name:?}");
        }
    }
    text
}

/// A call with the attributes that its group stands for.
fn with_attributes(code: &str, groups: &HashMap<String, String>) -> String {
    match code.rsplit_once(" #") {
        Some((call, number)) if groups.contains_key(number) => format!("{call} {}", groups[number]),
        _ => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::functions;

    #[test]
    fn noise_goes_and_meaning_stays() {
        let ir = "\
define internal fastcc i32 @m.f0(ptr noundef nonnull align 8 dereferenceable(96) %instance, i32 %0) #0 {
entry:
  %memory_base = load ptr, ptr %field, align 8, !tbaa !2, !invariant.load !5
  call void @w2n_trap(ptr %instance, i32 7) #3

end:                                              ; preds = %entry
  ret i32 %0
}
define internal void @m.initialize(ptr %0) #0 {
  ret void
}
attributes #0 = { nounwind \"probe-stack\"=\"inline-asm\" }
attributes #3 = { nomerge }
!2 = !{!3, !3, i64 0}
!3 = !{!\"instance state\", !4, i64 0}
!5 = !{}
";
        let functions = functions(ir);
        assert_eq!(functions.len(), 1);
        assert_eq!(functions[0].attributes, "nounwind \"probe-stack\"=\"inline-asm\"");
        let expected = "\
define internal fastcc i32 @m.f0(ptr %instance, i32 %0) {
entry:
  %memory_base = load ptr, ptr %field, align 8, !tbaa \"instance state\", !invariant.load
  call void @w2n_trap(ptr %instance, i32 7) nomerge

end:
  ret i32 %0
}
";
        assert_eq!(functions[0].text, expected);
    }
}
