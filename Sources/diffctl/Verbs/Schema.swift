import ArgumentParser
import JobSpec
import StrictJSON

struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the JSON Schema of job files.",
        discussion: """
            For editors, and for programs that write job files (JSON Schema 2020-12). What it allows and is no job breaks a rule between keys, \
            which `validate` tells. It counts the characters of a text, diffd its bytes.
            """)

    func run() { standardOutput(JobSpec.schema.text) }
}
