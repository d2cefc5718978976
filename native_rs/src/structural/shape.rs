//! The shape of a rule before anything is compiled from it: how deep it is nested, and which strings stand where.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};

/// Patterns and rules nested deeper are refused (design 3.6): what compiles them recurses, and an overflow is no panic.
pub const MAX_NESTING: usize = 500;

/// One YAML document, as far as it matters here: scalars other than strings are all alike.
#[derive(Debug)]
pub enum Shape {
    Text(String),
    Scalar,
    List(Vec<Shape>),
    Map(Vec<(Shape, Shape)>),
}

impl Shape {
    /// The documents of a YAML text.
    ///
    /// Errors: `invalidParams` if it is no YAML, `tooLarge` for what its reader does not follow.
    pub fn documents(yaml: &str) -> Result<Vec<Shape>> {
        ast_grep_config::from_multiple(yaml).map_err(|cause| {
            let said = cause.to_string();
            if said.contains("budget breached") {
                // ast-grep's own reader follows 64 levels, in the CLI too.
                return Error::too_large(
                    format!("rule: nested too deep, or too much of it: {said}"),
                    "flatten it, or split it into several searches",
                );
            }
            Error::invalid(
                format!("rule: is no YAML: {said}"),
                "see https://ast-grep.github.io/reference/yaml.html",
            )
        })
    }

    /// The value of `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Shape> {
        let Shape::Map(entries) = self else {
            return None;
        };
        let named = |entry: &&(Shape, Shape)| matches!(&entry.0, Shape::Text(name) if name == key);
        entries.iter().find(named).map(|(_, value)| value)
    }

    /// The string itself, if this is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Shape::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Visit everything below with the key it stands under and its depth.
    pub fn walk<'s>(&'s self, see: &mut dyn FnMut(Option<&'s str>, usize, &'s Shape)) {
        let mut stack = vec![(None, 1, self)];
        while let Some((key, depth, shape)) = stack.pop() {
            see(key, depth, shape);
            match shape {
                Shape::Text(_) | Shape::Scalar => {}
                Shape::List(items) => stack.extend(items.iter().map(|item| (key, depth + 1, item))),
                Shape::Map(entries) => stack.extend(
                    entries
                        .iter()
                        .map(|(name, value)| (name.text(), depth + 1, value)),
                ),
            }
        }
    }
}

/// How deep brackets are nested in `text`, whatever they mean there: an upper bound for what a grammar makes of them.
pub fn brackets(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// How deep JSON text is nested; brackets inside its strings do not count.
pub fn json_nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The error for what is nested too deep.
pub fn too_deep(field: &str) -> Error {
    Error::too_large(
        format!("{field}: nested deeper than {MAX_NESTING} levels"),
        "flatten it, or split it into several searches",
    )
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> std::result::Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> std::result::Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> std::result::Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_unit<E>(self) -> std::result::Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_none<E>(self) -> std::result::Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> std::result::Result<Shape, D::Error> {
        Shape::deserialize(inner)
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Shape, E> {
        Ok(Shape::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Shape, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Shape, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Shape::Map(entries))
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Shape, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_string_is_seen_with_its_key_and_depth() {
        let yaml = "rule:\n  any:\n    - pattern: f($A)\n    - {pattern: {context: g(), selector: call}}\n1: ~\n";
        let documents = Shape::documents(yaml).unwrap();
        let mut seen = Vec::new();
        documents[0].walk(&mut |key, depth, shape| {
            if let Some(text) = shape.text() {
                seen.push((key.unwrap_or_default().to_owned(), depth, text.to_owned()));
            }
        });
        seen.sort();
        let expected = [
            ("context", 6, "g()"),
            ("pattern", 5, "f($A)"),
            ("selector", 6, "call"),
        ];
        let expected = expected.map(|(key, depth, text)| (key.to_owned(), depth, text.to_owned()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn brackets_in_json_strings_are_no_nesting() {
        assert_eq!(json_nesting(r#"{"a": ["(\"[[[", {}]}"#), 3);
        assert_eq!(brackets("f(a[{x}])"), 3);
    }
}
