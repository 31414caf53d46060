/// What a request path may name below a directory, and what its name says of the content. Pure.
package enum StaticFilePath {
    /// The path below the directory, or nil when it can't name a servable file. An empty last segment (`/`, `/docs/`)
    /// stands for `index.html`.
    ///
    /// Refused: empty segments elsewhere, everything that begins with a dot (so `.`, `..` and hidden files), slashes
    /// and backslashes that were encoded, control characters.
    package static func relative(_ segments: [String]) -> String? {
        var path = ""
        for (position, segment) in segments.enumerated() {
            let isLast = position == segments.count - 1
            let name = isLast && segment.isEmpty ? "index.html" : segment
            guard isServable(name) else { return nil }
            if !path.isEmpty { path += "/" }
            path += name
        }
        if path.isEmpty { path = "index.html" }
        return path.utf8.count <= maximumBytes ? path : nil
    }

    /// Below PATH_MAX with room for the directory.
    private static let maximumBytes = 1024

    static func isServable(_ name: String) -> Bool {
        guard let first = name.utf8.first, first != UInt8(ascii: "."), name.utf8.count <= 255 else { return false }
        return name.utf8.allSatisfy { byte in
            byte >= 0x20 && byte != 0x7F && byte != UInt8(ascii: "/") && byte != UInt8(ascii: "\\")
        }
    }

    /// By the name's ending; unknown ones are bytes that a browser downloads.
    package static func contentType(_ path: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        guard let dot = name.lastIndex(of: ".") else { return "application/octet-stream" }
        return switch name[name.index(after: dot)...].lowercased() {
        case "html", "htm": "text/html; charset=utf-8"
        case "js", "mjs": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "json", "map": "application/json"
        case "webmanifest": "application/manifest+json"
        case "txt", "ts": "text/plain; charset=utf-8"
        case "md": "text/markdown; charset=utf-8"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "jpg", "jpeg": "image/jpeg"
        case "gif": "image/gif"
        case "webp": "image/webp"
        case "ico": "image/x-icon"
        case "woff2": "font/woff2"
        case "wasm": "application/wasm"
        default: "application/octet-stream"
        }
    }

    /// Whether contents of this type are written in words, and so get smaller when they are compressed.
    static func isText(_ contentType: String) -> Bool {
        contentType.hasPrefix("text/")
            || ["application/json", "application/manifest+json", "image/svg+xml", "application/wasm"].contains(
                contentType)
    }
}
