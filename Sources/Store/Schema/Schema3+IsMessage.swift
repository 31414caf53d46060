/// Which messages are valid, as migration 3 has it.
extension Schema3 {
    static let isMessage = """
        create function parley.is_message(
            p_position int, p_role text, p_content text, p_content_key text, p_tool_calls jsonb, p_tool_call_id text,
            p_status text, p_client_id text
        ) returns bool
        language plpgsql immutable parallel safe as $$
        begin
            return p_position >= 1
                and p_role in ('user', 'assistant', 'tool')
                and char_length(p_content) <= case when p_content_key is null then 200000 else 1066752 end
                and (p_role <> 'user' or p_content <> '')
                and (p_tool_calls is null or p_role = 'assistant' and jsonb_typeof(p_tool_calls -> 'tools') = 'array')
                and (p_tool_call_id is null or p_role = 'tool' and char_length(p_tool_call_id) <= 255)
                and p_status in ('complete', 'cancelled', 'interrupted', 'failed')
                and (p_client_id is null or p_role = 'user' and char_length(p_client_id) between 1 and 64);
        end
        $$;
        """
}
