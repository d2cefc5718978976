//! Which language a name or a file means, and which files a search for a language has to look at: all as the ast-grep CLI says.

use std::path::Path;

use ast_grep_core::Language as _;
use ast_grep_core::tree_sitter::LanguageExt as _;
use ast_grep_language::SupportLang;
use ignore::types::{Types, TypesBuilder};

use crate::error::{Error, Result};

/// A language by name or alias, in any case.
///
/// Errors: `invalidParams` that lists the known ones.
pub fn named(name: &str) -> Result<SupportLang> {
    name.parse().map_err(|_| {
        Error::invalid(
            format!("language: {name} is none of {}", known()),
            "use one of these, or leave language out to go by file names",
        )
    })
}

/// The names of all bundled languages.
pub fn known() -> String {
    let names: Vec<String> = SupportLang::all_langs()
        .iter()
        .map(|language| language.to_string().to_lowercase())
        .collect();
    names.join(", ")
}

/// The language of a file, by its extension.
pub fn of(path: &Path) -> Option<SupportLang> {
    SupportLang::from_path(path)
}

/// Languages that may stand inside a file of `host`: JavaScript and CSS in HTML.
pub fn inside(host: SupportLang) -> Vec<SupportLang> {
    let mut found: Vec<SupportLang> = Vec::new();
    // Several names mean one language, and some none that is bundled.
    for name in host.injectable_languages().unwrap_or_default() {
        if let Ok(language) = name.parse()
            && !found.contains(&language)
        {
            found.push(language);
        }
    }
    found
}

/// The files in which any of `wanted` may be found, for the walk: they are then searched even when hidden, as the CLI does.
///
/// Errors: `failed`; cannot happen with the bundled languages.
pub fn types(wanted: &[SupportLang]) -> Result<Types> {
    let mut builder = TypesBuilder::new();
    for host in SupportLang::all_langs() {
        if wanted.contains(host) || inside(*host).iter().any(|one| wanted.contains(one)) {
            for row in host.file_types().definitions() {
                for glob in row.globs() {
                    builder.add(row.name(), glob).map_err(wrong)?;
                }
                builder.select(row.name());
            }
        }
    }
    builder.build().map_err(wrong)
}

fn wrong(cause: ignore::Error) -> Error {
    Error::failed(format!("file types: {cause}"), "this is a bug")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_language_lists_the_known_ones() {
        let error = named("klingon").unwrap_err();
        assert!(error.message().contains("python"), "{error}");
        assert_eq!(named("PY").unwrap(), SupportLang::Python);
    }

    #[test]
    fn a_search_for_javascript_looks_into_html() {
        let types = types(&[SupportLang::JavaScript]).unwrap();
        assert!(types.matched("a.html", false).is_whitelist());
        assert!(types.matched("a.py", false).is_ignore());
    }
}
