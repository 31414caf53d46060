import Dispatch
package import EventLoop
package import HTTPTypes
import Strings
import Synchronization

/// Serves the files of one directory: GET and HEAD, strong ETags, texts compressed for whom that is right, nothing outside
/// the directory and nothing hidden.
///
/// The loop never waits for the disk. A file that was checked within `revalidateAfter` comes from a bounded cache;
/// any other is looked at, and read if it has changed, on a queue of its own, and answered on the loop afterwards.
package final class StaticFiles: Sendable {
    package struct Settings: Sendable {
        /// Larger files are not served (404).
        package var fileBytes = 8 << 20
        /// Content kept in memory, for all loops together.
        package var cacheBytes = 32 << 20
        package var cacheFiles = 512
        /// Whether the script at a path is served without its comments and its indentation.
        package var compactsScript: @Sendable (_ path: String) -> Bool = { _ in false }
        /// Nanoseconds for which a cached file is served unseen.
        package var revalidateAfter: UInt64 = 1_000_000_000
        /// Scripts and styles only from here, none inline; connections only to this server.
        package var contentSecurityPolicy =
            "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; object-src 'none'; "
            + "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"

        package init() {}
    }

    /// A file as it is answered.
    package struct File: Sendable {
        package let content: [UInt8]
        /// In gzip's form, where that is smaller.
        let gzipped: [UInt8]?
        package let contentType: String
        /// With its quotes.
        package let eTag: String
        let stamp: StaticFileStamp

        /// Compresses; blocks for some milliseconds.
        init(content: [UInt8], contentType: String, stamp: StaticFileStamp) {
            self.content = content
            self.contentType = contentType
            self.stamp = stamp
            gzipped = StaticFilePath.isText(contentType) ? GzipCoding.compressed(content) : nil
            eTag = StaticFiles.eTag(content)
        }

        var bytes: Int { content.count + (gzipped?.count ?? 0) }
        /// Another representation has another strong tag (RFC 9110 section 8.8.3).
        var gzippedETag: String { eTag.dropLast() + "-" + GzipCoding.name + "\"" }
    }

    private struct Cached {
        var file: File
        var checkedAt: UInt64
        var usedAt: UInt64
    }

    private struct Cache {
        var files: [ExactString: Cached] = [:]
        var bytes = 0
    }

    private let root: StaticFileRoot
    private let settings: Settings
    /// By path: before anything in the directory.
    private let modules: [ExactString: File]
    /// The paths of those that could not be put together.
    package let missingModules: [String]
    private let cache = Mutex(Cache())
    private let queue = DispatchQueue(label: "parley.files", qos: .utility)

    /// - Parameters:
    ///   - modules: read here and now, and held for good: a change of their files is seen at the next start.
    ///   - moduleDirectory: where the parts of the modules are; one that can't be resolved has none of them.
    /// - Throws: when the directory can't be resolved.
    package init(
        directory: String, modules: [StaticModule] = [], from moduleDirectory: String = "",
        settings: Settings = Settings()
    ) throws(SystemError) {
        root = try StaticFileRoot(directory)
        self.settings = settings
        let moduleRoot = modules.isEmpty ? nil : try? StaticFileRoot(moduleDirectory)
        var files: [ExactString: File] = [:]
        var missing: [String] = []
        for module in modules {
            if let file = moduleRoot.flatMap({ module.file(from: $0, limit: settings.fileBytes) }) {
                files[ExactString(module.path)] = file
            } else {
                missing.append(module.path)
            }
        }
        self.modules = files
        missingModules = missing
    }

    /// Answers `request` from the directory, at once or after the file was read. To be called on `loop`.
    package func respond(to request: HTTPServerRequest, _ responder: HTTPResponder, on loop: EventLoop) {
        guard request.method == .get || request.method == .head else {
            responder.respond(
                HTTPResponse(
                    status: .methodNotAllowed,
                    headerFields: [.allow: "GET, HEAD, OPTIONS", .contentType: "application/json"]),
                body: APIErrorBody.json(.invalidOp, "Only GET and HEAD are possible here."))
            return
        }
        guard let path = StaticFilePath.relative(request.segments) else {
            responder.respond(error: .notFound, "There is nothing here.")
            return
        }
        if let file = modules[ExactString(path)] ?? cached(path, now: loop.now) {
            answer(request, file, responder)
            return
        }
        let now = loop.now
        let waiting = LoopBound((request, responder), on: loop)
        queue.async {
            let file = self.load(path, now: now)
            loop.execute {
                let (request, responder) = waiting.value
                self.answer(request, file, responder)
            }
        }
    }

    /// The file at a path of decoded segments, read or revalidated now; blocks. Nil when there is none to be served.
    package func file(_ segments: [String], now: UInt64) -> File? {
        guard let path = StaticFilePath.relative(segments) else { return nil }
        return modules[ExactString(path)] ?? cached(path, now: now) ?? load(path, now: now)
    }

    /// The answer for a file: 200, or 304 when `ifNoneMatch` names its ETag (RFC 9110 section 13.1.2); compressed for whom
    /// `acceptEncoding` says that it can be.
    package func response(
        for file: File, ifNoneMatch: [String], acceptEncoding: [String] = []
    ) -> (HTTPResponse, body: [UInt8]) {
        let gzipped = GzipCoding.isAccepted(acceptEncoding) ? file.gzipped : nil
        var fields: HTTPFields = [
            .eTag: gzipped == nil ? file.eTag : file.gzippedETag,
            .cacheControl: "no-cache",
            .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: settings.contentSecurityPolicy,
        ]
        if file.gzipped != nil { fields[.vary] = "Accept-Encoding" }
        if let name = HTTPField.Name("Referrer-Policy") { fields[name] = "same-origin" }
        if ifNoneMatch.contains(where: { EntityTag.matches($0, file.eTag) }) {
            return (HTTPResponse(status: .notModified, headerFields: fields), [])
        }
        fields[.contentType] = file.contentType
        if gzipped != nil { fields[.contentEncoding] = GzipCoding.name }
        return (HTTPResponse(status: .ok, headerFields: fields), gzipped ?? file.content)
    }

    private func answer(_ request: HTTPServerRequest, _ file: File?, _ responder: HTTPResponder) {
        guard let file else {
            responder.respond(error: .notFound, "There is nothing here.")
            return
        }
        let (response, body) = response(
            for: file, ifNoneMatch: request.headers.values("if-none-match"),
            acceptEncoding: request.headers.values("accept-encoding"))
        responder.respond(response, body: body)
    }

    // MARK: The cache

    private func cached(_ path: String, now: UInt64) -> File? {
        cache.withLock { cache in
            guard let entry = cache.files[ExactString(path)], now < entry.checkedAt + settings.revalidateAfter else {
                return nil
            }
            cache.files[ExactString(path)]?.usedAt = now
            return entry.file
        }
    }

    private func load(_ path: String, now: UInt64) -> File? {
        let known = cache.withLock { $0.files[ExactString(path)]?.file }
        let file = root.read(path, limit: settings.fileBytes, unlessStampIs: known?.stamp)
        switch file {
        case .unchanged:
            cache.withLock { $0.files[ExactString(path)]?.checkedAt = now }
            return known
        case .none:
            cache.withLock { cache in
                if let gone = cache.files.removeValue(forKey: ExactString(path)) {
                    cache.bytes -= gone.file.bytes
                }
            }
            return nil
        case .read(let content, let stamp):
            let file = File(
                content: settings.compactsScript(path) ? ScriptCompaction.compacted(content) : content,
                contentType: StaticFilePath.contentType(path), stamp: stamp)
            store(file, path, now)
            return file
        }
    }

    private func store(_ file: File, _ path: String, _ now: UInt64) {
        cache.withLock { cache in
            if let old = cache.files.removeValue(forKey: ExactString(path)) { cache.bytes -= old.file.bytes }
            guard file.bytes <= settings.cacheBytes, settings.cacheFiles > 0 else { return }
            while cache.files.count >= settings.cacheFiles
                || cache.bytes + file.bytes > settings.cacheBytes
            {
                guard let oldest = cache.files.min(by: { $0.value.usedAt < $1.value.usedAt }) else { break }
                cache.files[oldest.key] = nil
                cache.bytes -= oldest.value.file.bytes
            }
            cache.files[ExactString(path)] = Cached(file: file, checkedAt: now, usedAt: now)
            cache.bytes += file.bytes
        }
    }

    /// Of the content alone, so that it is the same on every machine: length and 64 bits of FNV-1a. It guards against
    /// stale copies, not against forgery.
    static func eTag(_ content: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in content { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return "\"\(String(content.count, radix: 16))-\(String(hash, radix: 16))\""
    }
}
