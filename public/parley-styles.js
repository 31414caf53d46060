// The look of the widgets. A constructed style sheet needs no inline style, so the strictest policy lets it through.
// Pages adapt it by the custom properties at the top, all of which begin with --parley-, and by parts. Lengths in rem are
// of the widget's own size, so that what a page does to its root changes nothing here.

const light = `
    --accent: var(--parley-accent, #2b6e5b);
    --on-accent: var(--parley-on-accent, #ffffff);
    --ground: var(--parley-ground, #faf9f7);
    --surface: var(--parley-surface, #ffffff);
    --sunken: var(--parley-sunken, #f2f0ec);
    --bubble: var(--parley-bubble, #e4eeea);
    --line: var(--parley-line, #e3e0da);
    --text: var(--parley-text, #1f2426);
    --faint: var(--parley-faint, #565d62);
    --bad: var(--parley-bad, #b3352b);
    --bad-ground: var(--parley-bad-ground, #fbecea);
    --warn: var(--parley-warn, #b7791f);
    --good: var(--parley-good, #2f855a);
    --shadow: var(--parley-shadow, 0 1px 2px rgb(30 30 20 / 6%), 0 6px 20px rgb(30 30 20 / 6%));
    --code-keyword: var(--parley-code-keyword, #8a3ea8);
    --code-string: var(--parley-code-string, #3b6e1f);
    --code-number: var(--parley-code-number, #96480f);
    --code-name: var(--parley-code-name, #1f5fa8);
    color-scheme: light;
`;
const dark = `
    --accent: var(--parley-accent, #7cc7ae);
    --on-accent: var(--parley-on-accent, #0f211b);
    --ground: var(--parley-ground, #151718);
    --surface: var(--parley-surface, #1d2021);
    --sunken: var(--parley-sunken, #191b1c);
    --bubble: var(--parley-bubble, #23362f);
    --line: var(--parley-line, #303436);
    --text: var(--parley-text, #e6e8e8);
    --faint: var(--parley-faint, #9ba3a6);
    --bad: var(--parley-bad, #f2958c);
    --bad-ground: var(--parley-bad-ground, #3a2220);
    --warn: var(--parley-warn, #e0b25a);
    --good: var(--parley-good, #7fcf9f);
    --shadow: var(--parley-shadow, 0 1px 2px rgb(0 0 0 / 30%), 0 6px 20px rgb(0 0 0 / 25%));
    --code-keyword: var(--parley-code-keyword, #d3a0e8);
    --code-string: var(--parley-code-string, #a8d08a);
    --code-number: var(--parley-code-number, #e5ad7f);
    --code-name: var(--parley-code-name, #8fbdf0);
    color-scheme: dark;
`;

