/// The widget's own scripts below `PUBLIC_DIR`: they are served without their comments, which is a fifth of what a page
/// loads. Whatever else is there is served byte for byte.
enum WidgetModules {
    /// - Parameter path: below the directory.
    static func contains(_ path: String) -> Bool {
        path.hasSuffix(".js") && (path.hasPrefix("parley-") || path.hasPrefix("texts/"))
    }
}
