import Chat
import Testing

@Suite("Conversation machine")
struct ConversationMachineTests {
    @Test("whatever comes in whatever state", arguments: ConversationTable.states)
    func table(state: ConversationTable.State) {
        var left: [String: String] = [:]
        for line in state.decisions.split(separator: "\n") {
            let parts = line.split(separator: ": ", maxSplits: 1).map(String.init)
            left[parts[0]] = parts[1]
        }
        for event in ConversationTable.events {
            var world = MachineWorld(isNew: state.isNew)
            world.run(state.setup)
            #expect(world.take(event) == left.removeValue(forKey: event) ?? "-", "\(event)")
        }
        #expect(left.isEmpty, "no events")
    }
}
