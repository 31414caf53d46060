/// What a server says of the end of its reply. What is complete is a list: whatever is not in it ends the reply as cut or
/// failed, and a call in it is not carried out.
enum FinishReason {
    static func ending(_ reason: String) -> ChatCompletionsAssembler.Ending {
        let word = plain(reason)
        if complete.contains(word) { return .complete }
        if cut.contains(word) { return .cut }
        if filtered.contains(word) { return .filtered }
        return .failed
    }

    /// One spelling of `tool_calls`, `tool-calls`, `toolCalls` and `FINISH_REASON_TOOL_CALLS`: letters alone, in lower case,
    /// without the name of the member.
    private static func plain(_ reason: String) -> String {
        let letters = reason.lowercased().filter { !separators.contains($0) }
        return letters.hasPrefix(member) && letters != member ? String(letters.dropFirst(member.count)) : letters
    }

    private static let separators: Set<Character> = ["_", "-", ".", " "]
    private static let member = "finishreason"

    private static let complete: Set<String> = [
        "stop", "toolcalls", "functioncall", "toolcall", "tooluse", "endturn", "eos", "eostoken", "stopsequence",
        "stoptoken", "complete", "completed", "done", "finish", "finished", "normal", "success", "end", "eot", "imend",
    ]
    private static let cut: Set<String> = [
        "length", "maxtokens", "modellength", "maxoutputtokens", "maxcompletiontokens", "tokenlimit", "truncated",
        "maxlength", "contextlength", "incomplete",
    ]
    private static let filtered: Set<String> = [
        "contentfilter", "contentfiltered", "safety", "recitation", "blocklist", "prohibitedcontent", "spii",
        "sensitive", "refusal", "blocked", "moderation", "guardrail", "guardrailintervened", "imagesafety",
    ]
}
