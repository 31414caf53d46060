import Postgres
import Testing

@Suite struct HostOrderTests {
    enum Event: Sendable {
        case answered(String, String), silent(String, String)
    }

    struct Story: Sendable, CustomStringConvertible {
        var url: String
        var events: [Event] = []
        /// Keywords in the order of their names.
        var expected: [String]
        var description: String { "\(url) \(events)" }
    }

    private static let two = "postgresql://me@a:1,b:2/x?target_session_attrs=read-write"

    static let stories: [Story] = [
        Story(url: two, expected: ["host=a,b", "port=1,2"]),
        Story(url: two, events: [.answered("b", "2")], expected: ["host=b,a", "port=2,1"]),
        Story(url: two, events: [.silent("a", "1")], expected: ["host=b,a", "port=2,1"]),
        Story(url: two, events: [.silent("a", "1"), .silent("b", "2")], expected: ["host=a,b", "port=1,2"]),
        Story(url: two, events: [.silent("a", "2"), .answered("c", "1")], expected: ["host=a,b", "port=1,2"]),
        Story(
            url: "host=a,b,c port=5", events: [.answered("c", "5"), .silent("c", "5")],
            expected: ["host=a,b,c", "port=5,5,5"]),
        // Those that were passed over come behind those that were not tried.
        Story(
            url: "host=a,b,c", events: [.answered("b", "5432")], expected: ["host=b,c,a", "port=,,"]),
        // Two servers of one name.
        Story(url: "host=a,a port=1,2", events: [.silent("a", "1")], expected: ["host=a,a", "port=2,1"]),
        Story(
            url: "hostaddr=127.0.0.1,::1 host=a,b", events: [.silent("a", "5432")],
            expected: ["host=b,a", "hostaddr=::1,127.0.0.1", "port=,"]),
        Story(
            url: "hostaddr=127.0.0.1,::1", events: [.silent("127.0.0.1", "5432")],
            expected: ["hostaddr=::1,127.0.0.1", "port=,"]),
        Story(
            url: "postgresql:///x?host=/run/a,/run/b", events: [.silent("/run/a", "5432")],
            expected: ["host=/run/b,/run/a", "port=,"]),
        // No several hosts, or what libpq itself refuses.
        Story(url: "postgresql://me@a/x", expected: []), Story(url: "postgresql:///x", expected: []),
        Story(url: "x", expected: []), Story(url: "", expected: []), Story(url: "host=a,b port=1,2,3", expected: []),
        Story(url: "host=a,b nonsense", expected: []), Story(url: "postgresql://[", expected: []),
    ]

    @Test(arguments: stories)
    func story(_ story: Story) {
        let order = HostOrder(story.url)
        for event in story.events {
            switch event {
            case .answered(let host, let port): order.answered(host: host, port: port)
            case .silent(let host, let port): order.fellSilent(host: host, port: port)
            }
        }
        #expect(order.keywords.map { "\($0.0)=\($0.1)" }.sorted() == story.expected)
    }
}
