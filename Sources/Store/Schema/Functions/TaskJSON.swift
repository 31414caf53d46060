extension SchemaFunctions {
    /// A task as the results of tools show it.
    static let taskJSON = """
        create function parley.task_json(t parley.tasks) returns jsonb
        language sql stable set search_path = pg_catalog, pg_temp
        return jsonb_build_object(
            'id', t.id, 'number', t.number, 'title', t.title, 'description', t.description,
            'is_completed', t.is_completed,
            'due_at', to_char(t.due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'recurrence', t.recurrence,
            'created_at', to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'updated_at', to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
        """
}
