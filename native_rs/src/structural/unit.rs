//! One file: read, test before parsing, parse, match, write. The meaning of each step is the ast-grep CLI's.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::rc::Rc;

use ast_grep_config::{CombinedScan, Fixer, RuleConfig};
use ast_grep_core::matcher::MatcherExt as _;
use ast_grep_core::{AstGrep, Matcher, NodeMatch};
use ast_grep_language::SupportLang;
use tree_sitter::Range;

use super::columns::Columns;
use super::diff;
use super::injected;
use super::item::{Edit, Writer};
use super::parse::{Parsers, reap};
use super::query::{Compiled, PatternPlan, Plan, RuleQuery};
use super::source;
use super::watch::{Spent, Watch, Watched};
use super::{Query, Structural};
use crate::output::Items;
use crate::search::{Search, Tool};
use crate::walk::Candidate;
use crate::worker::{bump, write_path};

/// Only where this stands can a rule be suppressed.
const SUPPRESSION: &str = "ast-grep-ignore";
/// A file's matches leave in parts of this size.
const PART_BYTES: usize = 64 << 10;

type Rule<'r> = &'r RuleConfig<SupportLang>;

/// What one worker keeps from file to file.
#[derive(Default)]
pub struct Local {
    parsers: Parsers,
    bytes: Vec<u8>,
    shown: Vec<u8>,
    head: Vec<u8>,
    items: Items,
}

impl Tool for Structural {
    type Local = Local;

    fn local(&self, _search: &Search<Structural>) -> Local {
        Local::default()
    }

    fn search(search: &Search<Structural>, local: &mut Local, number: u64, candidate: &Candidate) {
        search.walk.shown(candidate, &mut local.shown);
        local.items.clear();
        let mut first = true;
        let shown = std::mem::take(&mut local.shown);
        let path = Path::new(OsStr::from_bytes(&shown));
        if let Some(plan) = search.tool.query.plan(path)
            && source::read(search, candidate, &mut local.bytes)
            && may_match(search, path, &plan, &local.bytes)
            && let Ok(text) = String::from_utf8(std::mem::take(&mut local.bytes))
        {
            local.head.clear();
            write_path(&mut local.head, &shown);
            local.head.push(b',');
            let mut unit = Unit::new(search, number, path, Rc::new(text), local);
            unit.run(&plan);
            first = unit.first;
        }
        local.shown = shown;
        search.handed(search.output.file(number, &mut local.items, first));
    }
}

fn may_match(search: &Search<Structural>, path: &Path, plan: &Plan<'_>, bytes: &[u8]) -> bool {
    match (plan, &search.tool.query) {
        (Plan::Pattern(plan), _) => plan.may_match(bytes),
        (Plan::Rules(language), Query::Rules(query)) => query.may_match(path, *language, bytes),
        (Plan::Rules(_), Query::Pattern(_)) => false,
    }
}

/// One file while it is searched.
struct Unit<'s> {
    search: &'s Search<Structural>,
    number: u64,
    path: &'s Path,
    text: Rc<String>,
    watch: Rc<Watch>,
    parsers: &'s mut Parsers,
    head: &'s [u8],
    items: &'s mut Items,
    starts: Vec<usize>,
    edits: Vec<Edit>,
    /// Matches may leave before the file is done: they come in order, and none of them will be taken back.
    in_parts: bool,
    first: bool,
    run: Run,
}

/// Matches that come in the order of their places: of one pattern or rule in one unit. What is behind the reply's bounds in its
/// own run is behind them in the whole file.
#[derive(Default)]
struct Run {
    items: u64,
    bytes: u64,
}

