import HTTP

/// The libraries that the widget loads from below `/lib/`: Markdown's tokens, code's colours, and mathematics. They are
/// Debian's (libjs-marked, node-prismjs, libjs-katex), read when the gateway starts and held in memory, 0.8 MB in all.
///
/// The list is fixed: no other file of the machine is served. Where one is missing the widget shows text as it is.
enum WidgetLibraries {
    /// Where Debian's packages put them. `WIDGET_LIBRARIES` names another place, or `none`.
    static let defaultDirectory = "/usr/share"
    static let none = "none"

    static let modules = [
        StaticModule(
            "lib/marked.js", prologue: "const exports = {}, module = { exports };\n",
            parts: ["javascript/marked/marked.umd.min.js"], epilogue: "export default exports;\n"),
        // Without a window it touches no document; `module` keeps it from a global of its own.
        StaticModule(
            "lib/prism.js", prologue: "const window = undefined, module = { exports: {} };\n",
            parts: (["core"] + languages).map { "nodejs/prismjs/components/prism-\($0).min.js" },
            epilogue: "export default Prism;\n"),
        StaticModule("lib/katex.js", parts: ["javascript/katex/katex.mjs"]),
    ]

    /// Each behind those that it builds on.
    private static let languages = [
        "markup", "css", "clike", "javascript", "c", "cpp", "csharp", "java", "kotlin", "scala", "swift", "go", "rust",
        "dart", "python", "ruby", "markup-templating", "php", "bash", "powershell", "sql", "graphql", "json", "yaml",
        "toml", "ini", "diff", "docker", "markdown", "typescript", "jsx", "tsx", "lua", "r", "perl", "haskell",
        "elixir", "makefile", "latex", "nginx", "http",
    ]
}
