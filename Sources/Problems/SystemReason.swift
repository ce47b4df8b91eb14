internal import Foundation

extension Error {
    /// What the system said, as it says it to people: errors of Foundation describe themselves for programmers.
    public var systemReason: String {
        if let problem = self as? Problem { return problem.description }
        var error = self as NSError
        while let inner = error.userInfo[NSUnderlyingErrorKey] as? NSError { error = inner }
        if error.domain == NSPOSIXErrorDomain { return String(cString: strerror(Int32(clamping: error.code))) }
        return error.domain == NSCocoaErrorDomain ? error.localizedDescription : "\(self)"
    }
}
