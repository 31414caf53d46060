import JSON
import Gateway
import Testing

@Suite("Routes and their description")
struct RoutesTests {
    private static let endpoints = Routes.endpoints(isDevelopment: true)

    @Test("each is described", arguments: endpoints.indices)
    func described(_ index: Int) {
        let endpoint = Self.endpoints[index]
        let operation = endpoint.operation
        #expect(!operation.id.isEmpty && !operation.tag.isEmpty)
        #expect(operation.summary.hasSuffix("."), "\(operation.summary)")
        #expect(!operation.answers.isEmpty)
        let takesBody = ["POST", "PATCH"].contains(endpoint.methodName)
        #expect((operation.body != nil) == takesBody, "\(endpoint.methodName) \(endpoint.pattern)")
        let pattern = endpoint.pattern
        let isOwners = endpoint.access == .owner || endpoint.access == .ownerOrAdmin
        #expect(pattern.contains("{user_id}") == (isOwners || operation.id == "importUser"))
        #expect(Routes.isReserved([String(pattern.dropFirst().prefix { $0 != "/" })]))
    }

    @Test("operation ids are unique")
    func unique() {
        let ids = Self.endpoints.map(\.operation.id)
        #expect(Set(ids).count == ids.count)
    }

    @Test("the document has each of them, and all schemas that it refers to")
    func document() throws {
        let document = OpenAPIDocument.make(Self.endpoints)
        for endpoint in Self.endpoints {
            let operation = document["paths"]?[endpoint.pattern]?[endpoint.methodName.lowercased()]
            #expect(operation?["operationId"]?.string == endpoint.operation.id)
            #expect(operation?["x-access"]?.string == endpoint.access.rawValue)
        }
        let schemas = try #require(document["components"]?["schemas"]?.object)
        for reference in Self.references(document) {
            #expect(schemas[String(reference.dropFirst("#/components/schemas/".count))] != nil, "\(reference)")
        }
    }

    private static func references(_ value: JSON) -> [String] {
        switch value {
        case .array(let elements): elements.flatMap(references)
        case .object(let object):
            object.members.flatMap { member in
                if member.key == "$ref", let text = member.value.string { return [text] }
                return references(member.value)
            }
        default: []
        }
    }
}
