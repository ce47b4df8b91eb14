import Foundation

/// Data goes to standard output.
func standardOutput(_ text: String) {
    guard !text.isEmpty else { return }
    standardOutput(bytes: Array((text.hasSuffix("\n") ? text : text + "\n").utf8))
}

/// Ends the program when the output cannot be written, as on a full disk: what would follow has no reader.
func standardOutput(bytes: [UInt8]) {
    do {
        try FileHandle.standardOutput.write(contentsOf: Data(bytes))
    } catch {
        Failure(.failed, ["cannot write the output: \(error)"]).exit()
    }
}

/// Messages go to standard error.
func standardError(_ text: String) {
    // Where messages cannot be written, nobody can be told that either.
    try? FileHandle.standardError.write(contentsOf: Data((text.hasSuffix("\n") ? text : text + "\n").utf8))
}

/// `text` without what could move a terminal's cursor: control characters show as `?`. Names and messages hold what users
/// and files put there.
package func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
}
