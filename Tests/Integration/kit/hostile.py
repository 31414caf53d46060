"""Texts that mean harm, from a seed: pieces of Markdown, HTML, addresses and control characters, put together at random."""

import random

_PIECES = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<iframe src=//evil.example>",
    "<a href='javascript:alert(1)'>x</a>", "<style>*{display:none}</style>", "<!--", "-->", "<![CDATA[", "]]>", "</div>",
    "<base href=//evil.example>", "<form action=//evil.example>", "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)", "https://evil.example/x.png", "//evil.example", "http://bank.example@evil.example/", "file:///etc/passwd",
    "[x](", "![x](", ")", "](", "[", "]", "[x]: ", "<", ">", "> ", "- ", "* ", "+ ", "1. ", "- [x] ", "# ", "###### ", "---", "***",
    "```", "~~~", "```html onclick=x\n", "`", "``", "|", "| a | b |\n| - | - |\n", "**", "*", "_", "__", "~~", "~", "\\", "\\(",
    "\\)", "\\[", "\\]", "$", "$$", "\\href{javascript:alert(1)}{x}", "\\includegraphics{https://evil.example/x}",
    "\\htmlStyle{color:red}{x}", "\\def\\a{\\a}\\a", "{", "}", "^", "&lt;script&gt;", "&#60;script&#62;", "&#x3c;img src=x&#x3e;",
    "&#0;", "&#x10ffff;", "&amp;", "&NewLine;", "&colon;", "\u202e", "\u2066", "\u2069", "\u200f", "\ufeff", "\ufffd", "\x00", "\x1b[2J",
    "\u2028", "\u2029", "\n", "\n\n", "\r\n", "\r", "\t", " ", "    ", "  \n", "text", "שלום", "مرحبا", "日本語", "👩‍👩‍👧‍👦", "é", "\ud83d",
    "ada@example.org", "www.example.org", "https://example.org/a_(b)_c", "mailto:ada@example.org?subject=<b>", "[^1]", "[^1]: note",
    "__proto__", "constructor", "[__proto__]: https://example.org", "```__proto__\nx\n```", "```constructor\nx\n```",
    "\" onmouseover=alert(1) x=\"", "' onclick='alert(1)", "style=position:fixed", "class=x id=y", "{{constructor}}", "${alert(1)}",
]


def texts(seed, count):
    """`count` texts of up to 24 pieces each."""
    source = random.Random(seed)
    # Lone surrogates can't be sent to a browser by its driver: they come in as what UTF-8 makes of them.
    pieces = [piece.encode("utf-8", "replace").decode() for piece in _PIECES]
    return ["".join(source.choices(pieces, k=source.randint(1, 24))) for _ in range(count)]
