internal import Foundation
internal import Glibc
public import Problems

/// Whether diffd can write where its settings put spool and store: asked before it starts, by the service's own rights.
extension DaemonConfiguration {
    /// Below this directory the packaged service may write.
    public static let packagedSpool = "/var/spool/diffd"

    /// What keeps the process from writing into spool or state_directory, each with what opens them to the service.
    public func placeFaults() -> [Problem] {
        places.compactMap { setting, path in
            guard let reason = Self.reason(notToWriteIn: path) else { return nil }
            return Problem(
                .denied, "\(setting.rawValue) is \(path), where diffd cannot write",
                remedy:
                    "Give it to the user diffd. The service may write below \(Self.packagedSpool) only: to open it, systemctl edit "
                    + "diffd, and in [Service] \(Self.opening(path)).", file: path, cause: reason)
        }
    }

    /// The places of spool and store that the packaged service may not write in, where no drop-in of its unit opens them.
    ///
    /// - Parameter dropIns: the texts of the unit's drop-ins.
    public func closedPlaces(dropIns: [String]) -> [(setting: DaemonSetting, path: String)] {
        places.filter { _, path in
            !Self.isWithin(path, Self.packagedSpool)
                && !dropIns.contains { text in
                    text.split(whereSeparator: \.isNewline).contains { line in
                        line.hasPrefix("ReadWritePaths=")
                            && line.dropFirst("ReadWritePaths=".count).split(separator: " ").contains {
                                Self.isWithin(path, String($0.drop { "-+".contains($0) }))
                            }
                    }
                }
        }
    }

    /// The line of a drop-in that opens a place to the service.
    public static func opening(_ path: String) -> String { "ReadWritePaths=\(path)" }

    private var places: [(setting: DaemonSetting, path: String)] {
        [(.spool, spool)] + (stateDirectory.map { [(.stateDirectory, $0)] } ?? [])
    }

    private static func isWithin(_ path: String, _ directory: String) -> Bool {
        path == directory || path.hasPrefix(directory.hasSuffix("/") ? directory : directory + "/")
    }

    /// Of a place that is missing, the directory counts in which it would be made.
    private static func reason(notToWriteIn path: String) -> String? {
        var place = path
        while access(place, F_OK) != 0, errno == ENOENT, place != "/" {
            place = URL(fileURLWithPath: place).deletingLastPathComponent().path
        }
        return access(place, W_OK | X_OK) == 0 ? nil : String(cString: strerror(errno))
    }
}
