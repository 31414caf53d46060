import Store
import Testing

@Suite struct RetentionPolicyTests {
    private static let day = RetentionPolicy.day

    @Test(
        arguments: [
            ("30d", 30 * 86_400), ("30", 30 * 86_400), ("12h", 43_200), ("5m", 300), ("7s", 7), ("2w", 1_209_600),
            ("0d", 0),
            ("90D", 90 * 86_400),
        ] as [(String, Int64)])
    func ages(_ text: String, _ seconds: Int64) {
        #expect(RetentionPolicy.age(text) == .some(.some(seconds * 1_000_000)))
    }

    @Test func never() {
        #expect(RetentionPolicy.age("never") == .some(nil))
        #expect(RetentionPolicy.age("Never") == .some(nil))
    }

    @Test(arguments: ["", "d", "-1d", "1.5d", "1y", "d30", "30 d", "99999999999999999999d", "9999999w", "٣d"])
    func noAges(_ text: String) {
        #expect(RetentionPolicy.age(text) == nil)
    }

    @Test func theUsualPolicy() {
        let due = RetentionPolicy().due(at: 1_000 * Self.day)
        #expect(due.map(\.move) == [.purge, .purgeArchived, .archive, .dormant, .tasks, .audit])
        #expect(due.map { $0.before / Self.day } == [970, 970, 910, 970, 970, 635])
    }

    @Test func neverLeavesAMoveOut() {
        var policy = RetentionPolicy()
        policy.dormantAfter = nil
        policy.archiveAfter = nil
        policy.purgeAfter = nil
        policy.taskUndo = nil
        policy.auditKeep = nil
        #expect(policy.due(at: 0).isEmpty)
        policy.deleteAfter = 90 * Self.day
        #expect(policy.due(at: 0).map(\.move) == [.delete, .deleteArchived])
    }

    /// What is to be deleted is not archived first, and what is to be archived does not fall asleep first.
    @Test(
        arguments: [
            (30, 90, 60, [.delete, .deleteArchived, .dormant]),
            (30, 90, 20, [.delete, .deleteArchived]),
            (90, 90, nil, [.archive]),
            (100, 90, nil, [.archive]),
            (30, nil, nil, [.dormant]),
        ] as [(Int64, Int64?, Int64?, [RetentionPolicy.Move])])
    func lesserMovesAreSpared(_ dormant: Int64, _ archive: Int64?, _ delete: Int64?, _ moves: [RetentionPolicy.Move]) {
        var policy = RetentionPolicy()
        policy.purgeAfter = nil
        policy.taskUndo = nil
        policy.auditKeep = nil
        policy.dormantAfter = dormant * Self.day
        policy.archiveAfter = archive.map { $0 * Self.day }
        policy.deleteAfter = delete.map { $0 * Self.day }
        #expect(policy.due(at: 0).map(\.move) == moves)
    }
}