const css = `
:host {
    ${light}
    --rem: var(--parley-size, 16px);
    --radius: var(--parley-radius, 1);
    --mono: var(--parley-mono, ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace);
    display: block;
    height: 100%;
    min-height: min(20rem, 100dvh);
    color: var(--text);
    background: var(--ground);
    font: 1rem/1.55 var(--parley-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif);
    letter-spacing: normal;
    word-spacing: normal;
    text-align: start;
    text-indent: 0;
    text-transform: none;
    white-space: normal;
}
@media (prefers-color-scheme: dark) {
    :host(:not([theme=light])) { ${dark} }
}
:host([theme=dark]) { ${dark} }
:host([hidden]), [hidden] { display: none !important; }
*, ::before, ::after { box-sizing: border-box; }
h2, h3, h4, p, ul, dl, dd { margin: 0; padding: 0; }
ul { list-style: none; }
button, textarea { font: inherit; color: inherit; }
button { cursor: pointer; background: none; border: 0; padding: 0; }
button:disabled { cursor: default; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.icon { width: 1.25em; height: 1.25em; flex: none; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
.visually-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.faint { color: var(--faint); font-size: .875rem; }
.link { color: var(--accent); font-size: inherit; font-weight: 600; padding: .1em .2em; border-radius: .3em; white-space: nowrap; }
.link:hover { text-decoration: underline; text-underline-offset: .2em; }

/* Frame */
.frame { container-type: inline-size; height: 100%; min-height: inherit; }
.shell { position: relative; display: grid; grid-template-columns: 17rem minmax(0, 1fr); height: 100%; min-height: inherit; overflow: clip; }
:host([sidebar=hidden]) .shell { grid-template-columns: minmax(0, 1fr); }
:host([sidebar=hidden]) :is(.sidebar, .menu) { display: none !important; }
.main { display: flex; flex-direction: column; min-width: 0; min-height: 0; }
.backdrop { display: none; }
.menu { display: none; }

/* Conversations */
.sidebar { display: flex; flex-direction: column; gap: .75rem; min-height: 0; padding: .875rem .75rem; background: var(--sunken); border-inline-end: 1px solid var(--line); }
.new { display: flex; align-items: center; gap: .6rem; padding: .55rem .75rem; border: 1px solid var(--line); border-radius: .7rem; background: var(--surface); font-weight: 600; font-size: .9375rem; }
.new .icon { color: var(--accent); }
.new:hover { border-color: var(--accent); }
.conversations { flex: 1; min-height: 0; overflow-y: auto; margin-inline: -.25rem; padding: .125rem .25rem; scrollbar-width: thin; }
.conversations > .faint { padding: .5rem .75rem; }
.conversation { display: block; width: 100%; padding: .45rem .75rem; border-radius: .6rem; text-align: start; }
.conversation:hover { background: color-mix(in srgb, var(--text) 6%, transparent); }
.conversation[aria-current] { background: color-mix(in srgb, var(--accent) 14%, transparent); }
.conversation .title { display: block; font-size: .9375rem; line-height: 1.35; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.conversation .time { display: block; font-size: .78rem; color: var(--faint); }
.conversation[data-running] .time { color: var(--accent); }
.conversation[data-suspended] .time { color: var(--text); font-weight: 600; }
.conversations li { position: relative; }
.row-menu { position: absolute; inset-block: .35rem auto; inset-inline-end: .3rem; display: grid; place-items: center; width: 1.9rem; height: 1.9rem; border-radius: .5rem; color: var(--faint); background: var(--surface); opacity: 0; }
.row-menu .icon { stroke-width: 2.4; }
li:is(:hover, :focus-within) > .row-menu, .row-menu[aria-expanded=true] { opacity: 1; }
@media (hover: none) { .row-menu { opacity: 1; background: none; } .conversation { padding-inline-end: 2.4rem; } }
.conversation[data-unread] .title { font-weight: 700; }
.conversation[data-unread] .title::before { content: ""; display: inline-block; width: .5rem; height: .5rem; margin-inline-end: .4rem; border-radius: 50%; background: var(--accent); }
.search { position: relative; display: flex; align-items: center; }
.search > .icon { position: absolute; inset-inline-start: .7rem; width: 1rem; height: 1rem; color: var(--faint); pointer-events: none; }
.search-field { width: 100%; min-height: 2.2rem; padding: .3rem .75rem .3rem 2.1rem; border: 1px solid transparent; border-radius: .7rem; background: color-mix(in srgb, var(--text) 6%, transparent); color: inherit; font: inherit; font-size: .9rem; }
.search-field:dir(rtl) { padding: .3rem 2.1rem .3rem .75rem; }
.search-field::placeholder { color: var(--faint); opacity: 1; }
.search-field:focus-visible { outline-offset: -1px; }
.found > .faint { padding: .3rem .75rem; }
.excerpt { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; font-size: .8125rem; line-height: 1.4; color: var(--faint); overflow-wrap: anywhere; }
.found mark { color: var(--text); background: color-mix(in srgb, var(--accent) 28%, transparent); border-radius: .2em; }
.archive-switch { display: flex; align-items: center; gap: .6rem; min-height: 2rem; padding: .3rem .75rem; border-radius: .6rem; font-size: .875rem; color: var(--faint); text-align: start; }
.archive-switch:hover, .archive-switch[data-shown] { color: var(--text); background: color-mix(in srgb, var(--text) 6%, transparent); }
.popup { position: fixed; inset: auto; margin: 0; min-width: 11rem; padding: .3rem; border: 1px solid var(--line); border-radius: .7rem; color: var(--text); background: var(--surface); box-shadow: var(--shadow); font-size: .9375rem; }
.popup button { display: flex; align-items: center; gap: .6rem; width: 100%; min-height: 2.25rem; padding: .3rem .7rem; border-radius: .45rem; text-align: start; }
.popup button:is(:hover, :focus) { background: color-mix(in srgb, var(--text) 8%, transparent); }
.question { margin: auto; padding: 0; max-width: min(26rem, calc(100vw - 2rem)); border: 1px solid var(--line); border-radius: 1rem; color: var(--text); background: var(--surface); box-shadow: var(--shadow); }
.question::backdrop { background: rgb(0 0 0 / 40%); }
.question-body { padding: 1.25rem; }
.question h3 { font-size: 1.05rem; overflow-wrap: anywhere; }
.question p { margin-block: .4rem 1.1rem; color: var(--faint); font-size: .9375rem; }
.question-buttons { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: .5rem; }
.question button { min-height: 2.3rem; padding: .3rem 1rem; border-radius: .6rem; font-weight: 600; }
.plain { border: 1px solid var(--line); }
.danger { color: var(--surface); background: var(--bad); }
.rename { display: block; width: 100%; margin-block: .35rem; padding: .35rem .6rem; border: 1px solid var(--accent); border-radius: .5rem; background: var(--surface); color: inherit; font: inherit; font-size: .9375rem; }
.rename + .row-menu { display: none; }
.more { width: 100%; padding: .5rem; font-size: .875rem; color: var(--faint); }

/* Header */
header { display: flex; align-items: center; gap: .75rem; min-height: 3.5rem; padding: .5rem 1.25rem; border-bottom: 1px solid var(--line); }
.where { flex: 1; min-width: 0; display: flex; align-items: center; gap: 1rem; }
.heading { flex: 1; min-width: 0; font-size: 1rem; font-weight: 650; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.connection { display: flex; align-items: center; gap: .45rem; font-size: .8125rem; color: var(--faint); white-space: nowrap; font-variant-numeric: tabular-nums; }
.dot { width: .5rem; height: .5rem; border-radius: 50%; background: var(--faint); }
[data-state=online] .dot { background: var(--good); }
[data-state=connecting] .dot { background: var(--warn); animation: pulse 1.2s ease-in-out infinite; }
[data-state=offline] .dot { background: var(--bad); }
.banner { display: flex; align-items: center; gap: .6rem; padding: .55rem 1.25rem; background: var(--bad-ground); color: var(--bad); font-size: .9rem; }
.banner[data-good] { background: var(--bubble); color: var(--text); }
.banner[data-good] > .icon-alert { display: none; }
.banner span { flex: 1; }
.banner .link { color: inherit; text-decoration: underline; text-underline-offset: .2em; }
.close { display: grid; place-items: center; min-width: 1.75rem; min-height: 1.75rem; border-radius: .4rem; }

/* Transcript */
.stage { position: relative; flex: 1; min-height: 0; }
.transcript { position: absolute; inset: 0; }
.scroller { position: relative; height: 100%; overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-gutter: stable both-edges; }
.scroller:focus-visible { outline-offset: -3px; }
.items { display: flex; flex-direction: column; gap: .85rem; max-width: 46rem; margin-inline: auto; padding: 1.5rem 1.25rem 1.25rem; }
.message { position: relative; display: flex; flex-direction: column; max-width: 100%; }
.message.user { align-items: flex-end; margin-block-start: .6rem; }
.message.user:first-child { margin-block-start: 0; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
.markdown { display: flow-root; white-space: normal; }
.markdown > :first-child { margin-block-start: 0; }
.markdown > :last-child, .markdown li > :last-child, .markdown blockquote > :last-child { margin-block-end: 0; }
.markdown :is(p, h3, h4, h5, h6, td, th, .line) { white-space: pre-wrap; unicode-bidi: plaintext; }
.markdown p, .markdown ul, .markdown ol, .markdown blockquote, .markdown .table, .markdown .code { margin-block: .75em; }
.markdown :is(h3, h4, h5, h6) { margin-block: 1.1em .4em; font-size: 1.05em; font-weight: 700; line-height: 1.35; }
.markdown h3 { font-size: 1.2em; }
.markdown h4 { font-size: 1.1em; }
.markdown ul, .markdown ol { padding-inline-start: 1.6em; list-style: disc; }
.markdown ol { list-style: decimal; }
.markdown :is(ul, ol) :is(ul, ol) { margin-block: .25em; }
.markdown li { margin-block: .2em; }
.markdown :dir(ltr) > li:dir(rtl), .markdown :dir(rtl) > li:dir(ltr) { margin-inline: 1.6em -1.6em; }
.markdown li.task { list-style: none; margin-inline-start: -1.35em; }
.markdown :dir(ltr) > li.task:dir(rtl), .markdown :dir(rtl) > li.task:dir(ltr) { margin-inline-start: .25em; }
.tick-mark { display: inline-block; width: .95em; height: .95em; margin-inline-end: .4em; vertical-align: -.1em; border: 1.5px solid var(--faint); border-radius: .2em; }
.tick-mark { position: relative; }
.tick-mark[data-done] { border-color: var(--accent); background: var(--accent); }
.tick-mark[data-done]::after { content: ""; position: absolute; inset: .05em .27em .2em; border: solid var(--on-accent); border-width: 0 .13em .13em 0; rotate: 42deg; }
.markdown blockquote { margin-inline: 0; padding-inline-start: .9em; border-inline-start: 3px solid var(--line); color: var(--faint); }
.markdown hr { margin-block: 1em; border: 0; border-block-start: 1px solid var(--line); }
.text a { color: var(--accent); text-decoration: underline; text-underline-offset: .15em; overflow-wrap: anywhere; }
.text a[data-host]::after { content: " (" attr(data-host) ")"; color: var(--bad); }
.markdown code { padding: .1em .3em; border-radius: .3em; background: var(--sunken); font-family: var(--mono); font-size: .9em; unicode-bidi: isolate; }
.code { position: relative; border: 1px solid var(--line); border-radius: .6rem; background: var(--sunken); text-align: left; }
.code-head { display: flex; align-items: center; justify-content: space-between; min-height: 1.9rem; padding: .15rem .3rem .1rem .8rem; font-size: .78rem; color: var(--faint); }
.code::before { content: attr(data-language); position: absolute; inset-block-start: .45rem; inset-inline-start: .85rem; font-size: .78rem; color: var(--faint); pointer-events: none; }
.code-head .copy { margin-inline-start: auto; }
.code pre { margin: 0; padding: .2rem .85rem .8rem; max-height: 32rem; overflow: auto; white-space: pre; tab-size: 4; scrollbar-width: thin; }
.code pre:focus-visible { outline-offset: -2px; border-radius: .6rem; }
.code code { padding: 0; background: none; font-size: .85rem; line-height: 1.5; unicode-bidi: plaintext; }
.table { overflow-x: auto; scrollbar-width: thin; }
.table table { border-collapse: collapse; font-size: .95em; }
.table :is(th, td) { padding: .3em .7em; border: 1px solid var(--line); text-align: start; vertical-align: top; overflow-wrap: normal; word-break: normal; }
.table th { font-weight: 650; background: var(--sunken); }
.align-right { text-align: right !important; }
.align-center { text-align: center !important; }
.align-left { text-align: left !important; }
.bidi-control::before { content: attr(data-name); padding: 0 .25em; border-radius: .25em; font: 600 .7em var(--mono); color: var(--bad); background: var(--bad-ground); }
.image-button { display: inline-flex; align-items: center; gap: .4em; max-width: 100%; padding: .25em .6em; border: 1px solid var(--line); border-radius: .5em; color: var(--accent); text-align: start; overflow-wrap: anywhere; }
.image img { display: block; max-width: 100%; max-height: 24rem; border-radius: .5rem; }
.math.display { display: block; margin-block: .75em; overflow-x: auto; text-align: center; }
.math math { font-size: 1.1em; }
.token-comment, .token-prolog, .token-doctype, .token-cdata { color: var(--faint); font-style: italic; }
.token-keyword, .token-atrule, .token-important, .token-rule, .token-boolean { color: var(--code-keyword); }
.token-string, .token-char, .token-attr-value, .token-regex, .token-url, .token-inserted { color: var(--code-string); }
.token-number, .token-constant, .token-symbol, .token-property, .token-tag, .token-deleted { color: var(--code-number); }
.token-function, .token-class-name, .token-builtin, .token-attr-name, .token-selector { color: var(--code-name); }
.copy { position: relative; display: grid; place-items: center; width: 1.75rem; height: 1.75rem; border-radius: .4rem; color: var(--faint); }
.copy:hover { color: var(--text); background: color-mix(in srgb, var(--text) 7%, transparent); }
.copy .icon { width: 1.05rem; height: 1.05rem; }
.copy .icon-check, .copy[data-copied=true] .icon-copy { display: none; }
.copy[data-copied=true] .icon-check { display: block; color: var(--good); }
.message-tools { display: flex; align-items: center; gap: .4rem; min-height: 1.75rem; margin-block-end: -.6rem; font-size: .75rem; color: var(--faint); opacity: 0; }
.message:is(:hover, :focus-within) .message-tools { opacity: 1; }
@media (hover: none) { .message-tools { opacity: 1; } }
.message[data-open] .message-tools, .message[data-status=pending] .message-tools { visibility: hidden; }
.user .message-tools { flex-direction: row-reverse; }
.judgement { display: inline-flex; gap: .1rem; }
.judgement [aria-pressed=true] { color: var(--accent); }
.judgement [aria-pressed=true] .icon { fill: color-mix(in srgb, var(--accent) 25%, transparent); }
.message:has([data-judged]) .message-tools { opacity: 1; }
.judge-form { display: flex; align-items: center; gap: .4rem; max-width: 30rem; margin-block-start: .9rem; }
.judge-form .send { flex: none; }
.task-field { flex: 1; min-width: 0; padding: .4rem .9rem; border: 1px solid var(--line); border-radius: 2rem; color: inherit; background: var(--surface); font: inherit; }
[data-revealed] { animation: reveal 2s ease-out; border-radius: .8rem; }
.day { align-self: stretch; display: flex; align-items: center; gap: .8rem; font-size: .78rem; color: var(--faint); }
.day::before, .day::after { content: ""; flex: 1; border-block-start: 1px solid var(--line); }
.user .text { max-width: min(34rem, 88%); padding: .55rem .95rem; border-radius: 1.15rem; border-end-end-radius: .35rem; background: var(--bubble); }
.message[data-status=pending] .text { opacity: .65; }
.user[data-status=cancelled] .text { opacity: .6; text-decoration: line-through; }
.user[data-status=failed] .text { background: var(--bad-ground); }
.message[data-open] .text:not(.markdown)::after, .message[data-open] .markdown > :last-child:not(.code, .table)::after { content: ""; display: inline-block; width: .45em; height: 1em; margin-inline-start: .15em; vertical-align: -.12em; border-radius: .1em; background: var(--accent); animation: blink 1.1s steps(2, jump-none) infinite; }
.meta { display: flex; flex-wrap: wrap; align-items: baseline; gap: .15rem .5rem; font-size: .8125rem; color: var(--faint); }
.meta:not(:empty) { padding-block-start: .25rem; }
.user .meta { justify-content: flex-end; text-align: end; }
.bad { color: var(--bad); }
.notice { display: flex; align-items: center; gap: .5rem; font-size: .875rem; color: var(--faint); }
.notice.error { align-self: flex-start; padding: .5rem .8rem; border-radius: .7rem; color: var(--bad); background: var(--bad-ground); }
.notice.error .link { color: inherit; text-decoration: underline; text-underline-offset: .2em; }
.earlier { align-self: center; font-size: .8125rem; color: var(--faint); }
.typing { display: flex; gap: .3rem; align-items: center; height: 1.55rem; opacity: 0; animation: appear .2s .15s forwards; }
.typing i { width: .45rem; height: .45rem; border-radius: 50%; background: var(--faint); animation: pulse 1.2s ease-in-out infinite; }
.typing i:nth-of-type(2) { animation-delay: .16s; }
.typing i:nth-of-type(3) { animation-delay: .32s; }
.skeleton { display: flex; flex-direction: column; gap: 1rem; opacity: 0; animation: appear .2s .2s forwards; }
.skeleton i { height: 1.1rem; width: 70%; border-radius: .5rem; background: color-mix(in srgb, var(--text) 8%, transparent); animation: pulse 1.6s ease-in-out infinite; }
.skeleton .mine { align-self: flex-end; width: 35%; height: 2.2rem; border-radius: 1.1rem; }
.skeleton .short { width: 45%; }
.to-latest { position: absolute; inset-block-end: .75rem; inset-inline-start: 50%; translate: -50% 0; display: grid; padding: .5rem; border-radius: 50%; border: 1px solid var(--line); background: var(--surface); box-shadow: var(--shadow); }

[data-far] { content-visibility: auto; contain-intrinsic-block-size: auto 5rem; }

/* Branches and approvals */
.branch { display: inline-flex; align-items: center; gap: .1rem; }
.sibling { font-variant-numeric: tabular-nums; }
.copy:disabled { opacity: .35; }
.icon-left:dir(rtl), .icon-right:dir(rtl) { scale: -1 1; }
.message:has(.sibling) .message-tools { opacity: 1; }
.rewrite { display: flex; flex-direction: column; gap: .5rem; width: min(34rem, 100%); }
.rewrite-field, .approval-field :is(input:not([type=checkbox]), textarea, select) { width: 100%; padding: .45rem .8rem; border: 1px solid var(--line); border-radius: .7rem; color: inherit; background: var(--surface); font: inherit; }
.rewrite-field { max-height: 20rem; resize: none; border-color: var(--accent); }
.approval { display: flex; flex-direction: column; gap: .7rem; padding: .85rem 1rem; border: 1px solid var(--warn); border-radius: .8rem; background: var(--surface); font-size: .9rem; }
.approval-head { display: flex; align-items: center; gap: .6rem; }
.approval-title { font-size: .95rem; font-weight: 650; }
.approval-fields { display: grid; gap: .5rem; }
.approval-fields:empty { display: none; }
.approval-field { display: grid; grid-template-columns: minmax(6rem, 9rem) minmax(0, 1fr); gap: .6rem; align-items: center; }
.approval-field input[type=checkbox] { justify-self: start; width: 1.15rem; height: 1.15rem; margin: 0; accent-color: var(--accent); }
.approval-name { color: var(--faint); }
.approval-field .mono { font-family: var(--mono); font-size: .8125rem; }
.approval-fields[inert] { opacity: .6; }
.approval-buttons { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; }
.approval-buttons .task-field { flex: 1 1 9rem; }
.approval-buttons button { min-height: 2.2rem; padding: .25rem 1rem; border-radius: .6rem; font-weight: 600; }
.approval > .faint:empty { display: none; }
.approval > .link { align-self: flex-start; }
.primary { color: var(--on-accent); background: var(--accent); }
.primary:hover { background: color-mix(in srgb, var(--accent) 85%, var(--text)); }

/* Thoughts */
.reasoning { font-size: .875rem; color: var(--faint); }
.reasoning summary { display: flex; align-items: center; gap: .5rem; width: fit-content; min-height: 1.75rem; padding: .1rem .4rem; margin-inline-start: -.4rem; border-radius: .5rem; cursor: pointer; list-style: none; }
.reasoning summary::-webkit-details-marker { display: none; }
.reasoning summary::before { content: "›"; transition: rotate .15s; }
.reasoning[open] summary::before { rotate: 90deg; }
.reasoning summary:hover { color: var(--text); background: color-mix(in srgb, var(--text) 6%, transparent); }
.reasoning-text { margin-block: .3rem; padding-inline-start: .9rem; border-inline-start: 2px solid var(--line); max-height: 20rem; overflow-y: auto; scrollbar-width: thin; }
.reasoning-dots { display: none; gap: .2rem; }
.reasoning[data-open] .reasoning-dots { display: inline-flex; }
.reasoning-dots i { width: .3rem; height: .3rem; border-radius: 50%; background: var(--faint); animation: pulse 1.2s ease-in-out infinite; }
.reasoning-dots i:nth-of-type(2) { animation-delay: .16s; }
.reasoning-dots i:nth-of-type(3) { animation-delay: .32s; }
.late:empty { display: none; }

/* Tool cards */
.tool { position: relative; border: 1px solid var(--line); border-radius: .8rem; background: var(--surface); font-size: .9rem; }
.tool summary { display: flex; align-items: center; gap: .6rem; padding: .5rem .75rem; border-radius: .8rem; cursor: pointer; list-style: none; }
.tool summary::-webkit-details-marker { display: none; }
.tool summary:hover { background: color-mix(in srgb, var(--text) 3%, transparent); }
.tool-mark { display: grid; place-items: center; width: 1.75rem; height: 1.75rem; flex: none; border-radius: .5rem; color: var(--accent); background: color-mix(in srgb, var(--accent) 13%, transparent); }
.tool-mark .icon { width: 1.1rem; height: 1.1rem; }
.tool-title { flex: 1; min-width: 0; display: flex; flex-wrap: wrap; gap: 0 .5rem; align-items: baseline; }
.tool-label { font-weight: 600; white-space: nowrap; }
.tool-subject { min-width: 0; color: var(--faint); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tool-badge { display: grid; color: var(--good); }
.tool[data-status=failed] .tool-badge { color: var(--bad); }
.tool[data-status=failed] .tool-mark { color: var(--bad); background: var(--bad-ground); }
.tool[data-status=cancelled] .tool-badge, .icon-chevron { color: var(--faint); }
.icon-chevron { transition: rotate .15s; }
.tool[open] .icon-chevron { rotate: 180deg; }
.spinner { width: 1rem; height: 1rem; border-radius: 50%; border: 2px solid color-mix(in srgb, var(--accent) 25%, transparent); border-block-start-color: var(--accent); animation: spin .8s linear infinite; }
.tool-body { display: flex; flex-direction: column; gap: .7rem; padding: .25rem .85rem .8rem; }
.tool-body:empty { display: none; }
.tool h4 { margin-block-end: .25rem; font-size: .72rem; font-weight: 600; letter-spacing: .05em; text-transform: uppercase; color: var(--faint); }
.tool dl { display: grid; gap: .15rem; }
.tool dl > div { display: flex; gap: .6rem; }
.tool dt { min-width: 7rem; color: var(--faint); }
.tool dd { min-width: 0; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
.tool pre { margin: 0; padding: .6rem .75rem; max-height: 16rem; overflow: auto; border-radius: .5rem; background: var(--sunken); font: .8125rem/1.5 ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.tool-error { color: var(--bad); white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
.checklist { max-height: 20rem; overflow-y: auto; scrollbar-width: thin; }
.checklist li { display: flex; align-items: flex-start; gap: .6rem; padding-block: .3rem; }
.checklist li + li { border-block-start: 1px solid var(--line); }
.tick { display: grid; place-items: center; flex: none; width: 1.1rem; height: 1.1rem; margin-block-start: .16rem; border: 1.5px solid var(--faint); border-radius: .3rem; }
.tick .icon { width: .9rem; height: .9rem; stroke-width: 2.4; }
[data-completed=true] .tick { color: var(--on-accent); background: var(--accent); border-color: var(--accent); }
.task-title { flex: 1; min-width: 0; overflow-wrap: anywhere; }
[data-completed=true] .task-title { color: var(--faint); text-decoration: line-through; }
.task-description { display: block; white-space: pre-wrap; unicode-bidi: plaintext; font-size: .8125rem; color: var(--faint); }
.task-id { font-size: .8125rem; color: var(--faint); font-variant-numeric: tabular-nums; }

/* Beginnings */
.empty, .signed-out { position: absolute; inset: 0; display: flex; flex-direction: column; align-items: center; justify-content: safe center; gap: .5rem; padding: 1.5rem; text-align: center; overflow-y: auto; }
.emblem { display: grid; place-items: center; width: 3.25rem; height: 3.25rem; margin-block-end: .35rem; border-radius: 1rem; color: var(--accent); background: color-mix(in srgb, var(--accent) 13%, transparent); }
.emblem img, .picture { object-fit: cover; border-radius: inherit; }
.emblem img { width: 100%; height: 100%; }
.picture { flex: none; width: 2rem; height: 2rem; border-radius: .6rem; }
.suggested { display: flex; flex-wrap: wrap; gap: .4rem; max-width: 46rem; width: 100%; margin-inline: auto; padding: 0 1.25rem .5rem; }
.suggested:empty { display: none; }
.suggested button { padding: .3rem .8rem; border: 1px solid var(--line); border-radius: 2rem; background: var(--surface); font-size: .875rem; text-align: start; }
.suggested button:hover { border-color: var(--accent); }
.emblem .icon { width: 1.75rem; height: 1.75rem; }
.empty h3, .signed-out h3 { font-size: 1.375rem; font-weight: 650; letter-spacing: -.01em; }
.empty p, .signed-out p { max-width: 26rem; color: var(--faint); }
.examples { display: flex; flex-wrap: wrap; justify-content: center; gap: .5rem; max-width: 34rem; margin-block-start: 1rem; }
.examples button { padding: .45rem .9rem; border: 1px solid var(--line); border-radius: 2rem; background: var(--surface); font-size: .9375rem; }
.examples button:hover { border-color: var(--accent); }

/* Composer */
.composer { width: 100%; max-width: 46rem; margin-inline: auto; padding: .25rem 1.25rem .6rem; }
.box { display: flex; align-items: flex-end; gap: .5rem; padding: .4rem .4rem .4rem .5rem; border: 1px solid var(--line); border-radius: 1.4rem; background: var(--surface); box-shadow: var(--shadow); cursor: text; }
.box:focus-within { border-color: var(--accent); box-shadow: var(--shadow), 0 0 0 1px var(--accent); }
.box textarea { flex: 1; min-width: 0; min-height: 2.3rem; max-height: 12rem; padding: .375rem .6rem; border: 0; background: none; resize: none; line-height: 1.55; overflow-y: auto; scrollbar-width: thin; }
.box textarea:focus-visible { outline: none; }
.box textarea::placeholder { color: var(--faint); opacity: 1; }
.buttons { display: flex; align-items: center; gap: .4rem; }
.send, .stop { display: flex; align-items: center; justify-content: center; height: 2.3rem; border-radius: 2rem; }
.send { width: 2.3rem; color: var(--on-accent); background: var(--accent); transition: background .15s; }
.send:hover:not(:disabled) { background: color-mix(in srgb, var(--accent) 85%, var(--text)); }
.send:disabled { color: var(--faint); background: color-mix(in srgb, var(--text) 9%, transparent); }
.stop { gap: .35rem; padding: 0 .9rem 0 .7rem; border: 1px solid var(--line); font-size: .875rem; font-weight: 600; white-space: nowrap; }
.stop:hover:not(:disabled) { border-color: var(--bad); color: var(--bad); }
.stop:disabled { color: var(--faint); }
.stop .icon { fill: currentColor; }
.under { display: flex; justify-content: space-between; gap: 1rem; min-height: 1.4rem; padding: .25rem .9rem 0; font-size: .75rem; color: var(--faint); }
.counter { margin-inline-start: auto; font-variant-numeric: tabular-nums; }
.counter[data-over] { color: var(--bad); font-weight: 600; }

@container (max-width: 48rem) {
    .shell { grid-template-columns: minmax(0, 1fr); }
    .menu { display: grid; padding: .4rem; margin-inline-start: -.4rem; border-radius: .5rem; }
    .sidebar { position: absolute; inset-block: 0; inset-inline-start: 0; z-index: 2; width: min(18rem, 85%); visibility: hidden; translate: -100% 0; transition: translate .2s, visibility .2s; box-shadow: var(--shadow); }
    .sidebar:dir(rtl) { translate: 100% 0; }
    [data-drawer] > .sidebar { visibility: visible; translate: none; }
    [data-drawer] > .backdrop { display: block; position: absolute; inset: 0; z-index: 1; background: rgb(0 0 0 / 35%); animation: appear .2s; }
    header { padding-inline: .9rem; }
    .where { flex-direction: column; align-items: stretch; gap: 0; }
    .heading { line-height: 1.35; }
    .connection { line-height: 1.35; }
    .items, .composer { padding-inline: .9rem; }
    .hint { display: none; }
}
@container (max-width: 28rem) {
    .under:has(.counter:empty) { min-height: .4rem; padding: 0; }
    .user .text { max-width: 92%; }
    .tool dt { min-width: 5rem; }
    .approval-field { grid-template-columns: minmax(0, 1fr); gap: .2rem; }
}
@keyframes reveal { from { background: color-mix(in srgb, var(--accent) 22%, transparent); } to { background: transparent; } }
@keyframes appear { from { opacity: 0; } to { opacity: 1; } }
@keyframes blink { 50% { opacity: 0; } }
@keyframes pulse { 50% { opacity: .35; } }
@keyframes spin { to { rotate: 360deg; } }
/* Phones zoom into a field whose letters are smaller, and out of it never. */
@media (pointer: coarse) {
    :is(input, textarea, select):not([type=checkbox]) { font-size: max(16px, 1rem) !important; }
}
@media (prefers-reduced-motion: reduce) {
    *, ::before, ::after { animation-duration: .01ms !important; animation-iteration-count: 1 !important; transition: none !important; }
    .spinner { border-style: dotted; }
}
@media (forced-colors: active) {
    .dot, .tick, .tick-mark { forced-color-adjust: none; }
    .user .text, .new, .primary, .danger, .bubble, .popup button:focus, .conversation[aria-current], .send { border: 1px solid ButtonText; }
    .judgement [aria-pressed=true] { color: HighlightText; background: Highlight; forced-color-adjust: none; }
    .send:disabled { color: GrayText; border-color: GrayText; }
}
@media print {
    :host { height: auto !important; }
    .sidebar, .composer, .menu, .banner, .to-latest, .message-tools, .copy, .connection { display: none !important; }
    .shell { display: block; overflow: visible; }
    .stage, .transcript, .scroller { position: static; height: auto; overflow: visible; }
    .frame { height: auto; container-type: normal; }
    [data-far] { content-visibility: visible !important; }
    .message, .tool { break-inside: avoid; }
}
`;

