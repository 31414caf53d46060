import Store
import Testing

@Suite struct ReplicaGateTests {
    @Test func theFirstReadOfAllAsksThePrimary() {
        var gate = ReplicaGate(capacity: 10)
        #expect(gate.route("ann") == .primary(stamp: 0))
        gate.primaryAnswered("ann", at: 100, stamp: 0)
        #expect(gate.route("ann") == .replica(from: 100))
        #expect(gate.route("bob") == .replica(from: 100))
    }

    @Test func aStandbyTellsNoPosition() {
        var gate = ReplicaGate(capacity: 10)
        gate.primaryAnswered("ann", at: nil, stamp: 0)
        #expect(gate.route("ann") == .primary(stamp: 0))
    }

    @Test func aWriteSendsTheNextReadToThePrimary() {
        var gate = ReplicaGate(capacity: 10)
        gate.primaryAnswered("ann", at: 100, stamp: 0)
        gate.wrote("ann")
        #expect(gate.route("ann") == .primary(stamp: 1))
        #expect(gate.route("bob") == .replica(from: 100))
        gate.primaryAnswered("ann", at: 200, stamp: 1)
        #expect(gate.route("ann") == .replica(from: 200))
        #expect(gate.route("bob") == .replica(from: 100))
    }

    @Test func usersWhoseIDsOnlyLookAlike() {
        var gate = ReplicaGate(capacity: 10)
        gate.primaryAnswered("jos\u{E9}", at: 100, stamp: 0)
        gate.wrote("jos\u{E9}")
        #expect(gate.route("jose\u{301}") == .replica(from: 100))
        gate.wrote("jose\u{301}")
        gate.primaryAnswered("jos\u{E9}", at: 200, stamp: 2)
        #expect(gate.route("jose\u{301}") == .primary(stamp: 2))
    }

    @Test func aPositionFromBeforeTheWriteIsNotItsOwn() {
        var gate = ReplicaGate(capacity: 10)
        gate.wrote("ann")
        guard case .primary(let stamp) = gate.route("ann") else {
            Issue.record("not to the primary")
            return
        }
        // It commits while the read is under way: the read may have been before it.
        gate.wrote("ann")
        gate.primaryAnswered("ann", at: 100, stamp: stamp)
        #expect(gate.route("ann") == .primary(stamp: 2))
    }

    @Test func moreUsersThanItRemembersAreAllTreatedAsWriters() {
        var gate = ReplicaGate(capacity: 2)
        gate.primaryAnswered("x", at: 100, stamp: 0)
        for user in ["ann", "bob", "eve"] { gate.wrote(user) }
        #expect(gate.route("ann") == .primary(stamp: 3))
        #expect(gate.route("nobody") == .primary(stamp: 3))
        // Asked before, so that it may lie before what was forgotten.
        gate.primaryAnswered("x", at: 150, stamp: 2)
        #expect(gate.route("ann") == .primary(stamp: 3))
        gate.primaryAnswered("x", at: 200, stamp: 3)
        #expect(gate.route("ann") == .replica(from: 200))
        #expect(gate.route("eve") == .primary(stamp: 3))
    }
}
