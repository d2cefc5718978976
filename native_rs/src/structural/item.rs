//! One match as JSON, as protocol.md's row `ast_grep` shows it; what it holds is what the CLI's `--json` holds.

use std::ops::Range;

use ast_grep_config::{RuleConfig, Severity};
use ast_grep_core::meta_var::MetaVariable;
use ast_grep_core::{Node, NodeMatch};
use ast_grep_language::SupportLang;

use super::columns::Columns;
use super::watch::Watched;
use crate::json;

/// What a match is to be replaced with.
pub struct Edit {
    pub range: Range<usize>,
    pub text: String,
}

/// Writes the items of one file.
pub struct Writer<'f> {
    /// `"path":"…",`
    pub head: &'f [u8],
    pub columns: Columns<'f>,
}

impl Writer<'_> {
    /// Append one object.
    pub fn item(
        &self,
        out: &mut Vec<u8>,
        found: &NodeMatch<'_, Watched>,
        rule: Option<&RuleConfig<SupportLang>>,
        edit: Option<&Edit>,
    ) {
        out.push(b'{');
        out.extend_from_slice(self.head);
        member(out, "line");
        json::number(out, found.start_pos().line() as u64 + 1);
        out.push(b',');
        self.place(out, found);
        out.push(b',');
        member(out, "language");
        json::string(out, &found.lang().to_string());
        if let Some(rule) = rule {
            about_rule(out, rule, found);
        }
        self.variables(out, found);
        if let Some(edit) = edit {
            out.push(b',');
            member(out, "replacement");
            json::string(out, &edit.text);
            out.push(b',');
            member(out, "replacementByteRange");
            span(out, &edit.range);
        }
        out.push(b'}');
    }

    /// `"range":…,"byteRange":…,"text":…`
    fn place(&self, out: &mut Vec<u8>, node: &Node<'_, Watched>) {
        let bytes = node.range();
        let (start, end) = (node.start_pos().byte_point(), node.end_pos().byte_point());
        member(out, "range");
        out.extend_from_slice(b"{\"start\":");
        self.position(out, start, bytes.start);
        out.extend_from_slice(b",\"end\":");
        self.position(out, end, bytes.end);
        out.extend_from_slice(b"},");
        member(out, "byteRange");
        span(out, &bytes);
        out.push(b',');
        member(out, "text");
        json::string(out, &node.text());
    }

    fn position(&self, out: &mut Vec<u8>, (line, byte_column): (usize, usize), at: usize) {
        out.extend_from_slice(b"{\"line\":");
        json::number(out, line as u64);
        out.extend_from_slice(b",\"character\":");
        json::number(out, self.columns.column(at, byte_column) as u64);
        out.push(b'}');
    }

    fn object(&self, out: &mut Vec<u8>, node: &Node<'_, Watched>) {
        out.push(b'{');
        self.place(out, node);
        out.push(b'}');
    }

    /// `,"metaVariables":{"single":{…},"multi":{…},"transformed":{…}}`, names in order; nothing when there are none.
    fn variables(&self, out: &mut Vec<u8>, found: &NodeMatch<'_, Watched>) {
        let env = found.get_env();
        let (mut single, mut multi, mut transformed) = (Vec::new(), Vec::new(), Vec::new());
        for variable in env.get_matched_variables() {
            match variable {
                MetaVariable::Capture(name, _) if env.get_match(&name).is_some() => {
                    single.push(name)
                }
                MetaVariable::Capture(name, _) => transformed.push(name),
                MetaVariable::MultiCapture(name) => multi.push(name),
                _ => {}
            }
        }
        if single.is_empty() && multi.is_empty() && transformed.is_empty() {
            return;
        }
        out.push(b',');
        member(out, "metaVariables");
        out.push(b'{');
        group(out, "single", single, |out, name| {
            if let Some(node) = env.get_match(name) {
                self.object(out, node);
            }
        });
        out.push(b',');
        group(out, "multi", multi, |out, name| {
            out.push(b'[');
            for (index, node) in env.get_multiple_matches(name).iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                self.object(out, node);
            }
            out.push(b']');
        });
        out.push(b',');
        group(out, "transformed", transformed, |out, name| {
            let bytes = env.get_transformed(name).map_or(&[][..], |bytes| bytes);
            json::string(out, &String::from_utf8_lossy(bytes));
        });
        out.push(b'}');
    }
}

fn group(
    out: &mut Vec<u8>,
    name: &str,
    mut members: Vec<String>,
    write: impl Fn(&mut Vec<u8>, &str),
) {
    members.sort_unstable();
    members.dedup();
    member(out, name);
    out.push(b'{');
    for (index, name) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::string(out, name);
        out.push(b':');
        write(out, name);
    }
    out.push(b'}');
}

fn about_rule(out: &mut Vec<u8>, rule: &RuleConfig<SupportLang>, found: &NodeMatch<'_, Watched>) {
    let severity = match rule.severity {
        Severity::Off => "off",
        Severity::Hint => "hint",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    for (name, value) in [("ruleId", rule.id.as_str()), ("severity", severity)] {
        out.push(b',');
        member(out, name);
        json::string(out, value);
    }
    out.push(b',');
    member(out, "message");
    json::string(out, &rule.get_message(found));
    if let Some(note) = &rule.note {
        out.push(b',');
        member(out, "note");
        json::string(out, note);
    }
}

fn member(out: &mut Vec<u8>, name: &str) {
    json::string(out, name);
    out.push(b':');
}

fn span(out: &mut Vec<u8>, range: &Range<usize>) {
    out.extend_from_slice(b"{\"start\":");
    json::number(out, range.start as u64);
    out.extend_from_slice(b",\"end\":");
    json::number(out, range.end as u64);
    out.push(b'}');
}
