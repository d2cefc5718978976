"""A few lines of each bundled language, and patterns that find something in them: what the identity tests search where no real source is at hand."""

from __future__ import annotations

SAMPLES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # language: file name, text, patterns
    "bash": ("a.sh", 'if true; then\n  echo "$HOME" one\nfi\necho two three\n', ("echo $A", "echo $$$A", "$C two three")),
    "c": (
        "a.c",
        "int f(int a) { return g(a, 1); }\nint main(void) { if (f(2) == 2) { f(3); } return 0; }\n",
        ("return $A;", "$A == $B", "int f(int a) { $$$B }"),
    ),
    "cpp": (
        "a.cpp",
        "#include <vector>\ntemplate <class T> T f(T a) { return a + a; }\nint main() { auto x = f(1); return x + x; }\n",
        ("return $A;", "$A + $A"),
    ),
    "csharp": ("a.cs", "class A { int F(int a) { return F(a) + F(1); } }\n", ("F($A)", "return $A;", "$A + $B")),
    "css": ("a.css", "a { color: red; margin: 0 1px; }\n.b > c { color: red }\n", ("a { $$$A }", ".b > c { $$$ }")),
    "dart": (
        "a.dart",
        "void main() { print('a'); var x = f(1, 2); }\nint f(int a, int b) => a + b;\n",
        ("int f(int a, int b) => a + b;", "void main() { $$$A }"),
    ),
    "elixir": ("a.ex", 'defmodule A do\n  def f(a), do: IO.puts(a)\n  def g, do: IO.puts("b")\nend\n', ("IO.puts($A)", "def $A, do: $B")),
    "go": ("a.go", "package a\nfunc f(a int) int { if a == a { return f(a) }; return 0 }\n", ("$A == $A", "return $A", "func f(a int) int { $$$ }")),
    "haskell": ("a.hs", "module A where\nf :: Int -> Int\nf x = g x + g 1\n", ("g $A", "$A + $B")),
    "hcl": ("a.tf", 'resource "a" "b" {\n  name = "x"\n  count = 1\n}\n', ('name = "x"', "count = $A")),
    "html": (
        "a.html",
        "<p class=a>x</p>\n<script>f(1); let é = f('😀')</script>\n<style>a { color: red }</style>\n",
        ("<p class=a>x</p>", "<p class=a>$A</p>"),
    ),
    "java": ("a.java", "class A { int f(int a) { return this.f(a) + f(1); } }\n", ("f($A)", "return $A;", "this.f($$$A)")),
    "javascript": (
        "a.js",
        "const a = f(1, b => b.c);\nif (a == a) { f(a) }\nasync function g() { await f(...a) }\n",
        ("f($$$A)", "$A == $A", "const $A = $B", "async function g() { $$$B }"),
    ),
    "json": ("a.json", '{"a": [1, 2, {"b": null}], "c": "d"}\n', ("[$$$A]", '{"b": $A}')),
    "kotlin": ("a.kt", "fun f(a: Int): Int { val b = f(a) + f(1); return b }\n", ("f($A)", "$A + $B")),
    "lua": ("a.lua", "local function f(a) return g(a) end\nprint(f(1), f(2))\n", ("f($A)", "print($$$A)", "return $A")),
    "markdown": ("a.md", "# A\n\ntext *b*\n\n- one\n- two\n", ("# A",)),
    "nix": ("a.nix", "{ a, b }: let c = a + b; in { d = c; }\n", ("a + b",)),
    "php": ("a.php", "<?php\nfunction f($a) { return g($a) + g(1); }\n", ("g($A)", "return $A;")),
    "python": (
        "a.py",
        "import os\ndef f(a, *b):\n    if a == a:\n        return f(a, 'ä😀')\n    for x in b: print(x)\n",
        ("f($$$A)", "$A == $A", "for $X in $Y: $$$B", "import $M"),
    ),
    "ruby": ("a.rb", "def f(a)\n  puts a\n  g(a) if a == a\nend\n", ("puts $A", "$A == $A")),
    "rust": ("a.rs", "fn f(a: u8) -> Option<u8> { if a == a { Some(g(a)) } else { None } }\n", ("Some($A)", "$A == $A", "if $C { $$$A } else { $$$B }")),
    "scala": ("a.scala", "object A { def f(a: Int): Int = g(a) + g(1) }\n", ("g($A)", "$A + $B")),
    "solidity": ("a.sol", "contract A { function f(uint a) public { g(a); g(1); } }\n", ("g", "contract A { $$$B }")),
    "swift": ("a.swift", "func f(a: Int) -> Int { let b = g(a) + g(1); return b }\n", ("g($A)", "$A + $B")),
    "tsx": ("a.tsx", "const a = <div id={f(1)}>{b}</div>;\nfunction g(a: number) { return f(a) }\n", ("f($A)", "<div id={$A}>{$B}</div>")),
    "typescript": ("a.ts", "function f(a: number): number { return g(a as any) }\ninterface B { c: string }\n", ("g($A)", "$A as any", "interface B { $$$ }")),
    "yaml": ("a.yml", "a:\n  - b: 1\n  - c: d\n", ("b: 1", "c: $A")),
    "zig": ("a.zig", 'const a = @import("std");\nfn f(b: u8) u8 { return f(b); }\n', ("f($A)", "@import($A)")),
}
