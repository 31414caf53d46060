import Agents
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

    @Test(arguments: Utterances.regressions)
    func understandsRegressions(_ row: Utterances.Row) {
        #expect(RequestParser.parse(row.text).requests == row.requests)
    }
}
