//! A tree whose every step asks whether to go on: ast-grep's matchers have no way to be stopped, so the nodes they walk have.
//!
//! Once the watch is spent every walk ends at once; what a matcher then says is not to be believed (`not` finds nothing to deny).

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use ast_grep_core::Position;
use ast_grep_core::source::{Doc, Edit, SgNode};
use ast_grep_language::SupportLang;
use tree_sitter::{Node, Tree};

use crate::cancel::Flag;
use crate::stats;

/// Nodes visited between two looks at the flag: some 50 us.
const UNIT: u32 = 1024;
/// The stack that matching may use. Matchers recurse by the source's nesting (a repeated meta-variable, a recursive util);
/// a worker has 16 MiB (design 3.6), and the rest is for the frames below and the C library above.
const STACK_BYTES: usize = 10 << 20;

/// Why a walk ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The request's flag or deadline.
    Stopped,
    /// The source is nested deeper than matching can follow.
    TooDeep,
}

/// The stop and the depth bound of one file's matching.
pub struct Watch {
    flag: Arc<Flag>,
    visits: Cell<u32>,
    spent: Cell<Option<Spent>>,
    floor: usize,
}

impl Watch {
    /// For matching that starts at this stack depth, on this thread.
    pub fn new(flag: &Arc<Flag>) -> Watch {
        Watch {
            flag: Arc::clone(flag),
            visits: Cell::new(0),
            spent: Cell::new(None),
            floor: stack_address().saturating_sub(STACK_BYTES),
        }
    }

    /// Whether, and why, it ended early.
    pub fn spent(&self) -> Option<Spent> {
        self.spent.get()
    }

    /// One step of a walk: whether to take it.
    fn goes_on(&self) -> bool {
        if self.spent.get().is_some() {
            return false;
        }
        if stack_address() < self.floor {
            self.spent.set(Some(Spent::TooDeep));
            return false;
        }
        let visits = self.visits.get().wrapping_add(1);
        self.visits.set(visits);
        if visits.is_multiple_of(UNIT) {
            self.unit();
        }
        self.spent.get().is_none()
    }

    fn unit(&self) {
        stats::bump(&stats::UNITS);
        if self.flag.is_set() {
            stats::bump(&stats::UNITS_AFTER_STOP);
        }
        self.look();
    }

    fn look(&self) {
        if self.spent.get().is_none() && self.flag.poll().is_some() {
            self.spent.set(Some(Spent::Stopped));
        }
    }

    fn each<I: Iterator>(&self, inner: I) -> Steps<'_, I> {
        Steps { inner, watch: self }
    }
}

/// Where the stack is now; grows downwards on every platform that this crate is built for.
fn stack_address() -> usize {
    let here = 0u8;
    std::ptr::from_ref(&here).addr()
}

/// An iterator that ends when the watch is spent.
struct Steps<'w, I> {
    inner: I,
    watch: &'w Watch,
}

impl<I: Iterator> Iterator for Steps<'_, I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        if self.watch.goes_on() {
            self.inner.next()
        } else {
            None
        }
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for Steps<'_, I> {
    /// ast-grep's own iterator knows its length, but not its size hint.
    fn len(&self) -> usize {
        if self.watch.spent().is_some() {
            0
        } else {
            self.inner.len()
        }
    }
}

/// A parsed text of one language.
#[derive(Clone)]
pub struct Watched {
    pub text: Rc<String>,
    pub language: SupportLang,
    pub tree: Tree,
    pub watch: Rc<Watch>,
}

impl Doc for Watched {
    type Source = String;
    type Lang = SupportLang;
    type Node<'r> = Step<'r>;

    fn get_lang(&self) -> &SupportLang {
        &self.language
    }

    fn get_source(&self) -> &String {
        &self.text
    }

    /// Nothing here edits a tree; rewriting makes text.
    fn do_edit(&mut self, _edit: &Edit<String>) -> Result<(), String> {
        Err("a watched tree is not edited".to_owned())
    }

