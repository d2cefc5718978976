//! What is searched for, compiled: a pattern once for each language that is met, or rules. Decides what to do with a file of a name.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use ast_grep_config::{Fixer, GlobalRules, Rule, RuleCollection, RuleConfig, from_yaml_string};
use ast_grep_core::{Pattern, PatternError};
use ast_grep_language::SupportLang;

use super::depth;
use super::languages;
use super::literals::Required;
use super::request::{Ask, Wanted, What};
use super::shape::{MAX_NESTING, Shape, brackets, too_deep};
use crate::error::{Error, Result};

/// All that is searched for.
pub enum Query {
    Pattern(PatternQuery),
    Rules(RuleQuery),
}

/// What to do with one file.
pub enum Plan<'q> {
    Pattern(PatternPlan<'q>),
    /// The rules themselves depend on the language of the unit, and are asked for then.
    Rules(SupportLang),
}

/// A pattern, in the language of the file and in those inside it.
pub struct PatternPlan<'q> {
    pub language: SupportLang,
    pub root: Option<&'q Compiled>,
    pub inside: Vec<(SupportLang, &'q Compiled)>,
}

/// A pattern in one language.
pub struct Compiled {
    /// `Rule::Pattern`, as in the CLI: a bare `Pattern` would end a replacement elsewhere.
    pub rule: Rule,
    pub required: Required,
    pub fixer: Option<Fixer>,
}

/// One pattern in every language it is asked for.
pub struct PatternQuery {
    wanted: Wanted,
    language: Option<SupportLang>,
    compiled: Vec<OnceLock<Result<Compiled>>>,
}

/// Rules, each for one language.
pub struct RuleQuery {
    rules: RuleCollection<SupportLang>,
    /// By the address of the rule, which stays where it is.
    required: HashMap<usize, Required>,
    languages: Vec<SupportLang>,
}

impl Query {
    /// Compile what can be compiled now. Run it on a worker: those have the stack for it.
    ///
    /// Errors: `invalidParams`, `tooLarge`.
    pub fn compile(ask: Ask) -> Result<Query> {
        match ask.what {
            What::Pattern(wanted) => PatternQuery::new(wanted, ask.language).map(Query::Pattern),
            What::Rules(yaml) => RuleQuery::new(&yaml, ask.language).map(Query::Rules),
        }
    }

    /// The languages whose files have to be looked at; None: all.
    pub fn languages(&self) -> Option<Vec<SupportLang>> {
        match self {
            Query::Pattern(query) => query.language.map(|one| vec![one]),
            Query::Rules(query) => Some(query.languages.clone()),
        }
    }

    /// What to do with the file at `path`; None: nothing can match in it.
    pub fn plan(&self, path: &Path) -> Option<Plan<'_>> {
        let language = languages::of(path)?;
        match self {
            Query::Pattern(query) => query.plan(language).map(Plan::Pattern),
            Query::Rules(query) => query.plan(language).then_some(Plan::Rules(language)),
        }
    }

    /// Why nothing at all was found, if the query itself is at fault.
    pub fn fault(&self) -> Option<Error> {
        match self {
            Query::Pattern(query) => query.fault(),
            Query::Rules(_) => None,
        }
    }
}

impl PatternQuery {
    fn new(wanted: Wanted, language: Option<SupportLang>) -> Result<PatternQuery> {
        let compiled = SupportLang::all_langs().iter().map(|_| OnceLock::new());
        let query = PatternQuery {
            wanted,
            language,
            compiled: compiled.collect(),
        };
        if let Some(language) = language {
            query.slot(language).as_ref().map_err(Error::clone)?;
        }
        Ok(query)
    }

    fn slot(&self, language: SupportLang) -> &Result<Compiled> {
        self.compiled[language as usize].get_or_init(|| compile(&self.wanted, language))
    }

    fn compiled(&self, language: SupportLang) -> Option<&Compiled> {
        self.slot(language).as_ref().ok()
    }

    /// As the CLI: with a language, only its files and the places for it in others; without, each file and all that is inside.
    fn plan(&self, language: SupportLang) -> Option<PatternPlan<'_>> {
        let inside = languages::inside(language).into_iter();
        let (root, inside): (_, Vec<SupportLang>) = match self.language {
            None => (Some(self.compiled(language)?), inside.collect()),
            Some(only) if only == language => (self.compiled(language), Vec::new()),
            Some(only) => (None, inside.filter(|one| *one == only).collect()),
        };
        let inside: Vec<_> = inside
            .into_iter()
            .filter_map(|one| self.compiled(one).map(|compiled| (one, compiled)))
            .collect();
        (root.is_some() || !inside.is_empty()).then_some(PatternPlan {
            language,
            root,
            inside,
        })
    }

    /// A pattern that compiled in no language that was met, or that has an ERROR node in the one that was named.
    fn fault(&self) -> Option<Error> {
        let met: Vec<_> = self.compiled.iter().filter_map(OnceLock::get).collect();
        if let Some(Err(first)) = met.first()
            && met.iter().all(|one| one.is_err())
        {
            return Some(first.clone());
        }
        let compiled = self.compiled(self.language?)?;
        let broken = matches!(&compiled.rule, Rule::Pattern(pattern) if pattern.has_error());
        broken.then(|| {
            Error::invalid(
                "pattern: contains an ERROR node in this language, and nothing matched it",
                "complete the code, or give it a context: a rule with `pattern: {context, selector}`",
            )
        })
    }
}

