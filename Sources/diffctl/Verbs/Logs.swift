import ArgumentParser
import ControlAPI
import JobSpec
import Problems
import StrictJSON

struct Logs: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a job's log.",
        discussion: "With --json an object for each line: {\"job\": 42, \"line\": \"...\"}.")

    @Flag(name: .shortAndLong, help: "Go on until the job has ended, through all its attempts.") var follow = false
    @Argument(help: "Id or name.") var job: JobReference
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let client = connection.client
        try request { () throws(Problems) in
            // A name could come to mean a newer job when a broken connection is taken up again.
            let number = try client.job(job).id
            let id = JobReference.id(number)
            var offset = 0
            var lines = output.json ? LogLines(job: number) : nil
            var text = LogText()
            defer {
                lines?.end()
                standardOutput(bytes: Array(text.end().utf8))
            }
            var patience = Patience()
            while true {
                do throws(Problems) {
                    try client.log(of: id, from: offset, follow: follow) { bytes in
                        if lines?.add(bytes) == nil { standardOutput(bytes: Array(text.add(bytes).utf8)) }
                        offset += bytes.count
                        patience.reset()
                        return true
                    }
                    // A stream that a stopping daemon ended looks like one that is complete.
                    guard follow, try !client.job(id).state.isFinal else { return }
                } catch {
                    // It may have been left because its own reader, such as a pager, took nothing for a while.
                    guard follow || offset > 0 else { throw error }
                    try patience.wait(after: error)
                }
            }
        }
    }
}

/// A log that comes in pieces, as lines of JSON.
private struct LogLines {
    let job: Int
    private var rest: [UInt8] = []

    init(job: Int) { self.job = job }

    mutating func add(_ bytes: [UInt8]) {
        rest += bytes
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = Array(lines.removeLast())
        for line in lines { write(line) }
    }

    /// Writes a last line that has no end.
    func end() { if !rest.isEmpty { write(rest[...]) } }

    private func write(_ line: ArraySlice<UInt8>) {
        let text = JSONNode(.string(String(decoding: line, as: UTF8.self)))
        standardOutput(
            JSONNode(.object([.init("job", JSONNode(.integer(job))), .init("line", text)])).line.printableLines)
    }
}
