import Postgres
import Testing

@Suite struct ParametersTests {
    struct Case: Sendable, CustomStringConvertible {
        var description: String
        var fill: @Sendable (inout Parameters) -> Void
        var expected: [UInt8]?
    }

    static let scalars: [Case] = [
        Case(description: "text", fill: { $0.append(text: "é") }, expected: [0xC3, 0xA9]),
        Case(description: "empty text", fill: { $0.append(text: "") }, expected: []),
        Case(description: "no text", fill: { $0.append(text: nil as String?) }, expected: nil),
        Case(description: "null", fill: { $0.appendNull() }, expected: nil),
        Case(
            description: "uuid", fill: { $0.append(uuid: 0x0102_0304_0506_0708, 0x090A_0B0C_0D0E_0F10) },
            expected: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
        Case(description: "int4", fill: { $0.append(int4: -2) }, expected: [0xFF, 0xFF, 0xFF, 0xFE]),
        Case(description: "int8", fill: { $0.append(int8: 258) }, expected: [0, 0, 0, 0, 0, 0, 1, 2]),
        Case(description: "true", fill: { $0.append(bool: true) }, expected: [1]),
        Case(description: "false", fill: { $0.append(bool: false) }, expected: [0]),
        Case(description: "jsonb", fill: { $0.append(jsonb: "{}") }, expected: [1, 0x7B, 0x7D]),
        Case(
            description: "2000-01-01", fill: { $0.append(timestamptz: 946_684_800_000_000) },
            expected: [0, 0, 0, 0, 0, 0, 0, 0]),
        Case(
            description: "a microsecond before 2000", fill: { $0.append(timestamptz: 946_684_799_999_999) },
            expected: [255, 255, 255, 255, 255, 255, 255, 255]),
    ]

    static let arrays: [Case] = [
        Case(
            description: "empty array",
            fill: {
                $0.beginArray(of: PostgresType.int4)
                $0.endArray()
            },
            expected: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 0, 0, 0, 0, 1]),
        Case(
            description: "text with null",
            fill: {
                $0.beginArray(of: PostgresType.text)
                $0.add(text: "a")
                $0.add(text: nil as String?)
                $0.add(text: "")
                $0.endArray()
            },
            expected: [
                0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 3, 0, 0, 0, 1,
                0, 0, 0, 1, 0x61, 255, 255, 255, 255, 0, 0, 0, 0,
            ]),
        Case(
            description: "bool and no null",
            fill: {
                $0.beginArray(of: PostgresType.bool)
                $0.add(bool: true)
                $0.endArray()
            },
            expected: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1]),
        Case(
            description: "jsonb",
            fill: {
                $0.beginArray(of: PostgresType.jsonb)
                $0.add(jsonb: "1")
                $0.add(jsonb: nil)
                $0.endArray()
            },
            expected: [
                0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0x0E, 0xDA, 0, 0, 0, 2, 0, 0, 0, 1,
                0, 0, 0, 2, 1, 0x31, 255, 255, 255, 255,
            ]),
        Case(
            description: "uuid",
            fill: {
                $0.beginArray(of: PostgresType.uuid)
                $0.add(uuid: 1, 2)
                $0.endArray()
            },
            expected: [
                0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x0B, 0x86, 0, 0, 0, 1, 0, 0, 0, 1,
                0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2,
            ]),
    ]

    @Test(arguments: scalars + arrays)
    func encoding(_ example: Case) {
        var parameters = Parameters()
        // Something before it, so that offsets count.
        parameters.append(text: "before")
        example.fill(&parameters)
        #expect(parameters.count == 2)
        #expect(parameters.encoded(1) == example.expected)
    }

    @Test func reuse() {
        var parameters = Parameters()
        parameters.append(text: "first")
        parameters.removeAll()
        #expect(parameters.count == 0)
        #expect(parameters.byteCount == 0)
        parameters.append(text: "x")
        #expect(parameters.encoded(0) == [0x78])
    }
}
