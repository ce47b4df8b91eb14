/// What the pages of the programs say behind their options.
public enum ProgramSections {
    public static let client: [ProgramManual.Section] = [
        .init(
            "ENVIRONMENT",
            .items([
                ("DIFFD_SOCKET", "Path of the daemon's socket where --socket is not given."),
                ("NO_COLOR", "If set and not empty, nothing is coloured. Colours are for terminals only in any case."),
            ])),
        .init(
            "FILES", .items([("/run/diffd/diffd.sock", "The socket where neither --socket nor DIFFD_SOCKET is given.")])
        ),
        .init("SEE ALSO", .text("diffd-job(5), diffd.yaml(5), diffd(8)")),
    ]

    public static let daemon: [ProgramManual.Section] = [
        .init(
            "SIGNALS",
            .items([
                (
                    "SIGTERM, SIGINT",
                    "Ask all workers to finish their step and write their state, wait for them up to checkpoint_wait seconds, and end."
                ),
                ("SIGHUP", "Read the configuration again, as diffctl reload does."),
            ])),
        .init(
            "ENVIRONMENT",
            .items([
                ("DIFFD_CONFIG", "Configuration file where --config is not given."),
                ("DIFFD_SPOOL, DIFFD_SOCKET, DIFFD_MAX_WORKERS, ...", "Each setting of diffd.yaml(5), in capitals."),
                (
                    "LISTEN_FDS, NOTIFY_SOCKET, WATCHDOG_USEC",
                    "Socket activation, notification and watchdog of systemd."
                ),
            ])),
        .init(
            "FILES",
            .items([
                ("/etc/diffd/diffd.yaml", "Settings: diffd.yaml(5)."),
                ("/var/spool/diffd/incoming", "Drop job files here: diffd-job(5)."),
                ("/var/spool/diffd/rejected", "Drops that were refused, each with NAME.error.json."),
                ("/var/spool/diffd/jobs", "A directory for each accepted job: state, log, checkpoints, outputs."),
                ("/var/spool/diffd/models", "Links to the models of trainings that have succeeded."),
                ("/var/spool/diffd/.diffd", "The queue's store."),
                ("/run/diffd/diffd.sock", "The control socket."),
            ])),
        .init("SEE ALSO", .text("diffctl(1), diffd-job(5), diffd.yaml(5), journalctl(1), systemctl(1)")),
    ]
}
