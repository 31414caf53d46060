/// What a request may cost before it is refused. All values are bytes unless the name says otherwise.
///
/// Every bound is checked before the bytes it covers are awaited or stored.
package struct HTTPLimits: Sendable, Equatable {
    /// The request line without its CRLF. Over it: 414.
    package var requestLineBytes = 8 << 10
    /// Number of header fields. Over it: 431.
    package var headerCount = 64
    /// All header field lines together, each with its CRLF. Over it: 431.
    package var headerBytes = 32 << 10
    /// The decoded body. Over it: 413.
    package var bodyBytes = 1 << 20
    /// All chunk extensions of one body together. Over it: 400.
    package var chunkExtensionBytes = 4 << 10
    /// All trailer field lines of one body together. Over it: 431.
    package var trailerBytes = 8 << 10

    package init() {}
}
