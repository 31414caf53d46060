import Dispatch
import Gateway
import Glibc
import Testing

@Suite("Lines that are written aside")
struct LineWriterTests {
    /// A pipe that a test reads when it likes.
    private final class Pipe {
        let reading: Int32
        let writing: Int32

        init(isBlocking: Bool = true) throws {
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
            if !isBlocking { _ = fcntl(writing, F_SETFL, O_NONBLOCK) }
        }

        deinit { for end in [reading, writing] { close(end) } }

        /// Reads until this text has come, or the end.
        func read(until text: String) -> String {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while !String(decoding: bytes, as: UTF8.self).contains(text) {
                let count = Glibc.read(reading, &buffer, buffer.count)
                guard count > 0 else { break }
                bytes += buffer[..<count]
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    @Test("what is given is written, in order and whole", arguments: [true, false])
    func order(_ isBlocking: Bool) throws {
        let pipe = try Pipe(isBlocking: isBlocking)
        let writer = LineWriter(descriptor: pipe.writing)
        let lines = (0..<5_000).map { "\($0) \(String(repeating: "x", count: $0 % 200))\n" }
        for line in lines { writer.write(line) }
        writer.write("end\n")
        #expect(pipe.read(until: "end\n") == lines.joined() + "end\n")
        #expect(writer.flush(within: .seconds(20)))
        #expect(writer.dropped == 0)
    }

    @Test("with a reader that stalls nobody waits; what finds no room is counted, and told when it reads again")
    func stalled() throws {
        let pipe = try Pipe()
        let writer = LineWriter(descriptor: pipe.writing, capacity: 10_000) { Array("lost \($0)\n".utf8) }
        let line = String(repeating: "y", count: 999) + "\n"
        // Until the pipe takes no more, and then more than may wait.
        var count = 0
        while writer.flush(within: .milliseconds(200)) {
            writer.write(line)
            count += 1
        }
        for _ in 0..<20 { writer.write(line) }
        count += 20
        #expect((10...20).contains(writer.dropped))
        let dropped = writer.dropped
        let text = pipe.read(until: "lost \(dropped)\n")
        #expect(text.split(separator: "\n").count { $0.count == 999 } == count - dropped)
        #expect(writer.flush(within: .seconds(20)))
        writer.write("again\n")
        #expect(pipe.read(until: "again\n") == "again\n")
        #expect(writer.dropped == dropped)
    }

    @Test("a line that no room is enough for is lost, and told at once")
    func tooLong() throws {
        let pipe = try Pipe()
        let writer = LineWriter(descriptor: pipe.writing, capacity: 100) { Array("lost \($0)\n".utf8) }
        writer.write(String(repeating: "z", count: 200) + "\n")
        #expect(pipe.read(until: "lost 1\n") == "lost 1\n")
    }
}
