import CZlib

/// The coding `gzip` of contents (RFC 9110 section 8.4.1.3, RFC 1952). Blocks for as long as it takes: for what is
/// compressed once and served often.
enum GzipCoding {
    static let name = "gzip"
    /// Below this the head of the coding takes what it saves.
    private static let smallest = 512

    /// The content in gzip's form; nil where that is not smaller.
    static func compressed(_ content: [UInt8]) -> [UInt8]? {
        guard content.count >= smallest, content.count <= Int(UInt32.max) else { return nil }
        var stream = z_stream()
        // 16 more than the window's bits: with gzip's head and tail (zlib.h).
        let began = deflateInit2_(
            &stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard began == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        var isWhole = false
        let result = content.withUnsafeBufferPointer { input in
            [UInt8](unsafeUninitializedCapacity: content.count) { output, count in
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                isWhole = deflate(&stream, Z_FINISH) == Z_STREAM_END
                count = output.count - Int(stream.avail_out)
            }
        }
        return isWhole && result.count < content.count ? result : nil
    }

    /// Whether fields of `Accept-Encoding` take it (RFC 9110 section 12.5.3).
    static func isAccepted(_ fields: [String]) -> Bool {
        var any = false
        for element in fields.flatMap({ $0.split(separator: ",") }) {
            let parts = element.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            guard let coding = parts.first else { continue }
            let isRefused = parts.dropFirst().contains { $0.hasPrefix("q=") && (Double($0.dropFirst(2)) ?? 1) <= 0 }
            if coding == name || coding == "x-gzip" { return !isRefused }
            if coding == "*" { any = !isRefused }
        }
        return any
    }
}