impl<'s> Unit<'s> {
    fn new(
        search: &'s Search<Structural>,
        number: u64,
        path: &'s Path,
        text: Rc<String>,
        local: &'s mut Local,
    ) -> Unit<'s> {
        Unit {
            search,
            number,
            path,
            text,
            watch: Rc::new(Watch::new(&search.tool.flag)),
            parsers: &mut local.parsers,
            head: &local.head,
            items: &mut local.items,
            starts: Vec::new(),
            edits: Vec::new(),
            in_parts: false,
            first: true,
            run: Run::default(),
        }
    }

    fn run(&mut self, plan: &Plan<'_>) {
        let text = Rc::clone(&self.text);
        let writer = Writer {
            head: self.head,
            columns: Columns::new(&text, self.search.request.encoding),
        };
        match (plan, &self.search.tool.query) {
            (Plan::Pattern(plan), _) => self.patterns(plan, &writer),
            (Plan::Rules(language), Query::Rules(query)) => self.rules(query, *language, &writer),
            (Plan::Rules(_), Query::Pattern(_)) => {}
        }
        if self.watch.spent() == Some(Spent::TooDeep) {
            bump(&self.search.output.skipped.too_deep);
        }
        self.sort();
        self.keep_diff();
    }

    fn patterns(&mut self, plan: &PatternPlan<'_>, writer: &Writer<'_>) {
        let Some(root) = self.parse(plan.language, &[]) else {
            return;
        };
        self.in_parts = plan.inside.is_empty() && !self.search.tool.rewrites;
        if let Some(compiled) = plan.root {
            self.pattern(&root, compiled, writer);
        }
        if !plan.inside.is_empty() {
            for region in injected::regions(&root) {
                let inside = plan.inside.iter().find(|(one, _)| *one == region.language);
                if let Some((_, compiled)) = inside
                    && let Some(unit) = self.parse(region.language, &[region.range])
                {
                    self.pattern(&unit, compiled, writer);
                    self.free(unit);
                }
            }
        }
        self.free(root);
    }

    fn pattern(&mut self, root: &AstGrep<Watched>, compiled: &Compiled, writer: &Writer<'_>) {
        if !compiled.required.holds(self.text.as_bytes()) {
            return;
        }
        self.run = Run::default();
        let kinds = compiled.rule.potential_kinds();
        for node in root.root().dfs() {
            if kinds
                .as_ref()
                .is_some_and(|kinds| !kinds.contains(node.kind_id().into()))
            {
                continue;
            }
            let Some(found) = compiled.rule.match_node(node) else {
                continue;
            };
            let edit = compiled
                .fixer
                .as_ref()
                .map(|fixer| edit(&found, &compiled.rule, fixer));
            if self.add(&found, None, edit, writer).is_break() {
                return;
            }
        }
    }

    fn rules(&mut self, query: &RuleQuery, language: SupportLang, writer: &Writer<'_>) {
        let Some(root) = self.parse(language, &[]) else {
            return;
        };
        self.rule_unit(query, &root, writer);
        for region in injected::regions(&root) {
            if !query.rules(self.path, region.language).is_empty()
                && let Some(unit) = self.parse(region.language, &[region.range])
            {
                self.rule_unit(query, &unit, writer);
                self.free(unit);
            }
        }
        self.free(root);
    }

    fn rule_unit(&mut self, query: &RuleQuery, root: &AstGrep<Watched>, writer: &Writer<'_>) {
        let rules = query.rules(self.path, *root.lang());
        self.run = Run::default();
        if rules.is_empty() {
            return;
        }
        if self.text.contains(SUPPRESSION) {
            self.suppressed_rules(rules, root, writer);
        } else {
            self.plain_rules(&rules, root, writer);
        }
    }

    /// What ast-grep's own scan does with a text that suppresses nothing, in half its time, one match after the other.
    fn plain_rules(&mut self, rules: &[Rule<'_>], root: &AstGrep<Watched>, writer: &Writer<'_>) {
        let by_kind = by_kind(rules);
        for node in root.root().dfs() {
            let kind = usize::from(node.kind_id());
            for index in by_kind.get(kind).into_iter().flatten() {
                let rule = rules[*index];
                let Some(found) = rule.matcher.match_node(node.clone()) else {
                    continue;
                };
                if self.add_of_rule(&found, rule, writer).is_break() {
                    return;
                }
            }
        }
    }

    fn suppressed_rules(
        &mut self,
        rules: Vec<Rule<'_>>,
        root: &AstGrep<Watched>,
        writer: &Writer<'_>,
    ) {
        let combined = CombinedScan::new(rules);
        let mut matches = combined.scan(root, false).matches;
        // They come in no order at all.
        matches.sort_by_key(|(rule, _)| std::ptr::from_ref(*rule).addr());
        for (rule, matches) in matches {
            self.run = Run::default();
            for found in matches {
                if self.add_of_rule(&found, rule, writer).is_break() {
                    break;
                }
            }
        }
    }

    fn add_of_rule(
        &mut self,
        found: &NodeMatch<'_, Watched>,
        rule: Rule<'_>,
        writer: &Writer<'_>,
    ) -> ControlFlow<()> {
        let fixer = rule.fixer.first();
        let edit = fixer.map(|fixer| edit(found, &rule.matcher, fixer));
        self.add(found, Some(rule), edit, writer)
    }

    /// Take one match; whether to look for more.
    fn add(
        &mut self,
        found: &NodeMatch<'_, Watched>,
        rule: Option<Rule<'_>>,
        edit: Option<Edit>,
        writer: &Writer<'_>,
    ) -> ControlFlow<()> {
        // What made the watch spent may have been this very match.
        if self.watch.spent().is_some() || self.search.stopped(false) {
            return ControlFlow::Break(());
        }
        if !self.items.is_empty() {
            self.items.bytes.push(b',');
        }
        let before = self.items.bytes.len();
        writer.item(&mut self.items.bytes, found, rule, edit.as_ref());
        self.run.items += 1;
        self.run.bytes += (self.items.bytes.len() - before) as u64;
        self.items.end_item();
        self.starts.push(found.range().start);
        self.edits.extend(edit);
        if self.in_parts && self.items.bytes.len() >= PART_BYTES {
            self.hand_in();
        }
        let request = &self.search.request;
        if self.run.items > request.limit || self.run.bytes > request.max_bytes {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn hand_in(&mut self) {
        if let Some(handed) = self.search.output.part(self.number, self.items, self.first) {
            self.first = false;
            self.starts.clear();
            self.search.handed(handed);
        }
    }

    fn parse(&mut self, language: SupportLang, ranges: &[Range]) -> Option<AstGrep<Watched>> {
        let search = self.search;
        let stop = || {
            let stopped = search.stopped(true);
            search.unit_done();
            stopped
        };
        let tree = self.parsers.parse(language, &self.text, ranges, &stop)?;
        Some(AstGrep::doc(Watched {
            text: Rc::clone(&self.text),
            language,
            tree,
            watch: Rc::clone(&self.watch),
        }))
    }

    fn free(&self, root: AstGrep<Watched>) {
        let tree = root.root().get_doc().tree.clone();
        drop(root);
        reap(tree, self.text.len());
    }

    /// By place, whatever unit or rule they came from; equal places keep their order.
    fn sort(&mut self) {
        if self.starts.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.starts.len()).collect();
        order.sort_by_key(|index| self.starts[*index]);
        let mut sorted = Items::default();
        for index in order {
            let from = index
                .checked_sub(1)
                .map_or(0, |before| self.items.ends[before] + 1);
            if !sorted.is_empty() {
                sorted.bytes.push(b',');
            }
            sorted
                .bytes
                .extend_from_slice(&self.items.bytes[from..self.items.ends[index]]);
            sorted.end_item();
        }
        *self.items = sorted;
    }

    fn keep_diff(&mut self) {
        if self.edits.is_empty() {
            return;
        }
        let shown = self.path.to_string_lossy();
        let diff = diff::unified(&shown, &self.text, std::mem::take(&mut self.edits));
        let fits = diff.len() as u64 <= self.search.request.max_bytes;
        let items = self.items.ends.len() as u64;
        self.search
            .tool
            .keep_diff(self.number, items, fits.then_some(diff));
    }
}

/// Which rules may match a node of each kind, by index. Every rule has kinds; one without is refused when it is compiled.
fn by_kind(rules: &[Rule<'_>]) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        for kind in rule.matcher.potential_kinds().iter().flatten() {
            if found.len() <= kind {
                found.resize_with(kind + 1, Vec::new);
            }
            found[kind].push(index);
        }
    }
    found
}

fn edit(found: &NodeMatch<'_, Watched>, matcher: &impl Matcher, fixer: &Fixer) -> Edit {
    let made = found.make_edit(matcher, fixer);
    Edit {
        range: made.position..made.position + made.deleted_length,
        text: String::from_utf8_lossy(&made.inserted_text).into_owned(),
    }
}
