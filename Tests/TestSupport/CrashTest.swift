public import DurableFiles

/// Tries every crash of an operation: at each of its calls and after the last, with every outcome.
public struct CrashTest {
    /// Where the operation was stopped, and what was lost.
    public struct Point: CustomStringConvertible {
        /// The number of the call that did not happen.
        public var call: Int
        /// The calls until then, the last of which did not happen unless the operation is complete.
        public var calls: [String]
        public var outcome: CrashingFileSystem.Outcome
        /// The operation had returned before the crash: what it promises must hold.
        public var isComplete: Bool

        public var description: String {
            "\(isComplete ? "crash after the last call" : "crash at call \(call): \(calls.last ?? "")"), \(outcome)"
        }
    }

    /// - Parameters:
    ///   - prepare: makes what is on disk before.
    ///   - operation: gets the file system and the directory; nothing of it is left in memory afterwards.
    ///   - check: looks at the directory after the crash, and recovers if there is something to recover.
    /// - Returns: the number of crashes tried, which is printed as well.
    @discardableResult
    public static func run(
        _ name: String = #function, outcomes: [CrashingFileSystem.Outcome] = CrashingFileSystem.Outcome.allCases,
        prepare: (_ directory: String) throws -> Void = { _ in },
        operation: (any FileSystem, _ directory: String) throws -> Void,
        check: (_ directory: String, Point) throws -> Void
    ) throws -> Int {
        var tried = 0
        var isComplete = false
        var call = 0
        while !isComplete {
            for outcome in outcomes {
                let directory = try TemporaryDirectory()
                try prepare(directory.path)
                let files = try CrashingFileSystem(directory.path, .crash(atCall: call))
                do {
                    try operation(files, directory.path)
                    isComplete = !files.isDead
                } catch is Crash {
                    // Planned.
                }
                try files.settle(outcome)
                try check(
                    directory.path, Point(call: call, calls: files.calls, outcome: outcome, isComplete: isComplete))
                tried += 1
            }
            call += 1
        }
        report(tried, name)
        return tried
    }

    /// Tells how many crashes were tried.
    public static func report(_ tried: Int, _ name: String) { print("crashed \(tried) times: \(name)") }
}