const launcherCSS = `
:host { position: fixed; inset-block-end: 1.25rem; inset-inline-end: 1.25rem; z-index: 2147483000; display: block; width: auto; height: auto; min-height: 0; background: none; }
.bubble { position: relative; display: grid; place-items: center; width: 3.5rem; height: 3.5rem; border-radius: 50%; color: var(--on-accent); background: var(--accent); box-shadow: 0 4px 16px rgb(0 0 0 / 25%); }
.bubble .icon { width: 1.7rem; height: 1.7rem; }
.badge { position: absolute; inset-block-start: -.15rem; inset-inline-end: -.15rem; min-width: 1.35rem; padding: 0 .35rem; border-radius: 1rem; color: var(--surface); background: var(--bad); font-size: .78rem; font-weight: 700; line-height: 1.35rem; text-align: center; }
.panel { position: fixed; inset: auto 1.25rem 5.5rem auto; margin: 0; padding: 0; width: 24rem; height: min(38rem, calc(100vh - 7rem)); max-width: none; max-height: none; border: 1px solid var(--line); border-radius: 1rem; color: var(--text); background: var(--ground); box-shadow: 0 8px 40px rgb(0 0 0 / 25%); overflow: hidden; }
.panel:dir(rtl) { inset: auto auto 5.5rem 1.25rem; }
.panel:modal { inset: 0; width: 100%; height: 100%; height: 100dvh; border: 0; border-radius: 0; }
.panel parley-chat { height: 100%; min-height: 0; }
.launcher-close { position: absolute; inset-block-start: .8rem; inset-inline-end: .8rem; display: none; place-items: center; width: 2rem; height: 2rem; border-radius: .5rem; color: var(--faint); background: var(--surface); }
.panel:modal .launcher-close { display: grid; }
`;

