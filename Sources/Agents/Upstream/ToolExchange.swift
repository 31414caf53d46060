import Strings

/// Upstreams want the results of a message's calls right behind it. In the history there may be text in between, where
/// an assistant went on to speak after a call.
enum ToolExchange {
    /// The messages with each result behind the message that asked for it; a result that nobody asked for is left out.
    static func ordered<Entry>(_ entries: [Entry], calls: (Entry) -> [String], answers: (Entry) -> String?) -> [Entry] {
        var taken: Set<Int> = []
        var result: [Entry] = []
        result.reserveCapacity(entries.count)
        for (index, entry) in entries.enumerated() where answers(entry) == nil {
            result.append(entry)
            for id in calls(entry) {
                let place = entries.indices[(index + 1)...].first {
                    !taken.contains($0) && answers(entries[$0]).isExactly(id)
                }
                guard let place else { continue }
                taken.insert(place)
                result.append(entries[place])
            }
        }
        return result
    }
}
