import EventLoop
import Testing

#if DEBUG
    /// What the loop's comments claim, checked where a debug build checks it.
    @Suite("Who may call a loop")
    struct LoopCallerTests {
        @Test("what is the loop's own traps when another thread calls")
        func fromOutside() async {
            await #expect(processExitsWith: .failure) {
                let loop = try EventLoop(label: "test")
                loop.start()
                await withCheckedContinuation { turning in loop.execute { turning.resume() } }
                _ = loop.schedule(after: 1) {}
            }
        }

        @Test("before it turns, and on it, all is well")
        func fromInside() async throws {
            let loop = try EventLoop(label: "test")
            let early = loop.schedule(after: 1_000_000_000) {}
            loop.cancel(early)
            loop.start()
            await withCheckedContinuation { done in
                loop.execute {
                    let token = loop.schedule(after: 1_000_000_000) {}
                    loop.cancel(token)
                    loop.gather()
                    done.resume()
                }
            }
            loop.stop()
        }
    }
#endif
