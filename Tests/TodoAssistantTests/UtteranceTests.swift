import TodoAssistant
import Testing

@Suite struct UtteranceTests {
    @Test(arguments: Utterances.adding)
    func understandsAdding(_ row: Utterances.Row) {
        #expect(RequestParser.parse(row.text).requests == row.requests)
    }

    @Test(arguments: Utterances.changing)
    func understandsChanging(_ row: Utterances.Row) {
        #expect(RequestParser.parse(row.text).requests == row.requests)
    }

    @Test(arguments: Utterances.listing)
    func understandsListing(_ row: Utterances.Row) {
        #expect(RequestParser.parse(row.text).requests == row.requests)
    }

    @Test(arguments: Utterances.talking)
    func understandsTalking(_ row: Utterances.Row) {
        #expect(RequestParser.parse(row.text).requests == row.requests)
    }

    @Test(arguments: Utterances.nothing)
    func understandsNothing(_ row: Utterances.Row) {
        #expect(RequestParser.parse(row.text).requests == row.requests)
    }

    @Test(arguments: Utterances.kinds)
    func understandsKinds(_ row: Utterances.Row) {
        #expect(RequestParser.parse(row.text).requests == row.requests)
    }

    @Test(arguments: Times.rows)
    func readsTimes(_ row: (text: String, when: When?)) {
        #expect(When(row.text) == row.when)
    }

    @Test(arguments: Utterances.regressions)
    func understandsRegressions(_ row: Utterances.Row) {
        #expect(RequestParser.parse(row.text).requests == row.requests)
    }
}