const taskCSS = `
:host { min-height: 10rem; }
.task-panel { display: flex; flex-direction: column; height: 100%; }
.task-panel > .faint { padding: 1rem 1.25rem; }
.task-panel header .link { font-size: .875rem; }
.tasks { flex: 1; min-height: 0; overflow-y: auto; padding: .25rem .75rem; }
.task-row { display: flex; align-items: center; gap: .6rem; min-height: 2.5rem; padding: .2rem .5rem; border-block-end: 1px solid var(--line); }
.task-row label { flex: 1; min-width: 0; display: flex; align-items: center; gap: .7rem; min-height: 2rem; overflow-wrap: anywhere; }
.task-row input[type=checkbox] { flex: none; width: 1.15rem; height: 1.15rem; margin: 0; accent-color: var(--accent); }
.task-edit { flex: 1; display: flex; flex-wrap: wrap; gap: .4rem; min-width: 0; }
.task-edit .rename { flex: 1 1 12rem; width: auto; min-width: 0; margin: 0; }
.task-row time[data-late] { color: var(--bad); }
.task-problem:not(:empty) { padding: .4rem 1.25rem; color: var(--bad); background: var(--bad-ground); font-size: .9rem; }
.task-form { display: flex; gap: .5rem; padding: .75rem; }
`;

export const styles = sheet(css);
export const launcherStyles = sheet(launcherCSS);
export const taskStyles = sheet(taskCSS);

function sheet(text) {
    const made = new CSSStyleSheet();
    made.replaceSync(text
        .replace(/(@container[^{]*\()([^)]*)(\))/g, (_, before, rule, after) =>
            before + rule.replace(/([\d.]+)rem/g, (_, length) => `${length * 16}px`) + after)
        .replace(/(?<![\w.-])(-?(?:\d*\.)?\d+)rem\b/g, "calc($1 * var(--rem))"));
    return made;
}
