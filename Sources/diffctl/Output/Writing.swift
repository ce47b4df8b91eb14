import Foundation
import Glibc
import Problems

/// Data goes to standard output.
func standardOutput(_ text: String) {
    guard !text.isEmpty else { return }
    standardOutput(bytes: Array((text.hasSuffix("\n") ? text : text + "\n").utf8))
}

/// Ends the program when the output cannot be written, as on a full disk: what would follow has no reader.
func standardOutput(bytes: [UInt8]) {
    var rest = bytes
    while !rest.isEmpty {
        let count = write(STDOUT_FILENO, rest, rest.count)
        if count >= 0 {
            rest.removeFirst(count)
        } else if errno != EINTR {
            Failure(.failed, ["cannot write the output: \(String(cString: strerror(errno)))"]).exit()
        }
    }
}

/// Messages go to standard error.
func standardError(_ text: String) {
    // Where messages cannot be written, nobody can be told that either.
    try? FileHandle.standardError.write(contentsOf: Data((text.hasSuffix("\n") ? text : text + "\n").utf8))
}

/// `text` as one line, without what could move a terminal's cursor: names and messages hold what users and files put there.
package func printable(_ text: String) -> String { text.printable }

/// The lines of a text that may have several, each without what could move a terminal's cursor.
func printableLines(_ text: String) -> [String] {
    text.split(whereSeparator: \.isNewline).map { printable(String($0)) }
}
