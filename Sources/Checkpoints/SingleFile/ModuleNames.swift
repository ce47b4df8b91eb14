/// How a file names the modules of a network. What follows a module's name in that of a parameter is the same in both.
struct ModuleNames: Sendable {
    private var found: [String: [TensorPlace]] = [:]

    /// A module, or a whole parameter, that the file has under one of some names.
    mutating func add(_ module: String, _ names: String...) { found[module] = names.map { TensorPlace(key: $0) } }

    /// A parameter that is not a tensor as it stands.
    mutating func add(_ parameter: String, at places: TensorPlace...) { found[parameter] = places }

    /// Where a parameter lies: the places of the innermost module that has any.
    func places(of parameter: String) -> [TensorPlace] {
        var module = parameter[...]
        while true {
            if let places = found[String(module)] {
                return places.map { place in
                    var place = place
                    place.key += parameter[module.endIndex...]
                    return place
                }
            }
            guard let dot = module.lastIndex(of: ".") else { return [] }
            module = module[..<dot]
        }
    }
}
