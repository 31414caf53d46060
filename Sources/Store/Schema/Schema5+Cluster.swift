/// What gateways that pass things on to each other need to know of each other.
extension Schema5 {
    static let cluster = """
        \(SchemaFunctions.livingNodes)

        revoke execute on function parley.living_nodes from public;
        grant execute on function parley.living_nodes to parley_gateway;
        """

    static let clusterDown = """
        drop function parley.living_nodes;

        """
}
