internal import DurableFiles
internal import Problems
internal import Safetensors

/// A file that adapts some modules of a model: a LoRA, or one of its kin.
///
/// | written by | names of tensors |
/// | --- | --- |
/// | kohya's scripts, LyCORIS | `lora_unet_`, `lora_te_`, `lora_te1_`, `lora_te2_`, the module's name with `_` for each dot, `.lora_down.weight` or `.hada_w1_a`, ... |
/// | diffusers | `unet.` or `text_encoder.`, the module's name, `.lora.down.weight`, `.lora_A.weight`, `.lora_linear_layer.down.weight` |
/// | diffusers until 2023 | `unet.`, an attention's name, `.processor.to_q_lora.down.weight` |
/// | PEFT | `base_model.model.`, the module's name, `.lora_A.weight` |
///
/// A module's name is looked up among those that the model's modules may have, never taken apart: `_` is in names too. One
/// file may mix all forms.
struct AdapterFile {
    /// What diffusers calls the file in a directory.
    static let fileName = "pytorch_lora_weights.safetensors"
    /// Factors of more than a weight has rows and columns are of no use, beyond what is usual for all modules of a file.
    private static let largestRank = 4096
    /// How many problems of one kind are listed.
    private static let shown = 6

    private let file: SafetensorsFile
    private let settings: AdapterMetadata

    /// - Throws: what is wrong with the file by its header.
    init(_ path: String) throws {
        try ForeignFormat.refuse(path)
        file = try SafetensorsFile(path)
        settings = try AdapterMetadata(file)
    }

    /// The tensors of one module.
    private struct Group {
        /// What the file calls the module.
        let name: String
        var tensors: [AdapterTensor: String] = [:]
    }

    /// What the file adds to some networks' weights, by network and parameter.
    ///
    /// - Parameter scale: the job's.
    /// - Throws: `Problems`: what is none of an adapter, cannot be applied, belongs to no module, or has another shape.
    func deltas(for networks: [AdapterNetwork], scale: Float) throws -> [[String: WeightDelta]] {
        let places = Self.places(in: networks)
        var groups: [String: Group] = [:]
        var foreign: [String: [String]] = [:]
        for key in file.names {
            guard let (module, tensor) = AdapterTensor.split(key) else {
                foreign[AdapterTensor.foreign(key) ?? "tensors of no known adapter", default: []].append(key)
                continue
            }
            groups[module, default: Group(name: module)].tensors[tensor] = key
        }
        var problems = foreign.sorted { $0.key < $1.key }.map { kind, keys in
            problem("it holds \(kind), which cannot be applied: \(list(keys))", "Use a LoRA, LoHa, LoKr or DoRA.")
        }
        var result = networks.map { _ in [String: WeightDelta]() }
        var (homeless, misfits): ([String], [String]) = ([], [])
        for group in groups.values.sorted(by: { $0.name < $1.name }) {
            guard case let place?? = places[group.name] else {
                homeless += group.tensors.values.filter { $0 != group.tensors[.alpha] || group.tensors.count == 1 }
                continue
            }
            let (network, module) = (networks[place.network], place.module)
            do throws(Problem) {
                let delta = try delta(group, network.component, module, scale: scale)
                let shape = network.weights[module] ?? []
                let parameter = module + ".weight"
                if !delta.fits(shape) {
                    misfits.append("\(group.name) changes [\(delta.rows)] + \(delta.columns), not \(shape)")
                } else if result[place.network].updateValue(delta, forKey: parameter) != nil {
                    problems.append(
                        problem("it changes the module \(module) twice", "Keep one of the two in the file."))
                }
            } catch {
                problems.append(error)
            }
        }
        if !homeless.isEmpty {
            problems.append(
                unfit(
                    "\(homeless.count) of its \(file.names.count) tensors belong to no module of the model: "
                        + list(homeless.sorted())))
        }
        if !misfits.isEmpty {
            problems.append(
                unfit(
                    "it is for a model of other sizes: "
                        + misfits.prefix(Self.shown).joined(separator: "; ") + Self.more(misfits.count)))
        }
        if file.names.isEmpty { problems.append(problem("it holds no tensors", "Download or export it again.")) }
        guard problems.isEmpty else { throw Problems(Array(problems.prefix(20))) }
        return result
    }

