/// What all connections of one loop share: the handler, the bounds, the date of the second and a buffer to encode in.
/// Confined to the loop.
package final class HTTPServerContext {
    package let settings: HTTPServerSettings
    /// Kept alive by its owner, which outlives the connections.
    package let handler: any HTTPHandler
    private let wallClock: () -> Int
    private var dates = HTTPDateCache()
    /// Scratch space for one head or chunk at a time.
    var scratch: [UInt8] = []

    /// - Parameter wallClock: seconds since 1970.
    package init(handler: any HTTPHandler, settings: HTTPServerSettings, wallClock: @escaping () -> Int) {
        self.handler = handler
        self.settings = settings
        self.wallClock = wallClock
    }

    var date: [UInt8] { dates.bytes(secondsSince1970: wallClock()) }
}
