/// A script module that is put together from files that lie elsewhere on the machine, and served as if it were one file.
///
/// Libraries come in forms of before modules (they fill `exports`, or a global): a prologue and an epilogue make them
/// modules, which then leave nothing behind in the page that they are loaded into.
package struct StaticModule: Sendable {
    /// Where it is served: a path as `StaticFilePath.relative` makes them.
    package let path: String
    package let prologue: String
    /// Below the directory of the modules, joined in this order by line breaks.
    package let parts: [String]
    package let epilogue: String

    package init(_ path: String, prologue: String = "", parts: [String], epilogue: String = "") {
        self.path = path
        self.prologue = prologue
        self.parts = parts
        self.epilogue = epilogue
    }

    /// The whole module; nil when a part is missing, is over `limit` bytes, or lies outside `root`. Blocks.
    func file(from root: StaticFileRoot, limit: Int) -> StaticFiles.File? {
        var content = Array(prologue.utf8)
        var newest: StaticFileStamp?
        for part in parts {
            guard case .read(let bytes, let stamp) = root.read(part, limit: limit, unlessStampIs: nil) else {
                return nil
            }
            content += bytes
            content.append(UInt8(ascii: "\n"))
            newest = stamp
        }
        guard let newest else { return nil }
        content += epilogue.utf8
        return StaticFiles.File(content: content, contentType: "text/javascript; charset=utf-8", stamp: newest)
    }
}