    /// The module that a name means; nil within for a name that several have.
    private static func places(in networks: [AdapterNetwork]) -> [String: (network: Int, module: String)?] {
        var places: [String: (network: Int, module: String)?] = [:]
        for (index, network) in networks.enumerated() {
            for module in network.weights.keys.sorted() {
                for name in Set(network.names(of: module)) {
                    places[name] = .some(places[name] == nil ? (index, module) : nil)
                }
            }
        }
        return places
    }

    // MARK: - One module

    private func delta(
        _ group: Group, _ component: String, _ module: String, scale: Float
    ) throws(Problem) -> WeightDelta {
        let (form, rank) = try form(group)
        var own = scale
        if let rank {
            own *= try settings.scale(
                alpha: group.tensors[.alpha].map { name throws(Problem) in try number(name) }, rank: rank, component,
                module)
        }
        guard own.isFinite else { throw problem("the scale of \(group.name) is \(own)", "Lower \"scale\".") }
        var delta = WeightDelta(form: form, scale: own, magnitude: nil, file: file)
        guard rank ?? 0 <= max(delta.rows, delta.columns.reduce(1, *|), Self.largestRank) else {
            throw problem(
                "the factors of \(group.name) have rank \(rank ?? 0), more than their product needs",
                "Download or export the file again.")
        }
        delta.magnitude = try magnitude(group, of: delta)
        return delta
    }

    /// What is added, and by what rank alpha is divided: nil where alpha does not count.
    private func form(_ group: Group) throws(Problem) -> (WeightDelta.Form, rank: Int?) {
        let t = group.tensors
        let kinds = Set(t.keys).subtracting([.alpha, .doraScale, .magnitudeVector])
        func need(_ tensor: AdapterTensor) throws(Problem) -> String {
            if let name = t[tensor] { return name }
            let found = t.values.sorted().joined(separator: ", ")
            throw problem(
                "the module \(group.name) lacks the half \(tensor.rawValue); it has \(found)",
                "Download or export the file again.")
        }
        func factored(_ form: FactoredWeight.Form) throws(Problem) -> FactoredWeight {
            try FactoredWeight(form, in: file)
        }
        func factored(_ a: AdapterTensor, _ b: AdapterTensor, core: AdapterTensor) throws(Problem) -> FactoredWeight {
            let (left, right) = (try need(a), try need(b))
            return try factored(
                t[core].map { .tucker(core: $0, left: left, right: right, isTransposed: false) }
                    ?? .product(left, right))
        }
        if kinds.isSubset(of: [.down, .up, .mid]), !kinds.isEmpty {
            let (up, down) = (try need(.up), try need(.down))
            let factors = try factored(
                t[.mid].map { .tucker(core: $0, left: up, right: down, isTransposed: true) } ?? .product(up, down))
            return (.lowRank(factors), factors.rank)
        }
        if kinds.isSubset(of: [.hadaW1A, .hadaW1B, .hadaT1, .hadaW2A, .hadaW2B, .hadaT2]), !kinds.isEmpty {
            let first = try factored(.hadaW1A, .hadaW1B, core: .hadaT1)
            let second = try factored(.hadaW2A, .hadaW2B, core: .hadaT2)
            guard first.rank == second.rank else { throw ranks(group, first, second) }
            return (.hadamard(first, second), first.rank)
        }
        if kinds.isSubset(of: [.lokrW1, .lokrW1A, .lokrW1B, .lokrW2, .lokrW2A, .lokrW2B, .lokrT2]), !kinds.isEmpty {
            func matrix(
                _ whole: AdapterTensor, _ a: AdapterTensor, _ b: AdapterTensor, core: AdapterTensor?
            ) throws(Problem) -> FactoredWeight {
                guard let name = t[whole] else {
                    guard let core else { return try factored(.product(try need(a), try need(b))) }
                    return try factored(a, b, core: core)
                }
                guard t[a] == nil, t[b] == nil else {
                    throw problem("the module \(group.name) has \(name) whole and in factors", "Export it again.")
                }
                return try factored(.whole(name))
            }
            let first = try matrix(.lokrW1, .lokrW1A, .lokrW1B, core: nil)
            let second = try matrix(.lokrW2, .lokrW2A, .lokrW2B, core: .lokrT2)
            guard first.columns.count == 1 else {
                throw problem("the first matrix of \(group.name) has more than two axes", "Export it again.")
            }
            if first.rank > 0, second.rank > 0, first.rank != second.rank { throw ranks(group, first, second) }
            let rank = max(first.rank, second.rank)
            return (.kronecker(first, second), rank > 0 ? rank : nil)
        }
        let found = t.values.sorted().joined(separator: ", ")
        throw problem(
            "the module \(group.name) has what makes no LoRA, LoHa or LoKr: \(found)",
            "Download or export the file again.")
    }

