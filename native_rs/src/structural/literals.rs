//! What a file must hold for a pattern or a rule to match in it: tested on the bytes, before anything is parsed.
//!
//! The CLI tests patterns for their longest token, after parsing, and rules for nothing. Whatever else is tested here is proven to be
//! required, so that it changes no result.

use ast_grep_config::Rule;
use ast_grep_core::matcher::PatternNode;
use ast_grep_core::{MatchStrictness, Pattern};
use memchr::memmem::Finder;

/// The longest ones of a pattern; each is a search through the file.
const MAX_TOKENS: usize = 8;

/// A condition on a file's bytes. Never false for a file that matches.
#[derive(Debug)]
pub enum Required {
    /// Any file may match.
    Nothing,
    Token(Box<Finder<'static>>),
    All(Vec<Required>),
    Any(Vec<Required>),
}

impl Required {
    /// The CLI's test for `run`, the longest token that the pattern spells out, whatever the strictness; and every other one that
    /// the pattern cannot do without.
    pub fn of_pattern(pattern: &Pattern) -> Required {
        Required::all(vec![
            token(&pattern.fixed_string()),
            of_strict_pattern(pattern),
        ])
    }

    /// `all` = and, `any` = or; `not`, `regex`, relational rules and calls of utils ask for nothing.
    pub fn of_rule(rule: &Rule) -> Required {
        match rule {
            Rule::Pattern(pattern) => of_strict_pattern(pattern),
            Rule::All(all) => Required::all(all.inner().iter().map(Required::of_rule).collect()),
            Rule::Any(any) => Required::any(any.inner().iter().map(Required::of_rule).collect()),
            _ => Required::Nothing,
        }
    }

    /// Every one of `parts`.
    pub fn all(parts: Vec<Required>) -> Required {
        let mut parts: Vec<Required> = parts
            .into_iter()
            .filter(|part| !matches!(part, Required::Nothing))
            .collect();
        match parts.len() {
            0 => Required::Nothing,
            1 => parts.swap_remove(0),
            _ => Required::All(parts),
        }
    }

    /// At least one of `parts`; of none, none can be had.
    pub fn any(parts: Vec<Required>) -> Required {
        if parts.iter().any(|part| matches!(part, Required::Nothing)) {
            return Required::Nothing;
        }
        Required::Any(parts)
    }

    /// Whether a file with these bytes may match.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        match self {
            Required::Nothing => true,
            Required::Token(finder) => finder.find(bytes).is_some(),
            Required::All(parts) => parts.iter().all(|part| part.holds(bytes)),
            Required::Any(parts) => parts.iter().any(|part| part.holds(bytes)),
        }
    }
}

fn token(text: &str) -> Required {
    if text.is_empty() {
        return Required::Nothing;
    }
    Required::Token(Box::new(Finder::new(text).into_owned()))
}

/// A pattern within a rule: each named token is compared by its text, unless the strictness is `signature`.
/// Unnamed ones are not: some kinds of strictness skip them, and those that match do so by kind alone.
fn of_strict_pattern(pattern: &Pattern) -> Required {
    if matches!(pattern.strictness, MatchStrictness::Signature) {
        return Required::Nothing;
    }
    let mut tokens: Vec<&str> = Vec::new();
    let mut stack = vec![&pattern.node];
    while let Some(node) = stack.pop() {
        match node {
            PatternNode::Terminal { text, is_named, .. } if *is_named => tokens.push(text),
            PatternNode::Terminal { .. } | PatternNode::MetaVar { .. } => {}
            PatternNode::Internal { children, .. } => stack.extend(children),
        }
    }
    tokens.sort_unstable_by_key(|text| (std::cmp::Reverse(text.len()), *text));
    let mut kept: Vec<&str> = Vec::new();
    for text in tokens {
        // What is in a longer one is tested with it.
        if kept.len() < MAX_TOKENS && !kept.iter().any(|longer| longer.contains(text)) {
            kept.push(text);
        }
    }
    Required::all(kept.into_iter().map(token).collect())
}

#[cfg(test)]
mod tests {
    use ast_grep_config::{GlobalRules, from_yaml_string};
    use ast_grep_language::SupportLang;

    use super::*;

    fn rule(yaml: &str) -> Required {
        let yaml = format!("id: x\nlanguage: python\nrule:\n{yaml}");
        let rules = from_yaml_string::<SupportLang>(&yaml, &GlobalRules::default()).unwrap();
        Required::of_rule(&rules[0].matcher)
    }

    #[test]
    fn a_pattern_asks_for_all_its_names() {
        let pattern = Pattern::try_new("np.einsum($$$)", SupportLang::Python).unwrap();
        let required = Required::of_pattern(&pattern);
        assert!(required.holds(b"einsum = np"));
        assert!(!required.holds(b"np.dot(a)") && !required.holds(b"x.einsum(a)"));
    }

    #[test]
    fn a_pattern_asks_for_its_longest_token_whatever_it_is_as_the_cli_does() {
        let pattern = Pattern::try_new("class $A: $B", SupportLang::Python).unwrap();
        let pattern = pattern.with_strictness(MatchStrictness::Signature);
        assert!(!Required::of_pattern(&pattern).holds(b"def a(): b"));
    }

    #[test]
    fn all_is_and_any_is_or() {
        let all = rule("  all: [{pattern: foo($A)}, {kind: call}, {pattern: $F(bar)}]");
        assert!(all.holds(b"foo(bar)") && !all.holds(b"foo(1)") && !all.holds(b"f(bar)"));
        let any = rule("  any: [{pattern: foo($A)}, {pattern: bar($A)}]");
        assert!(any.holds(b"foo") && any.holds(b"bar") && !any.holds(b"baz"));
    }

    #[test]
    fn what_cannot_be_required_asks_for_nothing() {
        for yaml in [
            "  any: [{pattern: foo($A)}, {kind: call}]",
            "  {kind: call, not: {pattern: foo($A)}}",
            "  {kind: call, regex: foo}",
            "  {kind: call, has: {pattern: foo, stopBy: end}}",
            "  {pattern: {context: foo($A), strictness: signature}}",
        ] {
            assert!(matches!(rule(yaml), Required::Nothing), "{yaml}");
        }
    }

    #[test]
    fn a_keyword_is_not_required_as_some_strictness_skips_it() {
        let required = rule("  {pattern: {context: 'await f($A)', strictness: relaxed}}");
        assert!(required.holds(b"f(1)"), "{required:?}");
    }
}
