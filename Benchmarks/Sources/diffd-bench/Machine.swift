internal import CMachine
internal import Foundation
internal import TensorCore

/// Where figures come from, so that a reader can judge them.
struct Machine: Encodable {
    var processor: String
    var cores: Int
    /// Of the last minute, at the start: on a machine with other work the figures are no more than an indication.
    var load: Double
    var threads: Int
    /// The environment's choice of OpenBLAS's kernels; nil where it is left to the programs, as in ordinary use.
    var imposedKernels: String?
    var time: Date

    init(threads: Int) {
        processor = Self.field("model name", of: "/proc/cpuinfo") ?? "unknown"
        cores = ProcessInfo.processInfo.activeProcessorCount
        var loads = [0.0]
        // On failure it stays 0.
        _ = getloadavg(&loads, 1)
        load = loads[0]
        self.threads = threads
        imposedKernels = ProcessInfo.processInfo.environment[MatrixKernels.variable]
        time = .now
    }

    var description: String {
        "\(processor), \(cores) cores, load \(load.short), \(threads) threads"
            + (imposedKernels.map { "; the environment sets \(MatrixKernels.variable)=\($0)" } ?? "")
    }

    /// The largest resident set of this process, in bytes, since it was started; 0 where the system does not tell.
    static var peakBytes: Int {
        let kibibytes = field("VmHWM", of: "/proc/self/status")?.split(separator: " ").first.flatMap { Int($0) }
        return (kibibytes ?? 0) * 1024
    }

    /// What all threads of this process have used.
    static var cpuSeconds: Double {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + 1e-6 * Double($1.tv_usec) }
    }

    private static func field(_ name: String, of path: String) -> String? {
        let handle = FileHandle(forReadingAtPath: path)
        guard let data = handle?.readDataToEndOfFile(), let text = String(bytes: data, encoding: .utf8) else {
            return nil
        }
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
    }
}

/// What this machine can do at best, measured in the same run as what is compared with it.
struct Ceilings: Encodable {
    /// Multiplications and additions of a large matrix product, per second.
    var operations: Double
    /// Bytes of a large copy, read and written, per second.
    var bytes: Double

    static func measure(threads: Int) -> Ceilings {
        Ceilings(
            operations: machine_product_rate(Int32(threads), 2048, 5),
            bytes: machine_copy_rate(Int32(threads), 1 << 28, 5))
    }

    /// The better of two measurements.
    func better(_ other: Ceilings) -> Ceilings {
        Ceilings(operations: max(operations, other.operations), bytes: max(bytes, other.bytes))
    }

    var description: String {
        "ceilings: \((operations / 1e9).short) GFLOP/s (sgemm 2048), \((bytes / 1e9).short) GB/s (memcpy 256 MiB)"
    }
}

enum Stopwatch {
    static func seconds(_ body: () -> Void) -> Double {
        let duration = ContinuousClock().measure(body)
        return Double(duration.components.seconds) + 1e-18 * Double(duration.components.attoseconds)
    }

    /// The median of at least `least` runs after one that is not counted, going on for about `budget` seconds. `body` says how
    /// long the part that matters took.
    static func median(least: Int = 3, budget: Double = 0.4, _ body: () -> Double) -> Double {
        _ = body()
        var seconds: [Double] = []
        let start = ContinuousClock.now
        while seconds.count < least || (start.duration(to: .now) < .seconds(budget) && seconds.count < 10_000) {
            seconds.append(body())
        }
        return seconds.median
    }
}
