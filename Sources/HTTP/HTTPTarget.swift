/// Decoding of a request target's path and query (RFC 3986 sections 2.1 and 3.3, and the form encoding's `+`).
enum HTTPTarget {
    /// Splits first, decodes then, so that `%2F` stays inside its segment. Nil when the encoding is not valid.
    static func segments(_ path: UnsafeRawBufferPointer) -> [String]? {
        var segments: [String] = []
        var start = path.first == UInt8(ascii: "/") ? 1 : 0
        guard start < path.count else { return segments }
        while start <= path.count {
            var end = start
            while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
            guard let segment = decode(path.part(start..<end), plusIsSpace: false) else { return nil }
            segments.append(segment)
            start = end + 1
        }
        return segments
    }

    /// Empty items (`a=1&&b=2`) are left out. Nil when the encoding is not valid.
    static func query(_ bytes: UnsafeRawBufferPointer) -> [HTTPQueryItem]? {
        var items: [HTTPQueryItem] = []
        var start = 0
        while start < bytes.count {
            var end = start
            var separator: Int?
            while end < bytes.count, bytes[end] != UInt8(ascii: "&") {
                if separator == nil, bytes[end] == UInt8(ascii: "=") { separator = end }
                end += 1
            }
            if end > start {
                let nameEnd = separator ?? end
                let valueStart = separator.map { $0 + 1 } ?? end
                guard let name = decode(bytes.part(start..<nameEnd), plusIsSpace: true),
                    let value = decode(bytes.part(valueStart..<end), plusIsSpace: true)
                else { return nil }
                items.append(HTTPQueryItem(name: name, value: value))
            }
            start = end + 1
        }
        return items
    }

    /// Nil for a percent sign without two hexadecimal digits, for NUL, and for what is not UTF-8.
    static func decode(_ bytes: UnsafeRawBufferPointer, plusIsSpace: Bool) -> String? {
        let percent = UInt8(ascii: "%")
        let plus = UInt8(ascii: "+")
        guard bytes.contains(where: { $0 == percent || (plusIsSpace && $0 == plus) }) else {
            return String(validating: bytes, as: UTF8.self)
        }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == percent {
                guard index + 1 < bytes.count, let high = HTTPByte.hexValue(bytes[index]),
                    let low = HTTPByte.hexValue(bytes[index + 1]), high + low > 0
                else { return nil }
                decoded.append(UInt8(high * 16 + low))
                index += 2
            } else {
                decoded.append(plusIsSpace && byte == plus ? HTTPByte.space : byte)
            }
        }
        return String(validating: decoded, as: UTF8.self)
    }
}
