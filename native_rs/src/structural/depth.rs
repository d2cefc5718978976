//! How deep a pattern's own tree is, before ast-grep converts it: that conversion recurses.

use ast_grep_core::Language as _;
use ast_grep_language::SupportLang;

use super::parse::Parsers;
use super::shape::{MAX_NESTING, brackets, too_deep};
use crate::error::Result;

/// Trees are deeper than what they were written as: each level of an expression has some nodes of its own.
const MAX_TREE_DEPTH: u32 = 4 * MAX_NESTING as u32;

/// Refuse a pattern that is nested too deep, by its brackets and by its tree.
///
/// Errors: `tooLarge`.
pub fn check(field: &str, pattern: &str, language: SupportLang) -> Result<()> {
    if brackets(pattern) > MAX_NESTING {
        return Err(too_deep(field));
    }
    // Too short to be that deep: a level takes a byte.
    if pattern.len() <= MAX_NESTING {
        return Ok(());
    }
    let text = language.pre_process_pattern(pattern);
    let tree = Parsers::default().parse(language, &text, &[], &|| false);
    let deepest = tree.map_or(0, |tree| deepest(&tree));
    if deepest > MAX_TREE_DEPTH {
        return Err(too_deep(field));
    }
    Ok(())
}

fn deepest(tree: &tree_sitter::Tree) -> u32 {
    let mut cursor = tree.walk();
    let mut deepest = 0;
    loop {
        deepest = deepest.max(cursor.depth());
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return deepest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_without_brackets_is_seen_too() {
        assert!(check("pattern", &"!".repeat(400), SupportLang::JavaScript).is_ok());
        let deep = format!("{}x", "!".repeat(3000));
        let error = check("pattern", &deep, SupportLang::JavaScript).unwrap_err();
        assert_eq!(error.kind(), "tooLarge");
    }
}
