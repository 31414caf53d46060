import Testing

import parley

/// What `parley top` reads out of the text of /metrics.
@Suite("Metrics look")
struct MetricsLookTests {
    private static let first = """
        # HELP parley_sockets Open sockets
        # TYPE parley_sockets gauge
        parley_sockets{shard="0"} 3
        parley_sockets{shard="1"} 4
        parley_runs{status="running"} 2
        parley_runs{status="waiting"} 5
        parley_commit_seconds_bucket{le="0.001"} 10
        parley_commit_seconds_bucket{le="0.01"} 20
        parley_commit_seconds_bucket{le="+Inf"} 20
        nonsense
        """

    @Test("Sums over shards, and of one label")
    func sums() {
        let look = MetricsLook(Self.first)
        #expect(look.sum("parley_sockets") == 7 && look.sum("nothing") == 0)
        #expect(look.sum("parley_runs", "running") == 2 && look.sum("parley_runs", "run") == 0)
    }

    @Test("The picture has what there is, and rates only with a look before")
    func picture() {
        let look = MetricsLook(Self.first)
        let first = TopPicture.draw(look, since: nil, seconds: nil, of: "http://h/")
        #expect(first.contains("sockets           7 "))
        #expect(first.contains("runs ended        - "))
        let next = MetricsLook(Self.first + "\nparley_runs_ended_total 6")
        #expect(TopPicture.draw(next, since: look, seconds: 2, of: "http://h/").contains("runs ended        3.0/s"))
    }

    @Test("Quantiles are of what came since the look before")
    func quantiles() {
        let look = MetricsLook(Self.first)
        #expect(look.quantile("parley_commit_seconds", 0.5, since: nil) == 0.001)
        #expect(look.quantile("parley_commit_seconds", 0.99, since: nil) == 0.01)
        let next = MetricsLook(
            Self.first.replacing("le=\"0.01\"} 20", with: "le=\"0.01\"} 24").replacing("+Inf\"} 20", with: "+Inf\"} 24")
        )
        #expect(next.quantile("parley_commit_seconds", 0.5, since: look) == 0.01)
        #expect(next.quantile("parley_commit_seconds", 0.5, since: next) == nil)
    }
}
