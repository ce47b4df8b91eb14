import Service

/// diffd.yaml(5): every setting of the daemon.
public enum ConfigurationManual {
    public static func page(version: String) -> String {
        var page = Roff(title: "diffd.yaml", section: 5, version: version)
        page.section("NAME")
        page.paragraphs("diffd.yaml - settings of diffd")
        page.section("DESCRIPTION")
        page.paragraphs(
            """
            diffd reads the file that --config names, otherwise the one that the variable DIFFD_CONFIG names, otherwise \(DaemonConfiguration.defaultFile) if it is \
            there. It holds one setting a line, as key: value; a list is written as [a, b]. Unknown keys are errors.

            Each setting is also an environment variable: max_workers is DIFFD_MAX_WORKERS. A flag counts more than the environment, \
            which counts more than the file, which counts more than the default. diffctl reload makes a running daemon read the file again; spool, \
            socket and state_directory change with the next start only.

            Sizes are bytes, or a number with KiB, MiB, GiB or TiB. Times are seconds. Relative paths start from the daemon's working directory.
            """)
        page.section("SETTINGS")
        for setting in DaemonSetting.allCases {
            page.item("*\(setting.rawValue)*", [setting.summary, "Default: \(setting.standard)."])
        }
        page.section("EXAMPLE")
        page.verbatim(
            """
            max_workers: 2
            threads: 16
            memory: 48GiB
            allowed_paths: [/srv/datasets]
            preempt: true
            """)
        page.section("SEE ALSO")
        page.paragraphs("diffctl(1), diffd-job(5), diffd(8)")
        return page.text
    }
}
