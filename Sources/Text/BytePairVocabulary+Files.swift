internal import DurableFiles
internal import Problems
internal import StrictJSON

extension BytePairVocabulary {
    /// More are no vocabulary of any text encoder.
    private static let mostTokens = 1 << 20
    private static let remedy = "Use the tokenizer that the text encoder was trained with, as transformers saves it."

    /// Of a `tokenizer.json`, if it is of CLIP's kind.
    init(of file: TokenizerFile, unknown: String) throws {
        guard let model = file["model"] else { throw file.corrupt("there is no model in it", remedy: Self.remedy) }
        func refuse(_ key: String, _ node: JSONNode, unless isExpected: Bool) throws {
            guard !isExpected else { return }
            throw file.unsupported(
                "\(key) is \(node.kindDescription), unlike that of CLIP's tokenizer",
                remedy: "diffd reads byte-level BPE with \"\(Self.wordEnd)\" at the end of words here.", at: node)
        }
        // Files from before 2020 do not say it.
        if let type = model["type"] { try refuse("model.type", type, unless: type.string == "BPE") }
        let suffix = model["end_of_word_suffix"] ?? .null
        try refuse("model.end_of_word_suffix", suffix, unless: suffix.string == Self.wordEnd)
        if let prefix = model["continuing_subword_prefix"] {
            try refuse("model.continuing_subword_prefix", prefix, unless: prefix.isNull || prefix.string == "")
        }
        for key in ["byte_fallback", "ignore_merges", "fuse_unk"] {
            if let flag = model[key] { try refuse("model.\(key)", flag, unless: flag.bool == false) }
        }
        for (key, parts, expected) in [
            ("normalizer", "normalizers", ["NFC", "Replace", "Lowercase"]),
            ("pre_tokenizer", "pretokenizers", ["Split", "ByteLevel"]),
        ] {
            guard let node = file[key], !node.isNull else { continue }
            let types = node[parts]?.elements?.map { $0["type"]?.string }
            try refuse(key, node, unless: types == expected)
        }
        let merges = try (model["merges"]?.elements ?? []).map { try Self.merge($0, in: file) }
        guard let vocabulary = model["vocab"] else {
            throw file.corrupt("the model has no vocab", remedy: Self.remedy, at: model)
        }
        try self.init(vocabulary, in: file, merges: merges, unknown: unknown)
    }

    /// Of `vocab.json` and `merges.txt`.
    init(in directory: TokenizerDirectory, unknown: String) throws {
        guard let file = try directory.object("vocab.json") else {
            throw Problem(
                .missing, "there is no tokenizer in \(directory.path): neither tokenizer.json nor vocab.json",
                remedy: Self.remedy, file: Path.join(directory.path, "tokenizer.json"))
        }
        let name = "merges.txt"
        let text = try directory.text(name)
        let merges: [(left: String, right: String)]
        do throws(Problem) {
            merges = try Self.merges(of: text)
        } catch {
            throw error.inFile(Path.join(directory.path, name))
        }
        try self.init(file.root, in: file, merges: merges, unknown: unknown)
    }

    private init(
        _ vocabulary: JSONNode, in file: TokenizerFile, merges: [(left: String, right: String)], unknown: String
    ) throws {
        guard let members = vocabulary.members, members.count <= Self.mostTokens, merges.count <= Self.mostTokens else {
            throw file.corrupt(
                "the vocabulary is no object of up to \(Self.mostTokens) tokens and merges", at: vocabulary)
        }
        var numbers: [String: Int] = [:]
        numbers.reserveCapacity(members.count)
        for member in members {
            guard let number = member.node.integer else {
                throw file.corrupt(
                    "the token \"\(member.name.prefix(60))\" has \(member.node.kindDescription) for its number",
                    at: member.node)
            }
            numbers[member.name] = number
        }
        guard numbers.keys.contains(where: { $0.hasSuffix(Self.wordEnd) }) else {
            throw file.unsupported(
                "no token of the vocabulary ends in \"\(Self.wordEnd)\", so it is not for CLIP",
                remedy: Self.remedy, at: vocabulary)
        }
        do throws(Problem) {
            try self.init(numbers, merges: merges, unknown: unknown)
        } catch {
            throw error.inFile(file.path)
        }
    }

    /// `["a", "b"]`, or `"a b"` in older files.
    private static func merge(_ node: JSONNode, in file: TokenizerFile) throws -> (left: String, right: String) {
        let parts = node.elements?.compactMap(\.string) ?? node.string?.split(separator: " ").map(String.init) ?? []
        guard parts.count == 2, node.elements?.count ?? 2 == 2 else {
            throw file.corrupt("\(node.kindDescription) is no merge of two tokens", at: node)
        }
        return (parts[0], parts[1])
    }

    /// The lines of a `merges.txt`: two tokens each, after a line with the version.
    static func merges(of text: String) throws(Problem) -> [(left: String, right: String)] {
        var merges: [(left: String, right: String)] = []
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty && !line.starts(with: "#version".utf8) {
            let parts = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }.map(Substring.init)
            guard parts.count == 2 else {
                throw Problem(
                    .corrupt, "\"\(Substring(line).prefix(60))\" is no merge of two tokens", remedy: remedy,
                    line: index + 1)
            }
            merges.append((String(parts[0]), String(parts[1])))
        }
        return merges
    }
}
