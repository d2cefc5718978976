//! Parsing that can be stopped, and the reaper, which frees what a parse leaves behind.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use ast_grep_core::tree_sitter::LanguageExt as _;
use ast_grep_language::SupportLang;
use tree_sitter::{ParseOptions, Parser, Range, Tree};

/// What the parser reads at a time. Inside one token (a comment of 20 MB) it asks nobody else, so this is where a cancel is seen.
const CHUNK_BYTES: usize = 64 << 10;
/// Trees of smaller texts are freed where they were made: at most 5 ms, and the next parse takes the memory while it is warm.
const SMALL_BYTES: usize = 128 << 10;
/// Texts whose trees may wait for the reaper; a tree is some 25 times its text (search-engine.md 1d).
const WAITING_BYTES: usize = 48 << 20;

/// One worker's parsers, one a language.
#[derive(Default)]
pub struct Parsers(HashMap<SupportLang, Parser>);

impl Parsers {
    /// Parse `text`, or only `ranges` of it. None when `stop` said so: asked at every chunk and some thousand times a second between.
    pub fn parse(
        &mut self,
        language: SupportLang,
        text: &str,
        ranges: &[Range],
        stop: &dyn Fn() -> bool,
    ) -> Option<Tree> {
        let mut parser = match self.0.remove(&language) {
            Some(parser) => parser,
            None => {
                let mut parser = Parser::new();
                parser.set_language(&language.get_ts_language()).ok()?;
                parser
            }
        };
        parser.set_included_ranges(ranges).ok()?;
        let parsed = run(&mut parser, text.as_bytes(), stop);
        if parsed.is_some() {
            self.0.insert(language, parser);
        } else {
            // It holds half a tree.
            reap(parser, text.len());
        }
        parsed
    }
}

fn run(parser: &mut Parser, text: &[u8], stop: &dyn Fn() -> bool) -> Option<Tree> {
    let stopped = Cell::new(false);
    let ended = || {
        if !stopped.get() && stop() {
            stopped.set(true);
        }
        stopped.get()
    };
    let mut progress = |_: &tree_sitter::ParseState| {
        if ended() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut read = |at: usize, _: tree_sitter::Point| if ended() { &[] } else { chunk(text, at) };
    let options = ParseOptions::new().progress_callback(&mut progress);
    let tree = parser.parse_with_options(&mut read, None, Some(options));
    tree.filter(|_| !stopped.get())
}

/// The next bytes from `at`; never ends within a character.
fn chunk(text: &[u8], at: usize) -> &[u8] {
    let rest = text.get(at..).unwrap_or_default();
    if rest.len() <= CHUNK_BYTES {
        return rest;
    }
    let end = (CHUNK_BYTES - 3..=CHUNK_BYTES)
        .rev()
        .find(|end| rest[*end] & 0b1100_0000 != 0b1000_0000);
    &rest[..end.unwrap_or(CHUNK_BYTES)]
}

/// What takes long to free: a tree, or a parser with half of one.
type Waste = Box<dyn Send>;

struct Reaper {
    send: Sender<(Waste, usize)>,
    waiting: &'static AtomicUsize,
}

/// Free `waste` of a text of `bytes` bytes, elsewhere if it is large: the tree of 20 MB takes 820 ms (design 3.6).
pub fn reap(waste: impl Send + 'static, bytes: usize) {
    if bytes < SMALL_BYTES {
        return;
    }
    let Some(reaper) = reaper() else { return };
    if reaper.waiting.fetch_add(bytes, Ordering::SeqCst) > WAITING_BYTES {
        // The reaper lags behind: whoever makes waste frees it. Bounds the memory.
        reaper.waiting.fetch_sub(bytes, Ordering::SeqCst);
        return;
    }
    // A dead reaper hands the waste back, and it is freed here.
    let _ = reaper.send.send((Box::new(waste), bytes));
}

/// The one thread of this crate beside the pool's; started with the first large tree.
fn reaper() -> Option<&'static Reaper> {
    static REAPER: OnceLock<Option<Reaper>> = OnceLock::new();
    static WAITING: AtomicUsize = AtomicUsize::new(0);
    let made = REAPER.get_or_init(|| {
        let (send, receive) = channel::<(Waste, usize)>();
        let started = thread::Builder::new()
            .name("sidecar-reaper".to_owned())
            .spawn(move || {
                for (waste, bytes) in receive {
                    drop(waste);
                    WAITING.fetch_sub(bytes, Ordering::SeqCst);
                }
            });
        started.ok().map(|_| Reaper {
            send,
            waiting: &WAITING,
        })
    });
    made.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_put_together_are_the_text_and_never_end_within_a_character() {
        let text = "x".repeat(CHUNK_BYTES - 2) + &"\u{1F600}ä".repeat(CHUNK_BYTES);
        let mut at = 0;
        while at < text.len() {
            let piece = chunk(text.as_bytes(), at);
            assert!(!piece.is_empty() && std::str::from_utf8(piece).is_ok());
            at += piece.len();
        }
        assert_eq!(at, text.len());
    }

    #[test]
    fn a_parse_in_chunks_is_the_parse_of_the_whole() {
        let text = "def f(ä):\n    return '\u{1F600}' + \"b\"  # comment\n".repeat(8000);
        let tree = Parsers::default().parse(SupportLang::Python, &text, &[], &|| false);
        let mut parser = Parser::new();
        parser
            .set_language(&SupportLang::Python.get_ts_language())
            .unwrap();
        let whole = parser.parse(&text, None).unwrap();
        let (one, other) = (
            tree.unwrap().root_node().to_sexp(),
            whole.root_node().to_sexp(),
        );
        assert!(one == other);
    }

    #[test]
    fn a_stop_inside_one_token_ends_the_parse_at_its_next_chunk() {
        let text = format!("/* {} */", "x".repeat(4 << 20));
        let asked = Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > 3
        };
        let parsed = Parsers::default().parse(SupportLang::JavaScript, &text, &[], &stop);
        assert!(parsed.is_none());
        assert!(asked.get() < 40, "{}", asked.get());
    }
}