    fn root_node(&self) -> Step<'_> {
        Step {
            node: self.tree.root_node(),
            watch: &self.watch,
        }
    }

    fn get_node_text<'a>(&'a self, node: &Step<'a>) -> Cow<'a, str> {
        let bytes = self.text.as_bytes();
        // tree-sitter may place a node's end one past the text's.
        let end = node.node.end_byte().min(bytes.len());
        String::from_utf8_lossy(&bytes[node.node.start_byte().min(end)..end])
    }
}

/// A node of a watched tree.
#[derive(Clone, Copy)]
pub struct Step<'r> {
    pub node: Node<'r>,
    watch: &'r Watch,
}

impl<'r> Step<'r> {
    fn at(self, node: Node<'r>) -> Step<'r> {
        Step { node, ..self }
    }

    /// A step whose cost grows with the tree's depth or width: a look at the clock before each is little beside it.
    fn far(self, find: impl FnOnce() -> Option<Node<'r>>) -> Option<Step<'r>> {
        self.watch.look();
        self.to(find)
    }

    fn to(self, find: impl FnOnce() -> Option<Node<'r>>) -> Option<Step<'r>> {
        if self.watch.goes_on() {
            find().map(|node| self.at(node))
        } else {
            None
        }
    }
}

impl<'r> SgNode<'r> for Step<'r> {
    fn parent(&self) -> Option<Self> {
        self.far(|| self.node.parent())
    }

    fn children(&self) -> impl ExactSizeIterator<Item = Self> {
        let step = *self;
        self.watch
            .each(SgNode::children(&self.node).map(move |node| step.at(node)))
    }

    fn kind(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.node.kind())
    }

    fn kind_id(&self) -> u16 {
        self.node.kind_id()
    }

    fn node_id(&self) -> usize {
        self.node.id()
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.node.byte_range()
    }

    fn start_pos(&self) -> Position {
        self.node.start_pos()
    }

    fn end_pos(&self) -> Position {
        self.node.end_pos()
    }

    fn ancestors(&self, root: Self) -> impl Iterator<Item = Self> {
        let step = *self;
        self.watch
            .each(SgNode::ancestors(&self.node, root.node).map(move |node| step.at(node)))
    }

    fn dfs(&self) -> impl Iterator<Item = Self> {
        let step = *self;
        self.watch
            .each(SgNode::dfs(&self.node).map(move |node| step.at(node)))
    }

    fn child(&self, nth: usize) -> Option<Self> {
        self.to(|| SgNode::child(&self.node, nth))
    }

    fn next(&self) -> Option<Self> {
        self.far(|| self.node.next_sibling())
    }

    fn prev(&self) -> Option<Self> {
        self.far(|| self.node.prev_sibling())
    }

    fn next_all(&self) -> impl Iterator<Item = Self> {
        let step = *self;
        self.watch
            .each(SgNode::next_all(&self.node).map(move |node| step.at(node)))
    }

    fn prev_all(&self) -> impl Iterator<Item = Self> {
        let step = *self;
        self.watch
            .each(SgNode::prev_all(&self.node).map(move |node| step.at(node)))
    }

    fn is_named(&self) -> bool {
        self.node.is_named()
    }

    fn is_named_leaf(&self) -> bool {
        self.node.named_child_count() == 0
    }

    fn is_leaf(&self) -> bool {
        self.node.child_count() == 0
    }

    fn is_missing(&self) -> bool {
        self.node.is_missing()
    }

    fn is_error(&self) -> bool {
        self.node.is_error()
    }

    fn is_extra(&self) -> bool {
        self.node.is_extra()
    }

    fn field(&self, name: &str) -> Option<Self> {
        self.to(|| self.node.child_by_field_name(name))
    }

    fn field_children(&self, field_id: Option<u16>) -> impl Iterator<Item = Self> {
        let step = *self;
        self.watch
            .each(SgNode::field_children(&self.node, field_id).map(move |node| step.at(node)))
    }

    fn child_by_field_id(&self, field_id: u16) -> Option<Self> {
        self.to(|| self.node.child_by_field_id(field_id))
    }
}
