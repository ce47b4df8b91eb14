import Foundation
public import Problems

/// The program that computes: runs jobs for diffd, and rewrites model files for diffctl.
public enum WorkerProgram {
    /// The one that is named, or `diffd-worker` beside this program, or in its libexec.
    ///
    /// - Parameter named: by the setting `worker`.
    public static func path(named: String?) throws(Problem) -> String {
        let directory = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let places =
            named.map { [$0] } ?? [
                directory.appending(path: "diffd-worker").path,
                directory.appending(path: "../libexec/diffd/diffd-worker").standardized.path,
            ]
        guard let found = places.first(where: { access($0, X_OK) == 0 }) else {
            throw Problem(
                .missing, "there is no worker program at \(places.joined(separator: " or "))",
                remedy: "Install diffd-worker there, or name it with the setting worker.")
        }
        return found
    }
}
