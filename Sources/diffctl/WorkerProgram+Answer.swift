import Foundation
import Problems
import Service
import StrictJSON

extension WorkerProgram {
    /// What the worker answers to an order, which it is given on its command line. Its errors, if it has any beside that,
    /// are seen as they come.
    static func answer<Answer: Decodable>(
        to order: some Encodable, _ option: String, program: String
    ) throws -> Answer {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: program)
        do {
            process.arguments = [option, String(decoding: try JSONText.encode(order), as: UTF8.self)]
            process.standardOutput = pipe
            try process.run()
            let answer = try pipe.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            return try JSONText.decode(Answer.self, from: Array(answer))
        } catch {
            throw Failure(
                Problem(.crashed, "\(program) ended without an answer", remedy: "Try again.", cause: error.systemReason)
            )
        }
    }
}
