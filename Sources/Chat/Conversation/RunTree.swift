/// The runs of a conversation as the tree that they are: each follows another, or begins (Protocol.md section 9).
///
///     a ── b ── c          a's question was asked first; b and d follow it, e answers d's question anew
///      ├── d
///      └── e
package struct RunTree: Sendable, Equatable {
    package struct Node: Sendable, Equatable {
        package var id: Identifier
        /// The message that it answers; `nil`: none.
        package var question: Identifier?
        /// The run that it follows; `nil`: it is at the beginning.
        package var parent: Identifier?

        package init(id: Identifier, question: Identifier?, parent: Identifier?) {
            self.id = id
            self.question = question
            self.parent = parent
        }
    }

    /// In the order in which they were asked for.
    package var nodes: [Node]
    /// Those that a message belongs to: the answers to it, or the one that has said it.
    package var named: Set<Identifier>

    package init(nodes: [Node], named: Set<Identifier>) {
        self.nodes = nodes
        self.named = named
    }

    /// The end of the path through the named message, down to the newest turn below it; `nil`: it belongs to no run.
    package var newestBelow: Identifier? {
        // A run comes behind the one that it follows: one pass from the front finds all that lie below.
        var below = named
        var newest: Identifier?
        for node in nodes {
            if let parent = node.parent, below.contains(parent) { below.insert(node.id) }
            if below.contains(node.id) { newest = node.id }
        }
        return newest
    }

    /// The path to a run, from the beginning.
    package func path(to head: Identifier) -> [Identifier] {
        var parents: [Identifier: Identifier] = [:]
        for node in nodes { parents[node.id] = node.parent }
        var path: [Identifier] = []
        var next: Identifier? = head
        // A bound, should the rows ever form a ring.
        while let id = next, path.count <= nodes.count {
            path.append(id)
            next = parents[id]
        }
        return path.reversed()
    }
}
