import Gateway
import Testing

@Suite("Rules of the process")
struct ProcessRulesTests {
    struct StopCase: Sendable, CustomTestStringConvertible {
        var elapsed: Double
        var hasWork = false
        var isReplaced = false
        var isHurried = false
        var isKnown: Bool
        var isDrained: Bool
        var testDescription: String {
            "\(elapsed) s, work \(hasWork), replaced \(isReplaced), hurried \(isHurried)"
        }
    }

    @Test(
        "a stop with 5 s for those who must learn of it and 20 s for runs",
        arguments: [
            StopCase(elapsed: 0, isKnown: false, isDrained: false),
            StopCase(elapsed: 4.9, isKnown: false, isDrained: false),
            StopCase(elapsed: 5, isKnown: true, isDrained: true),
            StopCase(elapsed: 5, hasWork: true, isKnown: true, isDrained: false),
            StopCase(elapsed: 19.9, hasWork: true, isKnown: true, isDrained: false),
            StopCase(elapsed: 20, hasWork: true, isKnown: true, isDrained: true),
            StopCase(elapsed: 0, isReplaced: true, isKnown: true, isDrained: true),
            StopCase(elapsed: 0, hasWork: true, isReplaced: true, isKnown: true, isDrained: false),
            StopCase(elapsed: 1, hasWork: true, isHurried: true, isKnown: true, isDrained: true),
        ])
    func stop(_ one: StopCase) {
        let rules = StopRules(delay: 5, drain: 20)
        let progress = StopRules.Progress(
            elapsed: one.elapsed, hasWork: one.hasWork, isReplaced: one.isReplaced, isHurried: one.isHurried)
        #expect(rules.isKnown(progress) == one.isKnown)
        #expect(rules.isDrained(progress) == one.isDrained)
    }

    @Test("runs have less time than the delay: the delay is kept")
    func shortDrain() {
        let rules = StopRules(delay: 5, drain: 0)
        #expect(!rules.isDrained(StopRules.Progress(elapsed: 4, hasWork: true)))
        #expect(rules.isDrained(StopRules.Progress(elapsed: 5, hasWork: true)))
    }

    struct BudgetCase: Sendable {
        var limit: Int
        var wanted = 20_000
        var shards = 2
        var database = 30
        var upstream = 0
        var isEncrypted = false
        var sockets: Int
        var isShort: Bool
    }

    @Test(
        "descriptors",
        arguments: [
            // All can be had.
            BudgetCase(limit: 1 << 20, sockets: 20_000, isShort: false),
            BudgetCase(
                limit: 1 << 20, shards: 64, upstream: 10_000, isEncrypted: true, sockets: 20_000, isShort: false),
            BudgetCase(limit: 1_024, wanted: 500, sockets: 500, isShort: false),
            // What is reserved: 32, the database's, and for each shard 6, 64 refusals or fewer, handshakes.
            BudgetCase(limit: 20_000, sockets: 20_000 - 202, isShort: true),
            BudgetCase(limit: 20_000, upstream: 1_000, sockets: 20_000 - 1_202, isShort: true),
            BudgetCase(limit: 20_000, isEncrypted: true, sockets: 20_000 - 202 - 2_048, isShort: true),
            BudgetCase(limit: 1_024, isEncrypted: true, sockets: 1_024 - 138 - 128, isShort: true),
            BudgetCase(limit: 256, sockets: 256 - 90, isShort: true),
            // At most half of it is reserved.
            BudgetCase(limit: 64, sockets: 32, isShort: true),
            BudgetCase(limit: 1_000, wanted: 400, upstream: 5_000, sockets: 400, isShort: true),
        ])
    func budget(_ one: BudgetCase) {
        var needs = DescriptorBudget.Needs()
        needs.shards = one.shards
        needs.database = one.database
        needs.upstream = one.upstream
        needs.isEncrypted = one.isEncrypted
        let budget = DescriptorBudget(limit: one.limit, wanted: one.wanted, needs: needs)
        #expect(budget.sockets == one.sockets)
        #expect((budget.shortage != nil) == one.isShort)
        #expect((1...1_024).contains(budget.handshakes))
        if one.sockets < one.wanted { #expect(budget.shortage?.contains("MAX_SOCKETS") == true) }
    }
}
