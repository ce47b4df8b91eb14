package import Hummingbird
package import NIOCore

/// What travels with a request: Hummingbird's own storage, and the connection that it came on.
package struct ControlContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    package let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
