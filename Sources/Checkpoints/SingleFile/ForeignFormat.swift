internal import DurableFiles
internal import Problems

/// Formats of model files that are not safetensors, whatever the file is called.
enum ForeignFormat {
    /// - Throws: `unsupported`, with what the file is by its first bytes.
    static func refuse(_ path: String) throws {
        let head = try ReadableFile(path, followsLinks: true).read(64, at: 0)
        for (start, what, remedy) in known where head.starts(with: start.utf8) {
            throw Problem(.unsupported, "the file is \(what), not safetensors", remedy: remedy, file: path)
        }
    }

    private static let known: [(start: String, what: String, remedy: String)] = [
        ("GGUF", "quantized weights in the format GGUF", "Take the same model as .safetensors in fp16, bf16 or fp32."),
        (
            "PK\u{3}\u{4}", "a checkpoint of PyTorch (.ckpt, .pt), which can hold programs",
            "Take the same model as .safetensors, or convert it where you trust its origin."
        ),
        (
            "version https://git-lfs", "a pointer of Git LFS to the weights, not the weights themselves",
            "Fetch them: git lfs pull."
        ),
        ("<!", "a web page", page), ("<html", "a web page", page), ("<?xml", "a web page", page),
    ]
    private static let page = "Download the file itself: the server has sent a page, perhaps one to sign in."
}