impl PatternPlan<'_> {
    /// The test before parsing: whether any of the patterns may match in these bytes.
    pub fn may_match(&self, bytes: &[u8]) -> bool {
        let inside = self.inside.iter().map(|(_, compiled)| *compiled);
        let mut all = self.root.into_iter().chain(inside);
        all.any(|compiled| compiled.required.holds(bytes))
    }
}

fn compile(wanted: &Wanted, language: SupportLang) -> Result<Compiled> {
    depth::check("pattern", &wanted.text, language)?;
    let pattern = match &wanted.selector {
        Some(selector) => Pattern::contextual(&wanted.text, selector, language),
        None => Pattern::try_new(&wanted.text, language),
    };
    let mut pattern = pattern.map_err(|cause| refused(&cause, language))?;
    if let Some(strictness) = wanted.strictness() {
        pattern = pattern.with_strictness(strictness);
    }
    let fixer = wanted
        .rewrite
        .as_deref()
        .map(|text| Fixer::from_str(text, &language))
        .transpose()
        .map_err(|cause| {
            Error::invalid(
                format!("rewrite: {}", chain(&cause)),
                "see https://ast-grep.github.io/guide/rewrite-code.html",
            )
        })?;
    Ok(Compiled {
        required: Required::of_pattern(&pattern),
        rule: Rule::Pattern(pattern),
        fixer,
    })
}

fn refused(cause: &PatternError, language: SupportLang) -> Error {
    let hint = match cause {
        PatternError::MultipleNode(_) => {
            "a pattern is one piece of code: search for one of them, or use a rule with `all` or `any`"
        }
        PatternError::NoContent(_) => "write the code to look for, with $NAME for what may differ",
        PatternError::RootMultiMetaVar(_) => "use $NAME, or put $$$NAME into something",
        _ => "see https://ast-grep.github.io/guide/pattern-syntax.html",
    };
    Error::invalid(format!("pattern: {} ({language})", chain(cause)), hint)
}

impl RuleQuery {
    fn new(yaml: &str, language: Option<SupportLang>) -> Result<RuleQuery> {
        let yaml = check(yaml, language)?;
        let configs = from_yaml_string::<SupportLang>(&yaml, &GlobalRules::default())
            .map_err(|cause| wrong(&cause))?;
        if configs.is_empty() {
            return Err(Error::invalid(
                "rule: no rule in it",
                "send YAML text or an object",
            ));
        }
        let rules = RuleCollection::try_new(configs).map_err(|cause| wrong(&cause))?;
        let (mut required, mut languages) = (HashMap::new(), Vec::new());
        rules.for_each_rule(|rule| {
            required.insert(address(rule), Required::of_rule(&rule.matcher));
            if !languages.contains(&rule.language) {
                languages.push(rule.language);
            }
        });
        Ok(RuleQuery {
            rules,
            required,
            languages,
        })
    }

    /// The rules for a unit of `language` in the file at `path`.
    pub fn rules(&self, path: &Path, language: SupportLang) -> Vec<&RuleConfig<SupportLang>> {
        self.rules.get_rule_from_lang(path, language)
    }

    /// The test before parsing: whether any rule for the file may match in these bytes.
    pub fn may_match(&self, path: &Path, language: SupportLang, bytes: &[u8]) -> bool {
        let inside = languages::inside(language);
        let mut all = std::iter::once(language).chain(inside);
        all.any(|one| {
            let mut rules = self.rules(path, one).into_iter();
            rules.any(|rule| {
                self.required
                    .get(&address(rule))
                    .is_none_or(|required| required.holds(bytes))
            })
        })
    }

    fn plan(&self, language: SupportLang) -> bool {
        let wanted = |one: &SupportLang| self.languages.contains(one);
        wanted(&language) || languages::inside(language).iter().any(wanted)
    }
}

fn address(rule: &RuleConfig<SupportLang>) -> usize {
    std::ptr::from_ref(rule).addr()
}

/// Bound the nesting of everything in the rules, and give a single rule without a language the request's.
fn check(yaml: &str, language: Option<SupportLang>) -> Result<String> {
    let documents = Shape::documents(yaml)?;
    for document in &documents {
        let named = document.get("language").and_then(Shape::text);
        let own = named.and_then(|name| name.parse().ok()).or(language);
        check_document(document, own)?;
    }
    match (documents.as_slice(), language) {
        ([one @ Shape::Map(_)], Some(language)) if one.get("language").is_none() => {
            Ok(format!("language: {language}\n{yaml}"))
        }
        _ => Ok(yaml.to_owned()),
    }
}

fn check_document(document: &Shape, language: Option<SupportLang>) -> Result<()> {
    if let Some(name) = document.get("language").and_then(Shape::text) {
        languages::named(name)?;
    }
    let mut verdict = Ok(());
    document.walk(&mut |key, level, shape| {
        if verdict.is_err() {
            return;
        }
        let text = shape.text().unwrap_or_default();
        if level > MAX_NESTING || brackets(text) > MAX_NESTING {
            verdict = Err(too_deep("rule"));
        } else if let (Some("pattern" | "context"), Some(language)) = (key, language) {
            verdict = depth::check("rule", text, language);
        }
    });
    verdict
}

fn wrong(cause: &(dyn std::error::Error + 'static)) -> Error {
    Error::invalid(
        format!("rule: {}", chain(cause)),
        "see https://ast-grep.github.io/reference/yaml.html",
    )
}

/// An error with its causes, which are where ast-grep says what was wrong.
fn chain(cause: &(dyn std::error::Error + 'static)) -> String {
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text = format!("{}: {said}", text.trim_end_matches('.'));
        }
        next = cause.source();
    }
    text
}
