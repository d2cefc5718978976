//! From a request's patterns to a matcher and a searcher, configured as the rg binary configures them. No files, no threads.

use grep_matcher::LineTerminator;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder};

use crate::error::{Error, Result};
use crate::request::{Case, Request};

/// Nesting over this is refused before anything is compiled (design 3.6).
const MAX_NESTING: u32 = 500;
/// Compiling cannot be cancelled, so it is bounded: the regex crate's own default. The rg binary allows ten times more.
const MAX_COMPILED_BYTES: usize = 10 << 20;
/// A line (or in multiline mode a file) longer than this is not searched and counts as `tooLarge`; bounds a worker's memory.
pub const MAX_HELD_BYTES: usize = 16 << 20;

/// Compile the patterns. Run it on a worker: those have the stack for it.
///
/// Errors: `invalidParams` with the byte span in the pattern, `tooLarge` when over the nesting or compiled-size bound.
pub fn matcher(request: &Request) -> Result<RegexMatcher> {
    if !request.fixed_strings {
        for pattern in &request.patterns {
            check(pattern)?;
        }
    }
    let mut builder = RegexMatcherBuilder::new();
    builder
        .multi_line(true)
        .unicode(true)
        .octal(false)
        .fixed_strings(request.fixed_strings);
    match request.case {
        Case::Sensitive => builder.case_insensitive(false),
        Case::Insensitive => builder.case_insensitive(true),
        Case::Smart => builder.case_smart(true),
    };
    builder
        .word(request.word)
        .nest_limit(MAX_NESTING)
        .size_limit(MAX_COMPILED_BYTES);
    // A NUL ends the search of a file (or is searched as a line end), so a pattern can never match one.
    builder.ban_byte(Some(b'\0'));
    if !request.multiline {
        builder
            .line_terminator(Some(b'\n'))
            .dot_matches_new_line(false);
    }
    builder
        .build_many(&request.patterns)
        .map_err(|cause| refused(&cause.to_string()))
}

/// Parse one pattern for the sake of a good error: `RegexMatcherBuilder` has a text, no position.
fn check(pattern: &str) -> Result<()> {
    let parsed = regex_syntax::ParserBuilder::new()
        .nest_limit(MAX_NESTING)
        .utf8(false)
        .multi_line(true)
        .build()
        .parse(pattern);
    let (message, span) = match parsed {
        Ok(_) => return Ok(()),
        Err(regex_syntax::Error::Parse(cause)) => {
            if matches!(
                cause.kind(),
                regex_syntax::ast::ErrorKind::NestLimitExceeded(_)
            ) {
                return Err(Error::too_large(
                    format!("pattern: nested deeper than {MAX_NESTING} levels"),
                    "flatten the pattern",
                ));
            }
            (cause.kind().to_string(), *cause.span())
        }
        Err(regex_syntax::Error::Translate(cause)) => (cause.kind().to_string(), *cause.span()),
        Err(other) => return Err(refused(&other.to_string())),
    };
    Err(Error::InvalidParams {
        message: format!("pattern: does not compile: {message}"),
        hint: "escape it, or set fixedStrings to search for it literally".to_owned(),
        position: Some((span.start.offset, span.end.offset)),
    })
}

fn refused(message: &str) -> Error {
    if message.contains("size limit") {
        return Error::too_large(
            format!("pattern: {message}"),
            "use smaller repetitions or fewer patterns",
        );
    }
    let hint = if message.contains("not allowed") {
        "set multiline to match across line ends"
    } else {
        "escape it, or set fixedStrings to search for it literally"
    };
    Error::invalid(format!("pattern: {message}"), hint)
}

/// A searcher for files found by the walk; `set_binary_detection` switches it for files that were named (see `explicit_binary`).
pub fn searcher(request: &Request) -> Searcher {
    SearcherBuilder::new()
        .max_matches(request.max_per_file)
        .line_terminator(LineTerminator::byte(b'\n'))
        .invert_match(request.invert)
        .line_number(true)
        .multi_line(request.multiline)
        .before_context(request.before)
        .after_context(request.after)
        .heap_limit(Some(MAX_HELD_BYTES))
        .binary_detection(walked_binary())
        .build()
}

/// As rg: a file that the walk found is binary from its first NUL on, and not searched further.
pub fn walked_binary() -> BinaryDetection {
    BinaryDetection::quit(b'\0')
}

/// As rg: a file that was named is searched in spite of NULs, which count as line ends.
pub fn explicit_binary() -> BinaryDetection {
    BinaryDetection::convert(b'\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(pattern: &str) -> Result<RegexMatcher> {
        let body = serde_json::json!({"root": "/x", "pattern": pattern}).to_string();
        matcher(&Request::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn a_pattern_that_does_not_compile_says_where() {
        let error = compiled("ab(c").unwrap_err();
        assert_eq!(error.data_json(), br#"{"position":{"start":2,"end":3}}"#);
    }

    #[test]
    fn five_thousand_brackets_are_refused_before_they_are_compiled() {
        let error = compiled(&format!("{}a{}", "(".repeat(5000), ")".repeat(5000))).unwrap_err();
        assert_eq!(error.kind(), "tooLarge");
    }

    #[test]
    fn a_pattern_that_compiles_to_too_much_is_too_large() {
        assert_eq!(compiled(r"\w{1000}{1000}").unwrap_err().kind(), "tooLarge");
    }

    #[test]
    fn a_line_end_outside_multiline_is_explained() {
        let error = compiled(r"a\nb").unwrap_err();
        assert!(error.hint().contains("multiline"), "{error:?}");
    }
}
