//! The `ast_grep` request: JSON in, checked values out. Nothing is compiled here; nesting is bounded before anything can be.

use ast_grep_core::MatchStrictness;
use ast_grep_language::SupportLang;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::languages;
use super::shape::{MAX_NESTING, brackets, json_nesting, too_deep};
use crate::error::{Error, Result};
use crate::request::Request;

/// A pattern is a piece of code that somebody wrote for this purpose.
const MAX_PATTERN_BYTES: usize = 64 << 10;
/// A rule file of hundreds of rules.
const MAX_RULE_BYTES: usize = 1 << 20;

/// The request as it comes; every optional member may be null or absent, and unknown ones are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'b> {
    pattern: Option<String>,
    #[serde(borrow)]
    rule: Option<&'b RawValue>,
    language: Option<String>,
    selector: Option<String>,
    strictness: Option<String>,
    rewrite: Option<String>,
    apply: Option<bool>,
}

/// A checked request.
pub struct Ask {
    pub what: What,
    /// None: each file is searched as what its name says.
    pub language: Option<SupportLang>,
}

/// What to search for.
pub enum What {
    Pattern(Wanted),
    /// YAML text, one or more documents.
    Rules(String),
}

/// A pattern as the CLI's `run` takes it.
#[derive(Debug)]
pub struct Wanted {
    pub text: String,
    pub selector: Option<String>,
    pub strictness: Option<String>,
    pub rewrite: Option<String>,
}

impl Wanted {
    /// The named strictness, if one was named; checked when the request was read.
    pub fn strictness(&self) -> Option<MatchStrictness> {
        self.strictness
            .as_deref()
            .and_then(|name| name.parse().ok())
    }
}

impl Ask {
    /// Read and check a request: what to search for, and where.
    ///
    /// Errors: `invalidParams` that names the field, `tooLarge`.
    pub fn parse(bytes: &[u8]) -> Result<(Ask, Request)> {
        let request = Request::parse_walk(bytes, "ast_grep")?;
        let wire: Wire<'_> = serde_json::from_slice(bytes).map_err(|cause| {
            Error::invalid(
                format!("ast_grep: {cause}"),
                "see sidecar/tools/list for the arguments of ast_grep",
            )
        })?;
        if wire.apply == Some(true) {
            return Err(Error::invalid(
                "apply: comes with guarded writes, which this version does not have",
                "leave apply out, and apply the reply's diff yourself",
            ));
        }
        let language = wire.language.as_deref().map(languages::named).transpose()?;
        let what = what(wire, language)?;
        Ok((Ask { what, language }, request))
    }
}

fn what(wire: Wire<'_>, language: Option<SupportLang>) -> Result<What> {
    match (wire.pattern, wire.rule) {
        (Some(text), None) => {
            if let Some(name) = &wire.strictness {
                check_strictness(name)?;
            }
            let wanted = Wanted {
                text,
                selector: wire.selector,
                strictness: wire.strictness,
                rewrite: wire.rewrite,
            };
            check("pattern", &wanted.text, MAX_PATTERN_BYTES)?;
            check(
                "rewrite",
                wanted.rewrite.as_deref().unwrap_or_default(),
                MAX_PATTERN_BYTES,
            )?;
            Ok(What::Pattern(wanted))
        }
        (None, Some(rule)) => {
            for (field, given) in [
                ("rewrite", wire.rewrite.is_some()),
                ("selector", wire.selector.is_some()),
                ("strictness", wire.strictness.is_some()),
            ] {
                if given {
                    return Err(Error::invalid(
                        format!("{field}: belongs to a pattern, not to a rule"),
                        "say it in the rule: `fix`, or an object as its `pattern`",
                    ));
                }
            }
            Ok(What::Rules(yaml(rule.get(), language)?))
        }
        _ => Err(Error::invalid(
            "pattern, rule: expected exactly one of them",
            "send a pattern, or a rule as YAML text or object",
        )),
    }
}

fn check_strictness(name: &str) -> Result<()> {
    name.parse::<MatchStrictness>().map(drop).map_err(|_| {
        Error::invalid(
            format!("strictness: {name} is none of cst, smart, ast, relaxed, signature, template"),
            "leave it out for smart",
        )
    })
}

fn check(field: &str, text: &str, max_bytes: usize) -> Result<()> {
    if text.len() > max_bytes {
        return Err(Error::too_large(
            format!("{field}: over {max_bytes} bytes"),
            "search for something smaller",
        ));
    }
    if brackets(text) > MAX_NESTING {
        return Err(too_deep(field));
    }
    Ok(())
}

/// The rule's YAML text. An object becomes JSON text, which is YAML too, and gets the request's language if it has none.
fn yaml(raw: &str, language: Option<SupportLang>) -> Result<String> {
    if raw.len() > 2 * MAX_RULE_BYTES {
        return Err(Error::too_large(
            "rule: over 1 MiB",
            "search with fewer rules",
        ));
    }
    if json_nesting(raw) > MAX_NESTING {
        return Err(too_deep("rule"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    deserializer.disable_recursion_limit();
    let value = serde_json::Value::deserialize(&mut deserializer)
        .map_err(|cause| Error::invalid(format!("rule: {cause}"), "send YAML text or an object"))?;
    let text = match value {
        serde_json::Value::String(text) => text,
        serde_json::Value::Object(mut rule) => {
            if let Some(language) = language {
                rule.entry("language")
                    .or_insert_with(|| language.to_string().into());
            }
            escaped(&serde_json::Value::Object(rule).to_string())
        }
        _ => {
            return Err(Error::invalid(
                "rule: expected YAML text or an object",
                "see https://ast-grep.github.io/reference/yaml.html",
            ));
        }
    };
    if text.len() > MAX_RULE_BYTES {
        return Err(Error::too_large(
            "rule: over 1 MiB",
            "search with fewer rules",
        ));
    }
    Ok(text)
}

/// JSON text without the characters that JSON allows in strings and YAML does not; they can stand nowhere else.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for one in json.chars() {
        match one {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(one)));
            }
            _ => out.push(one),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(members: &str) -> Error {
        let body = format!(r#"{{"root":"/x"{members}}}"#);
        Ask::parse(body.as_bytes()).err().unwrap()
    }

    #[test]
    fn exactly_one_of_pattern_and_rule_is_needed() {
        for members in ["", r#","pattern":"a","rule":{}"#] {
            assert!(refused(members).message().contains("exactly one"));
        }
    }

    #[test]
    fn applying_is_refused_with_a_reason() {
        let error = refused(r#","pattern":"a","apply":true"#);
        assert!(error.message().contains("guarded writes"), "{error}");
    }

    #[test]
    fn what_is_nested_too_deep_is_refused_before_it_is_compiled() {
        let deep = format!(r#","pattern":"{}a{}""#, "(".repeat(501), ")".repeat(501));
        assert_eq!(refused(&deep).kind(), "tooLarge");
        let deep = format!(
            r#","rule":{}1{}"#,
            r#"{"not":"#.repeat(501),
            "}".repeat(501)
        );
        assert_eq!(refused(&deep).kind(), "tooLarge");
    }

    #[test]
    fn an_object_becomes_yaml_with_the_requests_language() {
        let body =
            r#"{"root":"/x","language":"py","rule":{"rule":{"pattern":"\u007f\ud83d\ude00"}}}"#;
        let What::Rules(yaml) = Ask::parse(body.as_bytes()).unwrap().0.what else {
            panic!("a rule");
        };
        assert_eq!(
            yaml,
            r#"{"language":"Python","rule":{"pattern":"\u007f😀"}}"#
        );
    }
}
