internal import DurableFiles
internal import Foundation
internal import JobSpec
internal import Problems
internal import TensorCore

/// What a job is told that it may change, so that it takes less memory.
struct SmallerJob {
    /// `training.batch_size 8`.
    let change: String
    /// Bytes that its tensors take then.
    let tensors: Int
}

/// The memory that an attempt will take, told before it is taken.
extension JobContext {
    /// What kernels borrow for each thread.
    private static let scratchPerThread = 8 << 20

    /// Bytes of this process that lie in memory now.
    static var residentMemory: Int {
        // Pages, the second field (proc(5)). Without it the estimate is of tensors only.
        let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
        return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// Says how much memory the job will take, and ends it where it cannot have so much.
    ///
    /// - Returns: whether it is to begin; false for a job that is only looked at.
    /// - Parameters:
    ///   - tensors: bytes, as a rehearsal tells.
    ///   - resident: what the process takes beside them.
    ///   - smaller: what would take less, tried in this order.
    /// - Throws: `invalid`, with the figure and with what would fit.
    func admit(
        tensors: Int, beside resident: Int, _ common: CommonOptions, smaller: () throws -> [SmallerJob]
    ) throws -> Bool {
        let rest = resident + device.threads * Self.scratchPerThread
        expectedMemory = tensors + rest
        log("the job takes about \(Self.text(expectedMemory)) of memory")
        let machine = Int(ProcessInfo.processInfo.physicalMemory)
        let limit = common.resources.memory ?? machine
        guard expectedMemory > limit else {
            examination?.outcome.memory = expectedMemory
            return examination == nil
        }
        let enough = "give it resources.memory of \(Self.text(expectedMemory)) or more"
        let fitting = try smaller().first { $0.tensors + rest <= limit }.map {
            "With \($0.change) it takes \(Self.text($0.tensors + rest))"
        }
        let given = common.resources.memory
        let remedy =
            switch (fitting, given) {
            case (let fitting?, nil): fitting + "."
            case (let fitting?, _): "\(fitting). Or \(enough)."
            case (nil, nil): "Make the model or its samples smaller."
            case (nil, _): "Make the model or its samples smaller, or \(enough)."
            }
        throw Problem(
            .invalid,
            "the job takes about \(Self.text(expectedMemory)) of memory, but "
                + "\(given == nil ? "the machine has" : "resources.memory is") \(Self.text(limit))",
            remedy: remedy, path: given == nil ? nil : "$.resources.memory")
    }

    /// `1.4 GiB`.
    static func text(_ bytes: Int) -> String {
        let megabytes = Double(bytes) / Double(1 << 20)
        return megabytes < 1000
            ? "\(Int(megabytes.rounded(.up))) MiB"
            : String(format: "%.1f GiB", (megabytes / 1024 * 10).rounded(.up) / 10)
    }
}
