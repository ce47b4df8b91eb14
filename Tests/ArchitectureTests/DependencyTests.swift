import Testing

/// What Package.swift declares.
@Suite struct DependencyTests {
    let package: PackageDescription

    init() throws { package = try PackageDescription.own.get() }

    private var targets: [PackageDescription.Target] { package.targets.filter { $0.directory.contains("/Sources/") } }

    @Test func everyTargetStandsInTheTable() {
        for target in targets {
            #expect(
                Layers.place(of: target.name) != nil, "give \(target.name) a place in Layers and docs/architecture.md")
        }
    }

    @Test func arrowsGoDownAndStayInTheirColumn() throws {
        for target in targets {
            let user = try #require(Layers.place(of: target.name))
            for name in target.targets {
                let used = try #require(Layers.place(of: name))
                #expect(used.row < user.row, "\(target.name) must not use \(name), which stands no lower")
                #expect(
                    Layers.allows(user.column, used.column), "\(target.name) must not use \(name) of the other column")
                if user.column == .join, used.column == .control {
                    #expect(Layers.controlForJoin.contains(name), "\(target.name) must not use \(name)")
                }
            }
        }
    }

    @Test func numericCodeUsesNoPackages() throws {
        for target in targets where target.kind == .library {
            let column = try #require(Layers.place(of: target.name)).column
            if column != .control {
                #expect(target.products == [], "\(target.name) is to do without other packages")
            }
        }
    }

    @Test func eachLibraryInCHasOneUser() {
        for target in targets {
            for (library, user) in Layers.soleUsers where target.targets.contains(library) {
                #expect(target.name == user, "\(target.name) uses \(library), which only \(user) does")
            }
        }
    }

    @Test(arguments: ["diffd", "diffctl"])
    func controlProgramsLinkNothingNumeric(_ program: String) throws {
        for name in package.reachable(from: program) {
            #expect(try #require(Layers.place(of: name)).column != .numeric, "\(program) reaches \(name)")
        }
    }

    /// `Tests/XTests` tests the target X.
    @Test func testsMirrorTargets() {
        let wholes = ["ArchitectureTests", "EndToEndTests", "FuzzTests"]
        let names = Set(package.targets.map { $0.name.lowercased() })
        for test in package.targets where test.kind == .test && !wholes.contains(test.name) {
            #expect(test.name.hasSuffix("Tests") && names.contains(test.name.dropLast(5).lowercased()), "\(test.name)")
        }
    }
}
