import ArgumentParser
import ControlAPI
import JobSpec
import Problems
import StrictJSON

struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show all about one job: state, progress, paths, error, and the job as understood.")

    @Argument(help: "Id or name.") var job: JobReference
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let client = connection.client
        let (status, specification) = try request { () throws(Problems) in
            let status = try client.job(job)
            return (status, try client.specification(of: .id(status.id)))
        }
        if output.json {
            standardOutput(try combined(status, specification))
        } else {
            let text = String(decoding: specification, as: UTF8.self)
            standardOutput(JobSheet.render(status, specification: text, Style.ofStandardOutput()))
        }
    }

    /// The status object with the specification as one more key, `spec`.
    private func combined(_ status: JobStatus, _ specification: [UInt8]) throws -> String {
        var object = try JSONNode.parse(JSONText.encode(status))
        let members = object.members ?? []
        object.content = .object(members + [JSONNode.Member("spec", try JSONNode.parse(specification))])
        return object.text
    }
}
