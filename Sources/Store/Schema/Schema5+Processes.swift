/// The SQL of migration 5, by subject.
enum Schema5 {}

extension Schema5 {
    /// Which process a gateway is, so that one that starts on the same machine knows at once who of its predecessors is
    /// gone: a process id alone comes again, one with its start does not before the machine starts anew, which the boot
    /// id tells, and processes of another container are numbered by another namespace.
    static let processes = """
        alter table parley.nodes
            add column boot_id text check (octet_length(boot_id) <= 64),
            add column pid_namespace bigint,
            add column pid int,
            add column process_started bigint;
        """

    static let processesDown = """
        alter table parley.nodes
            drop column boot_id, drop column pid_namespace, drop column pid, drop column process_started;

        """
}
