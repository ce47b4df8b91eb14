/// The table of docs/architecture.md: who may use whom.
enum Layers {
    enum Column: Sendable {
        case control, numeric
        /// Used by both, and using neither.
        case shared
        /// Where they meet.
        case join
    }

    /// From the bottom to the top. A target uses targets of lower rows only, of its own column or the shared ones.
    static let rows: [[Column: [String]]] = [
        [
            .shared: ["COpenSSL", "CLandlock", "CTextTables"],
            .numeric: [
                "COpenBLAS", "CKernels", "CPNG", "CJPEG", "CGIF", "CWebP", "CTIFF", "CLCMS", "CCairo", "CChild",
                "CZlib",
            ],
            .control: ["CSystemd"],
        ],
        [.shared: ["Problems"]],
        [.shared: ["StrictJSON"]],
        [.shared: ["DurableFiles", "Configurations"]],
        [.shared: ["Safetensors", "Text"], .numeric: ["TensorCore", "Media"], .control: ["JobSpec", "Service"]],
        [.numeric: ["NeuralNet", "Diffusion"], .control: ["Spool", "ControlAPI", "JobQueue"]],
        [.numeric: ["Models"], .control: ["Scheduler", "ControlServer", "Doctor", "Manuals"]],
        [.numeric: ["Checkpoints", "Datasets"]],
        [.numeric: ["Training", "Sampling", "Evaluation"]],
        [.join: ["Execution"]],
        [.join: ["diffd-worker"], .control: ["diffd", "diffctl"], .numeric: ["diffd-demo"]],
    ]

    /// Where a target stands.
    static func place(of target: String) -> (row: Int, column: Column)? {
        for (number, row) in rows.enumerated() {
            for (column, targets) in row where targets.contains(target) { return (number, column) }
        }
        return nil
    }

    static func allows(_ user: Column, _ used: Column) -> Bool { used == user || used == .shared || user == .join }

    /// What the join uses of the control column: the job as given, and the spool that it lies in.
    static let controlForJoin: Set<String> = ["JobSpec", "Spool"]

    /// The only user of each C library.
    static let soleUsers = [
        "COpenBLAS": "TensorCore", "CKernels": "TensorCore", "CPNG": "Media", "CJPEG": "Media", "CGIF": "Media",
        "CWebP": "Media", "CTIFF": "Media", "CLCMS": "Media", "CCairo": "Media", "CChild": "Media", "CZlib": "Datasets",
        "COpenSSL": "DurableFiles", "CLandlock": "DurableFiles", "CTextTables": "Text",
        "CSystemd": "Service",
    ]
}
