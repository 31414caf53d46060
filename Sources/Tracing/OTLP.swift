import JSON

/// OTLP's JSON (OpenTelemetry protocol 1.x, "JSON Protobuf Encoding"): ids in hexadecimal, 64-bit numbers as strings.
package enum OTLP {
    /// An `ExportTraceServiceRequest`.
    package static func request(
        _ spans: [Span.Record], resource: [(key: String, value: String)]
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512 + spans.count * 512)
        bytes.append(#"{"resourceSpans":[{"resource":{"attributes":["#)
        for (index, attribute) in resource.enumerated() {
            if index > 0 { bytes.append(",") }
            bytes.append(attribute.key, .text(attribute.value))
        }
        bytes.append(#"]},"scopeSpans":[{"scope":{"name":"parley"},"spans":["#)
        for (index, span) in spans.enumerated() {
            if index > 0 { bytes.append(",") }
            bytes.append(span)
        }
        bytes.append("]}]}]}")
        return bytes
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ span: Span.Record) {
        append(#"{"traceId":""#)
        append(contentsOf: span.context.traceID.utf8)
        append(#"","spanId":""#)
        append(contentsOf: span.context.spanID.utf8)
        if let parent = span.parent {
            append(#"","parentSpanId":""#)
            append(contentsOf: TraceContext.hex(parent).utf8)
        }
        if let state = span.context.state {
            append(#"","traceState":""#)
            append(jsonEscaped: state)
        }
        append(#"","flags":1,"name":"#)
        append(jsonString: span.name)
        append(#","kind":"#)
        append(decimal: span.kind.rawValue)
        append(#","startTimeUnixNano":""#)
        append(decimal: span.start)
        append(#"","endTimeUnixNano":""#)
        append(decimal: span.end)
        append(#"","attributes":["#)
        for (index, attribute) in span.attributes.enumerated() {
            if index > 0 { append(",") }
            append(attribute.key, attribute.value)
        }
        append(#"],"status":{"#)
        if span.hasFailed { append(#""code":2"#) }
        append("}}")
    }

    fileprivate mutating func append(_ key: String, _ value: Span.Value) {
        append(#"{"key":"#)
        append(jsonString: key)
        append(#","value":{"#)
        switch value {
        case .text(let text):
            append(#""stringValue":"#)
            append(jsonString: text)
        case .number(let number):
            append(#""intValue":""#)
            append(decimal: number)
            append(#"""#)
        }
        append("}}")
    }
}