    private func ranks(_ group: Group, _ first: FactoredWeight, _ second: FactoredWeight) -> Problem {
        problem(
            "the two matrices of \(group.name) have the ranks \(first.rank) and \(second.rank)",
            "Download or export the file again.")
    }

    /// The norms of DoRA. LyCORIS writes those of inputs as (1, I), PEFT those of outputs as (O) or (1, O).
    private func magnitude(_ group: Group, of delta: WeightDelta) throws(Problem) -> WeightDelta.Magnitude? {
        guard let name = group.tensors[.doraScale] ?? group.tensors[.magnitudeVector] else { return nil }
        let shape = try file.info(name).shape
        guard let inputs = delta.columns.first else { return nil }
        let count = try file.info(name).count
        let isPerInput = group.tensors[.doraScale] != nil && count > 1 && shape.first == 1
        guard shape.filter({ $0 != 1 }).count <= 1, count == (isPerInput ? inputs : delta.rows) else {
            throw unfit(
                "the norms \(name) have the shape \(shape), but the weights are [\(delta.rows)] + \(delta.columns)")
        }
        guard AdapterMetadata.floats.contains(try file.info(name).type) else {
            throw problem("the norms \(name) are not floats", "Download or export the file again.")
        }
        return WeightDelta.Magnitude(name: name, isPerInput: isPerInput)
    }

    /// A tensor that is a single number.
    private func number(_ name: String) throws(Problem) -> Float {
        let info = try file.info(name)
        guard info.count == 1 else {
            throw problem("\(name) has the shape \(info.shape), and is no single number", "Export the file again.")
        }
        do {
            return info.type == .int64 ? Float(try file.integers(name)[0]) : try file.floats(name)[0]
        } catch {
            throw error as? Problem ?? problem("\(name) cannot be read: \(error)", "Export the file again.")
        }
    }

    // MARK: - Problems

    private func problem(_ message: String, _ remedy: String) -> Problem {
        Problem(
            .invalid, "the LoRA \(Path.name(file.path)) cannot be used: \(message)", remedy: remedy, file: file.path)
    }

    private func unfit(_ message: String) -> Problem {
        let base = settings.baseModel.map { " Its metadata name \($0)." } ?? ""
        return problem(message, "Use one that was made for this model.\(base)")
    }

    private func list(_ keys: [String]) -> String {
        keys.prefix(Self.shown).map { "\($0) \(file.tensors[$0]?.shape ?? [])" }.joined(separator: ", ")
            + Self.more(keys.count)
    }

    private static func more(_ count: Int) -> String {
        count > shown ? ", and \(count - shown) more" : ""
    }
}
