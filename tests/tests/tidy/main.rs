//! The rules of the house that a program can check, over every file of the project.
//!
//! A rule is a function from a file to what is wrong with it, and each is tested on snippets that break
//! it. Exceptions stand beside the rule, with a reason, and one that is no longer needed fails too.

mod bench;
mod confined;
mod docs;
mod faults;
mod layers;
mod machine;
mod order;
mod size;
mod source;
mod words;

use source::{Problem, SourceFile, all_files};

/// Holds a rule over all files.
#[track_caller]
fn assert_holds(rule: fn(&SourceFile) -> Vec<Problem>) {
    let files = all_files();
    assert!(files.len() > 100, "only {} files were found", files.len());
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| rule(file).into_iter().map(|problem| (&file.path, problem)))
        .map(|(path, problem)| format!("{path}:{}: {}", problem.line, problem.message))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[track_caller]
fn assert_no_stale(stale: Vec<String>) {
    assert!(stale.is_empty(), "exceptions that are not needed:\n{}", stale.join("\n"));
}

#[test]
fn files_are_short() {
    assert_holds(size::file_length);
}

#[test]
fn functions_are_short() {
    assert_holds(size::function_length);
    assert_no_stale(size::stale_exceptions(&all_files()));
}

#[test]
fn lines_are_short() {
    assert_holds(size::line_width);
    assert_no_stale(size::stale_wide_files(&all_files()));
}

#[test]
fn files_say_what_they_do() {
    assert_holds(words::module_doc);
}

#[test]
fn imports_follow_the_pipeline() {
    assert_holds(layers::import_direction);
    assert_holds(layers::forbidden_crates);
}

#[test]
fn files_name_only_files_before_them() {
    assert_holds(order::file_order);
    assert_no_stale(order::stale_files(&all_files()));
}

#[test]
fn packages_take_the_lints_of_the_workspace() {
    assert_holds(layers::workspace_lints);
}

#[test]
fn dangerous_words_stand_in_their_places() {
    assert_holds(confined::words_in_place);
    assert_no_stale(confined::stale_places(&all_files()));
}

#[test]
fn only_tests_unwrap() {
    assert_holds(words::unwraps);
}

#[test]
fn nothing_banned_is_said() {
    assert_holds(words::banned_words);
}

#[test]
fn nothing_is_of_one_machine() {
    assert_holds(machine::paths_of_a_machine);
    assert_holds(machine::hosts);
    assert_no_stale(machine::stale_hosts(&all_files()));
}

#[test]
fn allowed_lints_have_reasons() {
    assert_holds(words::allow_reasons);
}

#[test]
fn names_of_values_do_not_end_in_digits() {
    assert_holds(words::value_names);
}

#[test]
fn the_abi_is_stated_once() {
    assert_holds(words::abi_literals);
}

#[test]
fn parameters_are_no_bools() {
    assert_holds(words::bool_parameters);
}
