import EventLoop
import Glibc
import Testing

@Suite("Socket")
struct SocketTests {
    @Test("what a tick writes leaves in one send when it ends")
    func oneSend() throws {
        let test = try TestLoop()
        let pair = try Pair(kind: SOCK_SEQPACKET)
        let owned = try Owned(pair.near, on: test)
        let count = try test.run {
            let socket = owned.socket.value
            socket.write(Array("one ".utf8))
            socket.write(Array("two ".utf8))
            socket.write(Array("three".utf8))
            return socket.outboundCount
        }
        #expect(count == 13)
        #expect(pair.receive() == "one two three")
        try test.run { _ = owned.socket.value.write(Array("four".utf8)) }
        #expect(pair.receive() == "four")
        #expect(try test.run { owned.socket.value.outboundCount } == 0)
        pair.close()
        try test.run { owned.socket.value.close() }
    }

    @Test("of many sockets that write in one tick the first have sent while the others are read, each once")
    func sendsWithinTick() throws {
        let test = try TestLoop()
        let atOnce = EventLoop.sendersAtOnce
        let pairs = try (0...(2 * atOnce)).map { _ in try Pair(kind: SOCK_SEQPACKET) }
        let owned = try pairs.map { try Owned($0.near, on: test) }
        let (order, sent, closed) = (Record<Int>(), Record<Int>(), Record<Int>())
        try test.run {
            for (index, pair) in pairs.enumerated() {
                owned[index].owner?.onReceive = { socket in
                    order.append(index)
                    socket.write(Array("one ".utf8))
                    socket.write(Array("two".utf8))
                    let order = order.values
                    if order.count == 1 { socket.close() }
                    guard order.count == pairs.count else { return }
                    var byte: UInt8 = 0
                    for place in order where recv(pairs[place].far, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) > 0 {
                        sent.append(place)
                    }
                    for place in order where owned[place].heard.values.contains(.closed) { closed.append(place) }
                }
                // The loop has not looked yet, so that it finds all of them at once.
                pair.send("x")
            }
        }
        #expect(owned[0].heard.wait(forCount: 1))
        try test.turn()
        #expect(order.values.count == pairs.count)
        #expect(sent.values == Array(order.values[1..<(2 * atOnce)]))
        // That a socket is closed is heard at the end of the tick all the same.
        #expect(closed.values == [])
        let first = try #require(order.values.first)
        #expect(owned[first].heard.values == [.received("x"), .closed])
        for (index, pair) in pairs.enumerated() {
            #expect(pair.receive() == (index == first ? "" : "one two"))
            try test.run { owned[index].socket.value.close() }
            pair.close()
        }
    }

