extension SchemaFunctions {
    static let searchText = #"""
        -- A text as its words are looked for. Scripts without spaces between words (kana, Chinese, Korean) are taken by
        -- the letter. The beginning of a very long text stands for it.
        create function parley.search_text(p_text text) returns text
        language sql immutable parallel safe set search_path = pg_catalog, pg_temp
        return regexp_replace(
            left(p_text, 100000), '([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af])', ' \1 ', 'g');
        """#
}
