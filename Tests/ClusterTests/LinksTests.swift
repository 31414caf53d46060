import Cluster
import EventLoop
import Foundation
import Synchronization
import Testing

/// Links over a server of NATS.
@Suite(.serialized) struct LinksTests {
    /// A shard with its carrier and links, and what happened.
    ///
    /// `@unchecked Sendable`: `carrier` and `links` are used on the loop.
    private final class Shard: @unchecked Sendable {
        let loop: EventLoop
        let address: ClusterAddress
        private var carrier: Carrier?
        private var links: Links?
        private let heard = Mutex((isUp: false, messages: 0, events: [Links.Event]()))

        init(_ options: CarrierOptions, _ node: String, knows: Set<String> = ["a", "b"]) throws {
            loop = try EventLoop(label: node)
            address = ClusterAddress(node: node, shard: 1)
            loop.start()
            loop.execute { self.begin(options, knows) }
        }

        private func begin(_ options: CarrierOptions, _ knows: Set<String>) {
            let links = Links(
                as: address, on: loop, last: 1,
                publish: { [weak self] in self?.carrier?.publish($0, to: $1) ?? false },
                isKnown: { knows.contains($0.node) },
                happened: { [weak self] event in self?.heard.withLock { $0.events.append(event) } })
            self.links = links
            carrier = Carrier(
                options, as: address, on: loop,
                received: { [weak self] bytes in
                    self?.heard.withLock { $0.messages += 1 }
                    links.received(bytes)
                },
                happened: { [weak self] event in
                    if case .nobody(let other) = event { links.nobody(at: other) }
                    self?.heard.withLock { if event == .up { $0.isUp = true } }
                })
            carrier?.start()
        }

        var isUp: Bool { heard.withLock { $0.isUp } }
        var events: [Links.Event] { heard.withLock { $0.events } }
        var messages: Int { heard.withLock { $0.messages } }
        var frames: [LinkFrame] { events.compactMap { if case .frame(let frame, _) = $0 { frame } else { nil } } }

        func open(_ other: ClusterAddress, _ frames: [LinkFrame] = []) {
            loop.execute { [self] in
                _ = links?.open(other)
                for frame in frames { links?.send(frame, to: .init(.edge, other)) }
            }
        }

        func send(_ frames: [LinkFrame], _ role: LinkMachine.Role, _ other: ClusterAddress) {
            loop.execute { [self] in for frame in frames { links?.send(frame, to: .init(role, other)) } }
        }

        func stop() {
            let done = DispatchSemaphore(value: 0)
            loop.execute { [self] in
                links?.stop()
                carrier?.stop()
                (links, carrier) = (nil, nil)
                done.signal()
            }
            done.wait()
            loop.stop()
        }
    }

    private static func options(_ server: NatsServer) throws -> CarrierOptions {
        try CarrierOptions(urls: "nats://127.0.0.1:\(server.port)", cluster: "main")
    }

    private static func attach(_ socket: UInt32) -> LinkFrame {
        .attach(socket: socket, LinkAttachment(userID: "u"))
    }

    @Test("each is the edge of its own sockets, and what a tick says is one message")
    func both() throws {
        let server = try NatsServer()
        let (a, b) = try (Shard(Self.options(server), "a"), Shard(Self.options(server), "b"))
        defer {
            a.stop()
            b.stop()
        }
        eventually { a.isUp && b.isUp }
        let said = (0..<100).map { LinkFrame.command(socket: $0, isLast: true, bytes: [UInt8(truncatingIfNeeded: $0)]) }
        a.open(b.address, [Self.attach(1)] + said)
        eventually { b.frames == [Self.attach(1)] + said }
        #expect(b.messages == 1 && b.events.first == .begins(.init(.owner, a.address)))
        b.open(a.address, [Self.attach(2)])
        let large = (0..<20).map {
            LinkFrame.output(socket: $0, isLast: true, bytes: Array(repeating: 1, count: 100 << 10))
        }
        b.send(large, .owner, a.address)
        eventually { a.frames.count == large.count + 1 }
        #expect(a.events.filter { $0 == .frame(Self.attach(2), .init(.owner, b.address)) }.count == 1)
        #expect(a.frames.filter { $0 != Self.attach(2) } == large, "in order and whole, in several messages")
        // What only an owner says is not believed of an edge.
        a.send([.close(socket: 1, code: 1012, reason: ""), .detach(socket: 1)], .edge, b.address)
        eventually { b.frames.last == .detach(socket: 1) }
        #expect(b.frames.count == said.count + 2)
    }

    @Test("the server goes and comes back: the edge begins anew by itself, and what follows arrives")
    func restart() throws {
        let server = try NatsServer()
        let (a, b) = try (Shard(Self.options(server), "a"), Shard(Self.options(server), "b"))
        defer {
            a.stop()
            b.stop()
        }
        eventually { a.isUp && b.isUp }
        a.open(b.address)
        eventually { b.events == [.begins(.init(.owner, a.address))] }
        server.kill()
        a.send([.detach(socket: 1)], .edge, b.address)
        try server.start()
        eventually { b.events.count { $0 == .begins(.init(.owner, a.address)) } > 1 }
        a.send([.detach(socket: 2)], .edge, b.address)
        eventually { b.frames.contains(.detach(socket: 2)) }
        #expect(!b.frames.contains(.detach(socket: 1)))
    }

    @Test("an owner that goes is missed, by name, and who is no gateway of the cluster is not heard")
    func gone() throws {
        let server = try NatsServer()
        let (a, b, c) = try (
            Shard(Self.options(server), "a"), Shard(Self.options(server), "b"), Shard(Self.options(server), "c")
        )
        defer {
            a.stop()
            c.stop()
        }
        eventually { a.isUp && b.isUp && c.isUp }
        c.open(b.address, [Self.attach(9)])
        a.open(b.address, [Self.attach(1)])
        eventually { b.frames == [Self.attach(1)] }
        #expect(!b.events.contains(.begins(.init(.owner, c.address))))
        b.stop()
        a.send([.detach(socket: 1)], .edge, b.address)
        eventually { a.events.last == .ends(.init(.edge, b.address), isNobody: true) }
    }
}
