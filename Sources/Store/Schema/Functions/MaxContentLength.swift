extension SchemaFunctions {
    static let maxContentLength = """
        -- MAX_CONTENT_LENGTH, as `parley migrate up` was last told it: a constant, so that asking for it costs nothing.
        create function parley.max_content_length() returns int language sql immutable parallel safe return 10000;
        """

    /// The same function with another bound.
    static func maxContentLength(_ length: Int) -> String {
        again(maxContentLength.replacing("return 10000;", with: "return \(length);"))
    }
}
