import EventLoop
import Glibc
import Synchronization
import Testing

@Suite("Handing a listening socket over")
struct HandoverTests {
    /// A gateway's side: a listener that hands its socket over while it stops.
    private final class Old: Sendable {
        let test: TestLoop
        let listening: ListeningSocket
        let accepted = Record<Int32>()
        let replaced = Record<Bool>()
        private let stopping: Flag
        let offer: LoopBound<HandoverOffer>
        private let listener: LoopBound<Listener>

        private final class Flag: Sendable {
            let isSet = Atomic<Bool>(false)
        }

        init() throws {
            test = try TestLoop()
            listening = try ListeningSocket(host: "127.0.0.1", port: 0)
            let (loop, listening, accepted, replaced, stopping) = (
                test.loop, listening, accepted, replaced, Flag()
            )
            self.stopping = stopping
            listener = try test.run {
                LoopBound(try Listener(listening, on: loop) { accepted.append($0) }, on: loop)
            }
            offer = try test.run {
                let offer = HandoverOffer(
                    listening, on: loop, isStopping: { stopping.isSet.load(ordering: .relaxed) },
                    replaced: { replaced.append(true) })
                return LoopBound(try #require(offer), on: loop)
            }
        }

        func stop() { stopping.isSet.store(true, ordering: .relaxed) }

        func ask() -> HandoverRequest.Answer { HandoverRequest.ask(host: "127.0.0.1", port: listening.port) }

        func close() throws {
            let (offer, listener) = (offer, listener)
            try test.run {
                offer.value.close()
                listener.value.close()
            }
            listening.close()
            for descriptor in accepted.values { Glibc.close(descriptor) }
        }
    }

    @Test("one that serves keeps it; nobody has what nobody listens on")
    func kept() throws {
        let old = try Old()
        guard case .serving = old.ask() else { return #expect(Bool(false), "it did not say that it serves") }
        #expect(old.replaced.values.isEmpty)
        try old.close()
        guard case .nobody = old.ask() else { return #expect(Bool(false), "somebody answered") }
        guard case .nobody = HandoverRequest.ask(host: "127.0.0.1", port: 0) else {
            return #expect(Bool(false), "somebody answered for any port")
        }
    }

    @Test("one that stops gives the same socket away, and learns when the other is ready")
    func taken() throws {
        let old = try Old()
        old.stop()
        guard case .taken(let listening, let predecessor) = old.ask() else {
            return #expect(Bool(false), "it was not given away")
        }
        #expect(listening.port == old.listening.port)
        // Until then it accepts itself.
        let first = try #require(Parcel.connect(to: listening.port))
        #expect(old.accepted.wait(forCount: 1))
        #expect(old.replaced.values.isEmpty)
        predecessor.ready()
        #expect(old.replaced.wait(forCount: 1))
        try old.close()

        // What comes in between waits for the new one.
        let second = try #require(Parcel.connect(to: listening.port))
        let new = try TestLoop()
        let (loop, accepted) = (new.loop, Record<Int32>())
        let listener = try new.run { LoopBound(try Listener(listening, on: loop) { accepted.append($0) }, on: loop) }
        #expect(accepted.wait(forCount: 1))
        try new.run { listener.value.close() }
        listening.close()
        for descriptor in [first, second] + accepted.values { close(descriptor) }
        #expect(old.replaced.values.count == 1)
    }

    @Test("one that asked and went away has changed nothing")
    func abandoned() throws {
        let old = try Old()
        old.stop()
        for _ in 0..<20 {
            guard case .taken(let listening, let predecessor) = old.ask() else {
                return #expect(Bool(false), "it was not given away")
            }
            listening.close()
            predecessor.abandon()
        }
        try old.test.turn()
        #expect(old.replaced.values.isEmpty)
        let client = try #require(Parcel.connect(to: old.listening.port))
        #expect(old.accepted.wait(forCount: 1))
        close(client)
        try old.close()
    }

    @Test("who waits to be accepted at the end is accepted")
    func behindWaiting() throws {
        let test = try TestLoop()
        let loop = test.loop
        let listening = try ListeningSocket(host: "127.0.0.1", port: 0)
        let accepted = Record<Int32>()
        let clients = Record<Int32>()
        try test.run {
            let listener = try Listener(listening, on: loop) { accepted.append($0) }
            for _ in 0..<100 { Parcel.connect(to: listening.port).map { clients.append($0) } }
            listener.closeBehindWaiting()
        }
        #expect(accepted.values.count == 100)
        listening.close()
        for descriptor in clients.values + accepted.values { close(descriptor) }
    }
}