    @Test("a write that would pass the bound takes nothing")
    func bound() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test, limit: 10)
        let taken = try test.run {
            [11, 6, 5, 4, 1, 0].map { owned.socket.value.write([UInt8](repeating: 120, count: $0)) }
        }
        #expect(taken == [false, true, false, true, false, true])
        #expect(pair.receive() == "xxxxxxxxxx")
        try test.run { owned.socket.value.close() }
        #expect(try test.run { owned.socket.value.write([1]) } == false)
        pair.close()
    }

    @Test("two parts are taken in their order or not at all")
    func parts() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test, limit: 10)
        let taken = try test.run {
            [("ab", "cdefghijk"), ("ab", "cdef"), ("gh", "ijk"), ("gh", ""), ("", "i"), ("j", "k"), ("", "j")].map {
                (head: String, body: String) in
                let (head, body) = (Array(head.utf8), Array(body.utf8))
                return head.withUnsafeBytes { head in body.withUnsafeBytes { owned.socket.value.write(head, $0) } }
            }
        }
        #expect(taken == [false, true, false, true, true, false, true])
        #expect(pair.receive() == "abcdefghij")
        try test.run { owned.socket.value.close() }
        #expect(try test.run { [1].withUnsafeBytes { owned.socket.value.write($0, $0) } } == false)
        pair.close()
    }

    @Test("what the kernel does not take waits within the bound, leaves in order, and then it is drained, once")
    func drained() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        try test.run { _ = owned.socket.value.write(bytes) }
        #expect(try test.run { owned.socket.value.isBlocked })
        #expect(try test.run { owned.socket.value.write(bytes) } == false)
        var received: [UInt8] = []
        while received.count < bytes.count, let part = Parcel.receiveBytes(from: pair.far, 1 << 16), !part.isEmpty {
            received += part
        }
        #expect(received == bytes)
        #expect(owned.heard.wait(forCount: 1))
        try test.turn()
        #expect(owned.heard.values == [.drained])
        #expect(try test.run { owned.socket.value.isBlocked } == false)
        try test.run { owned.socket.value.close() }
        pair.close()
    }

    @Test("more that is written while it is blocked keeps its order and the buffer its bound")
    func writesWhileBlocked() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test, limit: 400_000)
        var written: [UInt8] = []
        var received: [UInt8] = []
        for round in 0..<40 {
            let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &+ round) }
            if try test.run({ owned.socket.value.write(bytes) }) { written += bytes }
            #expect(try test.run { owned.socket.value.outboundCount } <= 400_000)
            if round % 2 == 0, let part = Parcel.receiveBytes(from: pair.far, 1 << 16) { received += part }
        }
        while received.count < written.count, let part = Parcel.receiveBytes(from: pair.far, 1 << 16), !part.isEmpty {
            received += part
        }
        #expect(received == written)
        try test.run { owned.socket.value.close() }
        pair.close()
    }

    @Test("a paused socket hears nothing until it is resumed")
    func pause() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        try test.run { owned.socket.value.pauseReading() }
        pair.send("held")
        try test.turn()
        #expect(owned.heard.values == [])
        try test.run { owned.socket.value.resumeReading() }
        #expect(owned.heard.wait(forCount: 1))
        #expect(owned.heard.values == [.received("held")])
        try test.run { owned.socket.value.close() }
        pair.close()
    }

    @Test("it may be paused and closed from within what it receives")
    func pauseWithinReceive() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        try test.run { owned.owner?.onReceive = { $0.pauseReading() } }
        // More than the loop's buffer, so that it would be read on in the same tick.
        DispatchSend.background(pair.far, count: 150_000)
        #expect(owned.heard.wait(forCount: 1))
        try test.turn()
        #expect(owned.heard.values.count == 1)
        try test.run {
            owned.owner?.onReceive = { $0.close() }
            owned.socket.value.resumeReading()
        }
        #expect(owned.heard.wait { $0.last == .closed })
        #expect(owned.heard.values.count == 3)
        pair.close()
    }

    @Test("after the peer's end it can still write; the end is heard once")
    func halfClose() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        pair.send("last")
        shutdown(pair.far, Int32(SHUT_WR))
        #expect(owned.heard.wait { $0.contains(.end) })
        try test.turn()
        #expect(owned.heard.values == [.received("last"), .end])
        try test.run { _ = owned.socket.value.write(Array("answer".utf8)) }
        #expect(pair.receive() == "answer")
        try test.run { owned.socket.value.close() }
        #expect(owned.heard.wait { $0.last == .closed })
        pair.close()
    }

    @Test("a peer that has gone altogether is heard of once, and the socket closes by itself")
    func peerGone() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        pair.close()
        #expect(owned.heard.wait { $0.last == .closed })
        try test.turn()
        #expect(owned.heard.values == [.end, .closed])
    }

    @Test("a peer that goes while reading is paused is heard of on resume, after what it had sent")
    func peerGoneWhilePaused() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        try test.run { owned.socket.value.pauseReading() }
        pair.send("held")
        pair.close()
        try test.turn()
        #expect(owned.heard.values == [])
        try test.run { owned.socket.value.resumeReading() }
        #expect(owned.heard.wait { $0.last == .closed })
        #expect(owned.heard.values == [.received("held"), .end, .closed])
    }

    @Test("the loop sleeps while a paused socket's peer is gone")
    func noSpinWhilePaused() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        try test.run { owned.socket.value.pauseReading() }
        pair.close()
        try test.turn(10)
        // Between two jobs that are 50 ms apart a loop that spins uses about that much of a processor.
        let used = Record<UInt64>()
        let loop = test.loop
        try test.run {
            let start = threadNanoseconds()
            _ = loop.schedule(after: 50_000_000) { used.append(threadNanoseconds() - start) }
        }
        #expect(used.wait(forCount: 1))
        #expect(used.values[0] < 25_000_000)
        try test.run { owned.socket.value.close() }
    }

    @Test("closeAfterFlush sends all, ends, drops what still comes, and closes when the peer has ended")
    func closeAfterFlush() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        let bytes = [UInt8](repeating: 7, count: 900_000)
        try test.run {
            let socket = owned.socket.value
            socket.write(bytes)
            socket.closeAfterFlush(within: 1_000_000_000_000)
            socket.closeAfterFlush(within: 1)
            #expect(!socket.write([1]))
        }
        pair.send("too late")
        #expect(pair.receiveAll() == bytes)
        #expect(owned.heard.values == [])
        pair.close()
        #expect(owned.heard.wait(forCount: 1))
        #expect(owned.heard.values == [.closed])
    }

    @Test("closeAfterFlush gives a peer that never ends its time and no more")
    func closeAfterFlushTimeout() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        try test.run {
            owned.socket.value.write([65])
            owned.socket.value.closeAfterFlush(within: 2_000_000)
        }
        #expect(owned.heard.wait(forCount: 1))
        #expect(pair.receiveAll() == [65])
        pair.close()
    }

    @Test("closeAfterFlush after the peer's end closes when all has left")
    func closeAfterBothEnds() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        try test.run {
            owned.owner?.onEnd = {
                $0.write(Array("bye".utf8))
                $0.closeAfterFlush(within: 1_000_000_000_000)
            }
        }
        shutdown(pair.far, Int32(SHUT_WR))
        #expect(pair.receiveAll() == Array("bye".utf8))
        #expect(owned.heard.wait { $0.last == .closed })
        #expect(owned.heard.values == [.end, .closed])
        pair.close()
    }

    @Test("close is heard once and last, at the end of the tick")
    func close() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        let before = try test.run {
            owned.socket.value.close()
            owned.socket.value.close()
            owned.socket.value.reset()
            owned.socket.value.closeAfterFlush(within: 1)
            return owned.heard.values
        }
        #expect(before == [])
        try test.turn()
        #expect(owned.heard.values == [.closed])
        #expect(pair.receive() == "")
        pair.close()
    }

    @Test("a detached descriptor goes on at another loop; the old owner hears no more")
    func detach() throws {
        let (first, second) = (try TestLoop(), try TestLoop())
        let pair = try Pair()
        let owned = try Owned(pair.near, on: first)
        let detached = try first.run {
            owned.socket.value.write(Array("before ".utf8))
            return owned.socket.value.detach()
        }
        #expect(pair.receive() == "before ")
        pair.send("in between")
        let moved = try Owned(#require(detached), on: second)
        #expect(moved.heard.wait(forCount: 1))
        #expect(moved.heard.values == [.received("in between")])
        try first.turn()
        #expect(owned.heard.values == [])
        #expect(try first.run { owned.socket.value.isOpen } == false)
        #expect(try first.run { owned.socket.value.detach() } == nil)
        try second.run { moved.socket.value.close() }
        pair.close()
    }

    @Test("a socket whose peer has gone gives no descriptor away that is closed already")
    func detachClosed() throws {
        let test = try TestLoop()
        let pair = try Pair()
        let owned = try Owned(pair.near, on: test)
        try test.run { owned.socket.value.close() }
        #expect(try test.run { owned.socket.value.detach() } == nil)
        let other = try Pair()
        let gone = try Owned(other.near, on: test)
        let detached = try test.run {
            Glibc.close(other.far)
            gone.socket.value.write([1])
            return gone.socket.value.detach()
        }
        #expect(detached == nil)
        #expect(gone.heard.wait { $0.last == .closed })
        pair.close()
    }

    @Test("a descriptor that can't be watched is closed, and that is an error")
    func notASocket() throws {
        let test = try TestLoop()
        let loop = test.loop
        // A number so high that no other test gets it when it is free again.
        let low = open("/dev/null", O_RDONLY)
        let file = fcntl(low, F_DUPFD, 900)
        Glibc.close(low)
        #expect(throws: SystemError.self) {
            try test.run { _ = try Socket(adopting: file, on: loop) }
        }
        #expect(fcntl(file, F_GETFD) == -1)
    }
}

/// Processor time of the calling thread.
func threadNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
