public import DurableFiles
internal import Problems
public import TensorCore

/// What a model has made of a clip so far, as it works on it: a file for each window, written once. Where that is latents, the next window
/// goes on from them and not from frames that an autoencoder has decoded and would encode again.
public struct WindowStore: Sendable {
    private let directory: String
    private let fingerprint: String
    private let files: any FileSystem

    private static let name = "x"

    /// - Parameters:
    ///   - directory: exists.
    ///   - fingerprint: of all that decides the clip; windows of another one are refused.
    public init(_ directory: String, fingerprint: String, in files: any FileSystem = PosixFileSystem()) {
        self.directory = directory
        self.fingerprint = fingerprint
        self.files = files
    }

    private func path(_ window: Int) -> String { Path.join(directory, "window-\(window).safetensors") }

    /// Keeps a window, durably.
    public func save(_ x: Tensor, window: Int) throws {
        try CheckedTensorFile.write([(Self.name, x)], [:], fingerprint: fingerprint, to: path(window), in: files)
    }

    /// A window as it was saved.
    ///
    /// - Throws: `missing`; `corrupt` for a damaged file; `invalid` for one that belongs to another clip.
    public func window(_ window: Int, on device: Device) throws -> Tensor {
        guard try files.exists(path(window)) else {
            throw Problem(
                .missing, "what was made so far is gone", remedy: "Requeue the job, which begins anew.",
                file: path(window))
        }
        let file = try CheckedTensorFile(path(window), fingerprint: fingerprint)
        guard let x = try file.tensor(Self.name, on: device) else { throw file.damaged("it is empty") }
        return x
    }
}
