/// What a server says of the end of its reply. What is complete is a list: whatever is not in it ends the reply as cut or
/// failed, and a call in it is not carried out.
enum FinishReason {
    static func ending(_ reason: String) -> ChatCompletionsAssembler.Ending {
        let word = reason.lowercased()
        if complete.contains(word) { return .complete }
        if cut.contains(word) { return .cut }
        if filtered.contains(word) { return .filtered }
        return .failed
    }

    private static let complete: Set<String> = [
        "stop", "tool_calls", "function_call", "tool_call", "tool_use", "end_turn", "eos", "eos_token", "stop_sequence",
        "stop_token", "complete", "completed", "done", "finish", "finished", "finish_reason_stop", "normal", "success",
        "end", "eot", "im_end",
    ]
    private static let cut: Set<String> = [
        "length", "max_tokens", "model_length", "max_output_tokens", "max_completion_tokens", "token_limit",
        "truncated",
        "max_length", "context_length", "incomplete",
    ]
    private static let filtered: Set<String> = [
        "content_filter", "content_filtered", "safety", "recitation", "blocklist", "prohibited_content", "spii",
        "sensitive", "refusal", "blocked", "moderation", "guardrail", "guardrail_intervened", "image_safety",
    ]
}
