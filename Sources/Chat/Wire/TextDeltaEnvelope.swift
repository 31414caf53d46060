import JSON
import Glibc

/// What all text deltas of a message have in common, so that a token is its JSON with two copies, the escaped text and
/// a number:
///
/// ```
/// {"type":"TEXT_MESSAGE_CONTENT","messageId":"…","delta":"  text  ","metadata":{"parley":{…,"cursor":"EPOCH.  number  "}}}
/// ```
package struct TextDeltaEnvelope: Sendable {
    package let message: Identifier
    /// What stands before the text, and behind it what stands before the position.
    private let bytes: [UInt8]
    private let headCount: Int
    private static let end: StaticString = #""}}}"#
    /// The digits of the largest position.
    private static let mostDigits = 20

    package init(message: Identifier, threadID: Identifier, epoch: String) {
        self.message = message
        var bytes: [UInt8] = []
        bytes.reserveCapacity(192 + epoch.utf8.count)
        bytes.append(#"{"type":"TEXT_MESSAGE_CONTENT","messageId":""#)
        message.append(to: &bytes)
        bytes.append(#"","delta":""#)
        headCount = bytes.count
        bytes.append(#"","metadata":{"parley":{"threadId":""#)
        threadID.append(to: &bytes)
        bytes.append(#"","cursor":""#)
        bytes.append(contentsOf: epoch.utf8)
        bytes.append(".")
        self.bytes = bytes
    }

    /// Room that is enough for a delta of so many bytes.
    package func room(for count: Int) -> Int {
        bytes.count + count * JSONEscape.mostBytes + Self.mostDigits + Self.end.utf8CodeUnitCount
    }

    /// Writes the event of a delta, which is a whole number of characters.
    ///
    /// - Parameter space: as much as `room` says, or more.
    /// - Returns: the bytes written.
    package func write(
        _ delta: UnsafeBufferPointer<UInt8>, endingAt position: UInt64, to space: UnsafeMutableRawBufferPointer
    ) -> Int {
        guard let start = space.baseAddress?.assumingMemoryBound(to: UInt8.self), space.count >= room(for: delta.count)
        else { return 0 }
        var next = start
        bytes.withUnsafeBufferPointer { bytes in
            guard let common = bytes.baseAddress else { return }
            memcpy(next, common, headCount)
            next += headCount
            if let text = delta.baseAddress {
                var index = 0
                while index < delta.count {
                    let plain = JSONEscape.plainCount(delta, from: index)
                    memcpy(next, text + index, plain)
                    next += plain
                    index += plain
                    guard index < delta.count else { break }
                    next += JSONEscape.write(text[index], to: next)
                    index += 1
                }
            }
            memcpy(next, common + headCount, bytes.count - headCount)
            next += bytes.count - headCount
        }
        next += Self.write(decimal: position, to: next)
        memcpy(next, Self.end.utf8Start, Self.end.utf8CodeUnitCount)
        return next - start + Self.end.utf8CodeUnitCount
    }

    private static func write(decimal value: UInt64, to space: UnsafeMutablePointer<UInt8>) -> Int {
        var (count, bound) = (1, UInt64(10))
        while value >= bound, count < mostDigits {
            count += 1
            bound = count < mostDigits ? bound &* 10 : .max
        }
        var (rest, index) = (value, count)
        while index > 0 {
            index -= 1
            space[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return count
    }
}
