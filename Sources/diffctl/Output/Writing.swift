import Foundation

/// Data goes to standard output.
func standardOutput(_ text: String) {
    guard !text.isEmpty else { return }
    standardOutput(bytes: Array((text.hasSuffix("\n") ? text : text + "\n").utf8))
}

func standardOutput(bytes: [UInt8]) { FileHandle.standardOutput.write(Data(bytes)) }

/// Messages go to standard error.
func standardError(_ text: String) {
    FileHandle.standardError.write(Data((text.hasSuffix("\n") ? text : text + "\n").utf8))
}

/// `text` without what could move a terminal's cursor: control characters show as `?`. Names and messages hold what users
/// and files put there.
package func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
}
