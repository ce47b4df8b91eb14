import ArgumentParser
import ControlAPI
import JobSpec
import Problems

struct Logs: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print a job's log.")

    @Flag(name: .shortAndLong, help: "Go on until the job has ended, through all its attempts.") var follow = false
    @Argument(help: "Id or name.") var job: JobReference
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        let client = connection.client
        try request { () throws(Problems) in
            // A name could come to mean a newer job when a broken connection is taken up again.
            let id = JobReference.id(try client.job(job).id)
            var offset = 0
            var patience = Patience()
            while true {
                do throws(Problems) {
                    try client.log(of: id, from: offset, follow: follow) { bytes in
                        standardOutput(bytes: bytes)
                        offset += bytes.count
                        return true
                    }
                    // A stream that a stopping daemon ended looks like one that is complete.
                    guard follow, try !client.job(id).state.isFinal else { return }
                } catch {
                    guard follow else { throw error }
                    try patience.wait(after: error)
                }
            }
        }
    }
}
