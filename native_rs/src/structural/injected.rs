//! Where other languages stand inside an HTML file: the same regions as ast-grep's own, found on a watched tree.

use ast_grep_core::matcher::KindMatcher;
use ast_grep_core::{AstGrep, Node};
use ast_grep_language::SupportLang;
use tree_sitter::Range;

use super::watch::Watched;

/// A region and the language it is written in.
pub struct Region {
    pub language: SupportLang,
    pub range: Range,
}

/// The regions of `root`, each a document of its own; those of languages that are not bundled are left out.
///
/// As ast-grep 0.51.1, `language/src/html.rs`: that one takes only its own document type, which cannot be stopped.
pub fn regions(root: &AstGrep<Watched>) -> Vec<Region> {
    let mut found = Vec::new();
    if *root.lang() != SupportLang::Html {
        return found;
    }
    for (element, default) in [("script_element", "js"), ("style_element", "css")] {
        let matcher = KindMatcher::new(element, SupportLang::Html);
        for element in root.root().find_all(matcher) {
            let name = named(&element);
            let Ok(language) = name.as_deref().unwrap_or(default).parse() else {
                continue;
            };
            if let Some(content) = element.children().find(|child| child.kind() == "raw_text") {
                let range = content.get_inner_node().node.range();
                found.push(Region { language, range });
            }
        }
    }
    found
}

/// The value of the first `lang` attribute inside `element`.
fn named(element: &Node<'_, Watched>) -> Option<String> {
    let kind = |name| KindMatcher::new(name, SupportLang::Html);
    let (names, values) = (kind("attribute_name"), kind("attribute_value"));
    element.find_all(kind("attribute")).find_map(|attribute| {
        if attribute.find(&names)?.text() != "lang" {
            return None;
        }
        Some(attribute.find(&values)?.text().to_string())
    })
}
