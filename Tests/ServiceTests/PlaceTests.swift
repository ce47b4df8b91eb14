import Foundation
import Glibc
import Problems
import Service
import Testing

/// Spool and store where the packaged service may not write.
@Suite struct PlaceTests {
    private func configuration(spool: String, state: String? = nil) -> DaemonConfiguration {
        var configuration = DaemonConfiguration()
        configuration.spool = spool
        configuration.stateDirectory = state
        return configuration
    }

    @Test func aPlaceThatCanBeWrittenOrMadeIsNoFault() {
        let directory = NSTemporaryDirectory()
        #expect(configuration(spool: directory, state: directory + "/new/deep").placeFaults().isEmpty)
    }

    /// A place below a file cannot be made, by root either.
    @Test func aPlaceThatCannotBeWrittenIsToldWithWhatOpensIt() throws {
        let fault = try #require(configuration(spool: "/dev/null/spool").placeFaults().first)
        #expect(fault.message.hasPrefix("spool is /dev/null/spool"))
        #expect(fault.remedy?.contains("ReadWritePaths=/dev/null/spool") == true && fault.cause?.isEmpty == false)
    }

    @Test(
        arguments: [
            ("/var/spool/diffd", nil, [], []), ("/var/spool/diffd2", nil, [], ["/var/spool/diffd2"]),
            ("/data/spool", "/data/store", [], ["/data/spool", "/data/store"]),
            ("/data/spool", "/srv/store", ["[Service]\nReadWritePaths=-/data /x\n"], ["/srv/store"]),
            ("/data/spool", nil, ["[Service]\nReadOnlyPaths=/data"], ["/data/spool"]),
        ] as [(String, String?, [String], [String])])
    func whatTheUnitDoesNotOpenIsFound(spool: String, state: String?, dropIns: [String], closed: [String]) {
        let configuration = configuration(spool: spool, state: state)
        #expect(configuration.closedPlaces(dropIns: dropIns).map(\.path) == closed)
    }
}
