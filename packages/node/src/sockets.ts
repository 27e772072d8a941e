/**
 * For the layers of other runtimes that have `node:net` and `node:tls`: their connects, their TLS, their errors and the
 * delivery of what the peer sends are the same, so they are written and tested once.
 */
export { makeBackgroundClock } from "./BackgroundClock.ts"
export { contradictionIn } from "./contradictionIn.ts"
export { encodeLatin1 } from "./encodeLatin1.ts"
export { Inbound } from "./Inbound.ts"
export { NodeConnection, type OpenedSocket } from "./NodeConnection.ts"
export { makeWith, type NodeCompatibleRuntime, type NodeConnectorOptions } from "./NodeConnector.ts"
export { closedWhileOpening, connectError, ioError, unsupported, unusableTlsOptions } from "./NodeErrors.ts"
export { NodeTls, type TlsSetup, tlsInfoOf } from "./NodeTls.ts"
export { Phases } from "./Phases.ts"
export { connectThrough, type ProxyLayer } from "./ProxiedConnect.ts"
export { type RecordLookupOptions, recordLookup } from "./RecordLookup.ts"
export { type ReadError, systemLookup } from "./SystemLookup.ts"
export { secure, secureOpen } from "./TlsConnection.ts"
export { type LowerStream, type SecuredSocket, type Securing, TlsHandshake } from "./TlsHandshake.ts"
