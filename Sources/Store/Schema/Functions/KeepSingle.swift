extension SchemaFunctions {
    static let keepSingle = """
        -- SINGLE_CONVERSATION: the others of these users sleep. The last of a user's in the arrays is the one.
        create function parley.keep_single(p_user text[], p_conversation uuid[]) returns void
        language sql set search_path = pg_catalog, pg_temp
        begin atomic
            update parley.conversations c set status = 'dormant'
            from (
                select distinct on (i.owner) i.owner, i.conversation
                from unnest(p_user, p_conversation) with ordinality as i (owner, conversation, n)
                join parley.conversations k
                    on k.id = i.conversation and k.user_id = i.owner and k.status = 'active'
                order by i.owner, i.n desc
            ) l
            where c.user_id = l.owner and c.status = 'active' and c.id <> l.conversation;
        end;
        """
}
